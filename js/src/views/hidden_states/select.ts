// The rule that selects cells from the states that are shown.
// The same rule on the same bytes as nbviz/methods/cell_selection.py: the kernel's answer never differs.
import { levelOf, type Track, type TrackMeta } from "../../parts/track";

export type Sign = "positive" | "negative" | "both";

export interface Selection {
  cells: number[];
  /** 1 for cells that are above the threshold, -1 for those below its negative. */
  signs: number[];
}

/** Whether a level is on: far enough above zero, or below it. */
export function isOn(byte: number, sign: number, level: number, signed: boolean): boolean {
  if (!signed) return byte >= level;
  return sign > 0 ? byte >= 128 + level : byte <= 127 - level;
}

/** The sides on which a cell may be on. */
export function sidesOf(signed: boolean, sign: Sign): number[] {
  return !signed || sign === "positive" ? [1] : sign === "negative" ? [-1] : [1, -1];
}

/** Where the sequences end that a span begins and ends in: states of others say nothing about it. */
function sequencesAround(meta: TrackMeta, begin: number, end: number): [number, number] {
  let start = 0;
  let stop = meta.steps;
  for (const boundary of meta.boundaries) {
    if (boundary <= begin) start = Math.max(start, boundary);
    if (boundary >= end) stop = Math.min(stop, boundary);
  }
  return [start, stop];
}

/**
 * Cells that are on at every step of the span and off at the steps demanded before and after it
 * (LSTMVis, Strobelt et al. 2018). Steps outside the sequence are not demanded.
 */
export function selectCells(
  track: Track,
  span: [number, number],
  threshold: number,
  zeros: [number, number],
  sign: Sign,
): Selection {
  const { meta, levels, cells } = track;
  const { steps, signed } = meta;
  const [begin, end] = [span[0] - meta.first, span[1] - meta.first];
  const found: Selection = { cells: [], signs: [] };
  if (end <= begin || begin < 0 || end > steps) return found;
  const [start, stop] = sequencesAround(meta, begin, end);
  const [low, high] = [Math.max(start, begin - zeros[0]), Math.min(stop, end + zeros[1])];
  const level = levelOf(threshold, meta);
  const signs = sidesOf(signed, sign);
  for (let cell = 0; cell < cells; cell++) {
    for (const s of signs) {
      let fits = true;
      for (let t = low; t < high && fits; t++)
        fits = isOn(levels[cell * steps + t], s, level, signed) === (t >= begin && t < end);
      if (fits) {
        found.cells.push(cell);
        found.signs.push(s);
      }
    }
  }
  return found;
}

/** The side on which a cell chosen by hand counts: that of the brush, else the one asked for. */
export function signOf(track: Track, cell: number, span: [number, number] | null, sign: Sign): number {
  const { first, steps, signed } = track.meta;
  if (!signed || sign === "positive") return 1;
  if (sign === "negative") return -1;
  if (!span || span[0] < first || span[0] >= first + steps) return 1;
  return track.levels[cell * steps + span[0] - first] < 128 ? -1 : 1;
}

/** How many of the selected cells are on at each step. */
export function countOn(track: Track, selection: Selection, threshold: number): Uint16Array {
  const { steps, signed } = track.meta;
  const level = levelOf(threshold, track.meta);
  const counts = new Uint16Array(steps);
  selection.cells.forEach((cell, i) => {
    for (let t = 0; t < steps; t++)
      if (isOn(track.levels[cell * steps + t], selection.signs[i], level, signed)) counts[t]++;
  });
  return counts;
}
