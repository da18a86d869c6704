// How the plots lie beside or under one another, and how each is drawn: axes, grid, a point for each cell.
import type { GateMeta, Panel } from "./meta";

export interface PlotsState {
  meta: GateMeta;
  panels: Panel[];
  /** CSS colour of each layer. */
  colours: string[];
  pinned: Set<number>;
  ink: { text: string; muted: string; line: string; page: string };
}

/** A point: its panel and its number in it. */
export interface Spot {
  panel: number;
  point: number;
}

/** The square of one plot, in pixels. */
export interface Place {
  x: number;
  y: number;
  side: number;
}

const [LEFT, TOP, BOTTOM, GAP] = [46, 30, 40, 10];
const NARROW = 190; // pixels below which plots stand under one another

/** Where `n` plots lie; one row of them may be `room` pixels high. */
export function placesOf(n: number, width: number, room: number): { list: Place[]; height: number } {
  const columns = width / n >= NARROW ? n : 1;
  const side = Math.max(60, Math.min(width / columns - LEFT - GAP, room - TOP - BOTTOM));
  const list = Array.from({ length: n }, (_, i) => ({
    x: LEFT + (i % columns) * (width / columns),
    y: TOP + Math.floor(i / columns) * (side + TOP + BOTTOM),
    side,
  }));
  return { list, height: Math.ceil(n / columns) * (side + TOP + BOTTOM) };
}

/** Pixels of a point, and shares of a place in pixels. */
export const toScreen = (panel: Panel, point: number, p: Place): [number, number] => [
  p.x + panel.xy[2 * point] * p.side,
  p.y + (1 - panel.xy[2 * point + 1]) * p.side,
];
export const toData = (p: Place, x: number, y: number): [number, number] => [
  (x - p.x) / p.side,
  1 - (y - p.y) / p.side,
];

export function drawAxes(context: CanvasRenderingContext2D, s: PlotsState, panel: Panel, p: Place): void {
  const { x, y, side } = p;
  context.strokeStyle = s.ink.line;
  context.lineWidth = 1;
  for (const tick of [0.25, 0.5, 0.75]) {
    context.beginPath(); // grid lines within the triangle
    context.moveTo(x + tick * side, y + side);
    context.lineTo(x + tick * side, y + tick * side);
    context.moveTo(x, y + (1 - tick) * side);
    context.lineTo(x + (1 - tick) * side, y + (1 - tick) * side);
    context.stroke();
  }
  context.strokeStyle = s.ink.muted;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x, y + side);
  context.lineTo(x + side, y + side);
  context.closePath();
  context.stroke();
  context.fillStyle = s.ink.text;
  context.font = "600 13px system-ui, sans-serif";
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillText(panel.meta.label, x, y - 11, side);
  context.fillStyle = s.ink.muted;
  context.font = "11px system-ui, sans-serif";
  for (const tick of [0, 0.5, 1]) {
    context.textAlign = tick === 1 ? "right" : "center";
    context.textBaseline = "top";
    context.fillText(`${100 * tick}`, x + tick * side, y + side + 4);
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillText(`${100 * tick}`, x - 5, y + (1 - tick) * side);
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  context.fillText("open, % of the time", x + side / 2, y + side + 19, side);
  context.save();
  context.translate(x - 34, y + side / 2);
  context.rotate(-Math.PI / 2);
  context.textBaseline = "middle";
  context.fillText("closed, % of the time", 0, 0, side);
  context.restore();
}

export function drawPoints(
  context: CanvasRenderingContext2D,
  s: PlotsState,
  panel: Panel,
  p: Place,
  number: number,
  hovered: Spot | null,
): void {
  const dot = (point: number, radius: number) => {
    context.beginPath();
    context.arc(...toScreen(panel, point, p), radius, 0, 2 * Math.PI);
  };
  context.globalAlpha = s.pinned.size ? 0.45 : 0.65;
  for (let i = 0; i < panel.cells.length; i++) {
    context.fillStyle = s.colours[panel.layers[i]];
    dot(i, 3.5);
    context.fill();
  }
  context.globalAlpha = 1;
  const cell = hovered ? s.panels[hovered.panel]?.cells[hovered.point] : undefined;
  for (let i = 0; i < panel.cells.length; i++) {
    const isHovered = panel.cells[i] === cell;
    if (!isHovered && !s.pinned.has(panel.cells[i])) continue;
    context.fillStyle = s.colours[panel.layers[i]];
    context.strokeStyle = s.ink.text;
    context.lineWidth = isHovered && hovered?.panel === number ? 3 : 1.75;
    dot(i, 5.5);
    context.fill();
    context.stroke();
  }
}
