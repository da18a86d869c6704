// What lies over and under the lines: zero, the cell under the pointer, the threshold, the brush with its two
// handles, and the axis beside them.
import { scaleLinear } from "d3-scale";
import { cssColours } from "../../parts/theme";
import { type LineColours, type Place, trace, yOf } from "./lines";
import type { HiddenTrack } from "./meta";
import { type Selection, type Sign, sidesOf } from "./select";
import { BRUSH, TOKENS } from "./strips";

export interface Marks {
  track: HiddenTrack;
  selection: Selection;
  threshold: number;
  sign: Sign;
  span: [number, number] | null;
  zeros: [number, number];
  hovered: number | null;
  colours: LineColours & { text: string; muted: string; line: string; accent: string; page: string };
}

/** The colours of a plot, in the theme of the page. */
export function plotColours(root: HTMLElement): Marks["colours"] {
  const read = cssColours(root);
  return {
    text: read("fg"),
    muted: read("muted"),
    line: read("line"),
    accent: read("accent"),
    page: read("bg"),
    quiet: read("fg"),
    positive: read("positive"),
    negative: read("negative"),
  };
}

/** Width of the axis in pixels. */
export const AXIS = 44;

/** Where the threshold stands, above zero, below it, or both. */
export const thresholds = (s: Marks, p: Place): { y: number; colour: string }[] =>
  sidesOf(s.track.meta.signed, s.sign).map((side) => ({
    y: yOf(side * s.threshold, s.track, p),
    colour: side > 0 ? s.colours.positive : s.colours.negative,
  }));

export const xOf = (s: Marks, p: Place, step: number): number =>
  (step - s.track.meta.first) * p.step - p.offset;

/** Where the brush lies, below the tokens. */
const brushY = (p: Place) => p.top + p.height + 2 + TOKENS + BRUSH / 2;

/** Where the two handles stand. */
export const handles = (s: Marks, p: Place, span: [number, number]): [number, number] => [
  xOf(s, p, span[0] - s.zeros[0]),
  xOf(s, p, span[1] + s.zeros[1]),
];

function across(context: CanvasRenderingContext2D, y: number, p: Place): void {
  context.beginPath();
  context.moveTo(0, y);
  context.lineTo(p.width, y);
  context.stroke();
}

export function drawZero(context: CanvasRenderingContext2D, s: Marks, p: Place): void {
  context.strokeStyle = s.colours.line;
  context.lineWidth = 1;
  across(context, yOf(0, s.track, p), p);
}

export function drawHovered(context: CanvasRenderingContext2D, s: Marks, p: Place): void {
  if (s.hovered === null) return;
  const at = s.selection.cells.indexOf(s.hovered);
  const colour =
    at < 0 ? s.colours.text : s.selection.signs[at] > 0 ? s.colours.positive : s.colours.negative;
  for (const [width, style] of [
    [6, s.colours.page],
    [3, colour],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.beginPath();
    trace(context, s.track, s.hovered, p);
    context.stroke();
  }
}

export function drawThreshold(context: CanvasRenderingContext2D, s: Marks, p: Place): void {
  context.save();
  context.setLineDash([5, 4]);
  context.lineWidth = 1.25;
  for (const { y, colour } of thresholds(s, p)) {
    context.strokeStyle = colour;
    across(context, y, p);
  }
  context.restore();
}

/** The brushed steps as a light band behind the lines. */
export function drawBand(context: CanvasRenderingContext2D, s: Marks, p: Place): void {
  if (!s.span) return;
  const [a, b] = [xOf(s, p, s.span[0]), xOf(s, p, s.span[1])];
  context.globalAlpha = 0.1;
  context.fillStyle = s.colours.accent;
  context.fillRect(a, 0, b - a, p.top + p.height);
  context.globalAlpha = 1;
}

/** The brush below the tokens; the steps out to its handles must be off. */
export function drawBrush(context: CanvasRenderingContext2D, s: Marks, p: Place): void {
  if (!s.span) return;
  const [a, b] = [xOf(s, p, s.span[0]), xOf(s, p, s.span[1])];
  const y = brushY(p);
  context.strokeStyle = context.fillStyle = s.colours.accent;
  context.fillRect(a, y - 2, b - a, 4);
  context.lineWidth = 1.5;
  handles(s, p, s.span).forEach((x, side) => {
    context.beginPath();
    context.moveTo(side ? b : a, y);
    context.lineTo(x, y);
    context.stroke();
    context.beginPath();
    context.arc(x, y, 4.5, 0, 2 * Math.PI);
    context.fillStyle = s.zeros[side] ? s.colours.accent : s.colours.page;
    context.fill();
    context.stroke();
  });
}

export function drawAxis(context: CanvasRenderingContext2D, s: Marks, p: Place): void {
  const { signed, scale, quantity } = s.track.meta;
  const range = scaleLinear().domain([signed ? -scale : 0, scale]);
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillStyle = s.colours.muted;
  for (const tick of range.ticks(5))
    context.fillText(range.tickFormat(5)(tick), AXIS - 8, yOf(tick, s.track, p));
  for (const { y, colour } of thresholds(s, p)) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(AXIS - 3, y, 5, 0, 2 * Math.PI);
    context.fill();
  }
  context.save();
  context.translate(9, p.top + p.height / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillStyle = s.colours.text;
  context.fillText(quantity, 0, 0);
  context.restore();
}
