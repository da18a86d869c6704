// What stands under the lines, a column per step: the token, the brush, a chosen annotation, the tokens
// that the model expects next, the number of the step.
import { MONOSPACE } from "../../parts/canvas";
import { classPalette, toCss, VIRIDIS } from "../../parts/colours";
import { glyph } from "../../parts/tokens";
import { type Place, stepsInSight } from "./lines";
import type { HiddenTrack } from "./meta";

export interface Annotation {
  name: string;
  /** One value per step shown, in 0..1 of its range; NaN where there is none. */
  values: Float32Array;
  /** Colours of categories, by value * (n - 1); null for a magnitude. */
  palette: string[] | null;
}

/** Colours of an annotation's categories; null for a magnitude. */
export function paletteOf(
  categories: string[],
  colours: { line: string; accent: string },
  dark: boolean,
): string[] | null {
  if (categories.join() === "False,True") return [colours.line, colours.accent];
  const n = categories.length;
  return n ? [...classPalette(n, dark).colours].map(toCss) : null;
}

export interface Strips {
  track: HiddenTrack;
  counts: Uint16Array;
  annotation: Annotation | null;
  /** Loss of each token shown with cells held at a value, in bits; null without a change. */
  changedLoss: Float32Array | null;
  showNext: boolean;
  symbols: string[];
  colours: { text: string; muted: string; line: string; accent: string; page: string; negative: string };
}

export const TOKENS = 20;
export const BRUSH = 14;
const NOTE = 12;
const NEXT = 15;
const LOSS = 34;
const MOST_BITS = 8; // where the bars of the loss end
const STEPS = 16;
const MIN_LETTER = 7; // pixels a step must have for its letter to be drawn

/** Height of everything under the lines, in pixels. */
export function stripHeight(s: Strips): number {
  const next = s.showNext ? s.track.meta.best * NEXT + 4 : 0;
  return TOKENS + BRUSH + (s.annotation ? NOTE : 0) + (s.changedLoss ? LOSS : 0) + next + STEPS;
}

export function drawStrips(context: CanvasRenderingContext2D, s: Strips, p: Place): void {
  const { meta } = s.track;
  const [first, last] = stepsInSight(s.track, p);
  const most = Math.max(1, ...s.counts);
  const top = p.top + p.height + 2;
  const xOf = (t: number) => t * p.step - p.offset;
  const letters = p.step >= MIN_LETTER;
  context.clearRect(0, top, p.width, stripHeight(s));
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `13px ${MONOSPACE}`;
  for (let t = first; t < last; t++) {
    if (s.counts[t]) {
      context.globalAlpha = (0.85 * s.counts[t]) / most;
      context.fillStyle = s.colours.accent;
      context.fillRect(xOf(t), top, p.step, TOKENS);
      context.globalAlpha = 1;
    }
    if (letters) {
      context.fillStyle = s.counts[t] > 0.6 * most ? s.colours.page : s.colours.text;
      context.fillText(glyph(meta.tokens[t]), xOf(t) + p.step / 2, top + TOKENS / 2, p.step);
    }
  }
  let y = top + TOKENS + BRUSH;
  if (s.annotation) {
    for (let t = first; t < last; t++) {
      const value = s.annotation.values[t];
      if (Number.isNaN(value)) continue;
      const { palette } = s.annotation;
      context.fillStyle = palette
        ? palette[Math.round(value * (palette.length - 1))]
        : toCss(VIRIDIS[Math.round(value * (VIRIDIS.length - 1))]);
      context.fillRect(xOf(t), y, Math.max(1, p.step - 0.5), NOTE - 3);
    }
    y += NOTE;
  }
  if (s.changedLoss) {
    drawLoss(context, s, s.changedLoss, p, y);
    y += LOSS;
  }
  if (s.showNext) {
    for (let t = first; t < last && letters; t++) {
      for (let k = 0; k < meta.best; k++) {
        const share = s.track.nextShare[t * meta.best + k] / 255;
        if (share < 0.02) continue;
        // Under each token what was expected in its place, so that right and wrong stand under one another.
        const column = t + 1;
        const symbol = s.symbols[s.track.next[t * meta.best + k]] ?? "";
        const right = symbol === meta.tokens[column];
        context.globalAlpha = 0.25 + 0.75 * share;
        context.fillStyle = right ? s.colours.accent : s.colours.text;
        context.font = `${right ? "bold " : ""}11px ${MONOSPACE}`;
        context.fillText(glyph(symbol), xOf(column) + p.step / 2, y + k * NEXT + NEXT / 2, p.step);
      }
    }
    context.globalAlpha = 1;
    y += meta.best * NEXT + 4;
  }
  drawNumbers(context, s, p, y, first, last);
}

/** What each token costs (grey) and costs more or less with the change (orange, blue), up to 8 bits. */
function drawLoss(
  context: CanvasRenderingContext2D,
  s: Strips,
  after: Float32Array,
  p: Place,
  y: number,
): void {
  const [first, last] = stepsInSight(s.track, p);
  const height = (bits: number) => (Math.min(MOST_BITS, bits) / MOST_BITS) * (LOSS - 6);
  const bottom = y + LOSS - 4;
  for (let t = first; t < last; t++) {
    const [a, b] = [s.track.loss[t], after[t]];
    if (Number.isNaN(a) || Number.isNaN(b)) continue;
    const [x, width] = [t * p.step - p.offset + 1, Math.max(1, p.step - 2)];
    context.fillStyle = s.colours.line;
    context.fillRect(x, bottom - height(Math.min(a, b)), width, height(Math.min(a, b)));
    context.fillStyle = b > a ? s.colours.negative : s.colours.accent;
    context.fillRect(x, bottom - height(Math.max(a, b)), width, Math.abs(height(b) - height(a)));
  }
  context.fillStyle = s.colours.muted;
  context.fillRect(0, bottom, p.width, 1);
}

function drawNumbers(
  context: CanvasRenderingContext2D,
  s: Strips,
  p: Place,
  y: number,
  first: number,
  last: number,
): void {
  const every = [5, 10, 20, 50, 100, 200, 500].find((n) => n * p.step >= 46) ?? 1000;
  context.font = "10px system-ui, sans-serif";
  context.fillStyle = s.colours.muted;
  for (let t = first; t < last; t++) {
    const number = s.track.meta.first + t;
    if (number % every === 0) context.fillText(String(number), (t + 0.5) * p.step - p.offset, y + STEPS / 2);
    if (s.track.meta.boundaries.includes(t)) {
      context.fillRect(t * p.step - p.offset - 0.5, p.top, 1, p.height);
    }
  }
}
