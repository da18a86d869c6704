// The lines of all cells over the steps in sight. All of them are drawn once, on a canvas that nobody sees;
// what moves with the pointer (the selection, the cell under it) is drawn over a copy.
import type { Track } from "../../parts/track";
import type { Selection } from "./select";

export interface Place {
  width: number;
  top: number;
  height: number;
  /** Width of a step, and how far the first one lies left of the edge, in pixels. */
  step: number;
  offset: number;
}

/** Share of the height at which a level lies. */
const heightOf = (byte: number) => (byte + 0.5) / 256;

/** Vertical place of a value. */
export function yOf(value: number, track: Track, place: Place): number {
  const { signed, scale } = track.meta;
  const share = signed ? (value / scale + 1) / 2 : value / scale;
  return place.top + (1 - share) * place.height;
}

export function valueOfY(y: number, track: Track, place: Place): number {
  const share = 1 - (y - place.top) / place.height;
  return (track.meta.signed ? 2 * share - 1 : share) * track.meta.scale;
}

/** The steps in sight, one more on both sides. */
export function stepsInSight(track: Track, place: Place): [number, number] {
  const first = Math.max(0, Math.floor(place.offset / place.step) - 1);
  const last = Math.min(track.meta.steps, Math.ceil((place.offset + place.width) / place.step) + 1);
  return [first, last];
}

/** The line of one cell, added to the path of `context`. */
export function trace(context: CanvasRenderingContext2D, track: Track, cell: number, place: Place): void {
  const [first, last] = stepsInSight(track, place);
  const { steps } = track.meta;
  const { top, height, step, offset } = place;
  const base = cell * steps;
  for (let t = first; t < last; t++) {
    const byte = track.levels[base + t];
    const y = top + (1 - heightOf(byte)) * height;
    const x = (t + 0.5) * step - offset;
    if (t === first) context.moveTo(x, y);
    else context.lineTo(x, y);
  }
}

export interface LineColours {
  quiet: string;
  positive: string;
  negative: string;
}

/** Lines that are drawn at once; the rest follows in the next frames, so that a picture stays below 16 ms. */
const AT_ONCE = 128;

export function createLines() {
  const quiet = document.createElement("canvas");
  let drawn = "";

  /** All lines, faint: drawn anew only when track, place or colour change. */
  function background(track: Track, place: Place, colours: LineColours, ratio: number): HTMLCanvasElement {
    const key = JSON.stringify([track.meta.key, place, colours.quiet, ratio]);
    if (key === drawn) return quiet;
    drawn = key;
    quiet.width = Math.max(1, Math.round(place.width * ratio));
    quiet.height = Math.max(1, Math.round((place.top + place.height + 2) * ratio));
    const context = quiet.getContext("2d");
    if (!context) return quiet;
    context.scale(ratio, ratio);
    context.strokeStyle = colours.quiet;
    context.lineWidth = 1;
    context.globalAlpha = Math.max(0.04, Math.min(0.6, 1 / Math.sqrt(track.cells)));
    for (let cell = 0; cell < track.cells; cell++) {
      context.beginPath();
      trace(context, track, cell, place);
      context.stroke();
    }
    return quiet;
  }

  /** The selected lines; gives back how many are still to be drawn. */
  function selected(
    context: CanvasRenderingContext2D,
    track: Track,
    selection: Selection,
    place: Place,
    colours: LineColours,
    from = 0,
  ): number {
    const to = Math.min(selection.cells.length, from + AT_ONCE);
    context.save();
    context.lineWidth = selection.cells.length > 40 ? 1 : 1.5;
    context.globalAlpha = Math.max(0.35, Math.min(0.95, 6 / Math.sqrt(selection.cells.length + 1)));
    for (const sign of [1, -1]) {
      context.strokeStyle = sign > 0 ? colours.positive : colours.negative;
      for (let i = from; i < to; i++) {
        if (selection.signs[i] !== sign) continue;
        context.beginPath();
        trace(context, track, selection.cells[i], place);
        context.stroke();
      }
    }
    context.restore();
    return selection.cells.length - to;
  }

  return { background, selected };
}

/** The cell whose line passes nearest to a point, if one is within `reach` pixels. */
export function cellAt(track: Track, place: Place, x: number, y: number, reach = 8): number | null {
  const at = (x + place.offset) / place.step - 0.5;
  const left = Math.max(0, Math.min(track.meta.steps - 1, Math.floor(at)));
  const right = Math.min(track.meta.steps - 1, left + 1);
  const share = Math.max(0, Math.min(1, at - left));
  const { steps } = track.meta;
  let best: number | null = null;
  let nearest = reach;
  for (let cell = 0; cell < track.cells; cell++) {
    const a = track.levels[cell * steps + left];
    const b = track.levels[cell * steps + right];
    const byte = a + (b - a) * share;
    const line = place.top + (1 - heightOf(byte)) * place.height;
    if (Math.abs(line - y) < nearest) {
      nearest = Math.abs(line - y);
      best = cell;
    }
  }
  return best;
}
