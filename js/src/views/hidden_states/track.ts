// The states that are shown, as bytes, and the rule that selects cells from them.
// The same rule on the same bytes as nbviz/methods/cell_selection.py: the kernel's answer never differs.

export type Sign = "positive" | "negative" | "both";

export interface TrackMeta {
  /** Names the states; a picture that speaks of other states carries another key. */
  key: string;
  /** Number of the first step in the whole text, steps shown, steps in all. */
  first: number;
  steps: number;
  total: number;
  tokens: string[];
  /** Layers shown, with the number of their first cell in the whole model and how many they have. */
  layers: { name: string; from: number; cells: number }[];
  /** What is shown, in words: "tanh(c)". */
  quantity: string;
  /** States lie in -scale..scale, or in 0..scale; see nbviz/methods/state_levels.py. */
  signed: boolean;
  scale: number;
  /** Steps, counted from the first one shown, at which another sequence begins. */
  boundaries: number[];
  /** Names of the five most probable next tokens are indices into `specimen.symbols`. */
  best: number;
}

export interface Track {
  meta: TrackMeta;
  cells: number;
  /** Cell-major: level of cell i at step t is levels[i * steps + t]. */
  levels: Uint8Array;
  /** (steps, best) indices of the most probable next tokens and their probability in 1/255. */
  next: Uint16Array;
  nextShare: Uint8Array;
  /** Loss in bits of each token given those before it; NaN for the first one. */
  loss: Float32Array;
}

export interface Selection {
  cells: number[];
  /** 1 for cells that are above the threshold, -1 for those below its negative. */
  signs: number[];
}

/** Steps from zero to the scale. */
const stepsOf = (meta: Pick<TrackMeta, "signed">) => (meta.signed ? 128 : 256);

/** The threshold as a number of steps: the nearest that the levels can express. */
export function levelOf(threshold: number, meta: Pick<TrackMeta, "signed" | "scale">): number {
  const steps = stepsOf(meta);
  return Math.max(1, Math.min(steps - 1, Math.round((threshold / meta.scale) * steps)));
}

/** The threshold that is meant by a number of steps. */
export function thresholdOf(level: number, meta: Pick<TrackMeta, "signed" | "scale">): number {
  return (level / stepsOf(meta)) * meta.scale;
}

/** Middle of a level as a share of the scale. */
export function shareOf(byte: number, signed: boolean): number {
  return signed ? (byte - 127.5) / 128 : (byte + 0.5) / 256;
}

export function valueAt(track: Track, cell: number, step: number): number {
  const byte = track.levels[cell * track.meta.steps + step];
  return shareOf(byte, track.meta.signed) * track.meta.scale;
}

/** Whether a level is on: far enough above zero, or below it. */
export function isOn(byte: number, sign: number, level: number, signed: boolean): boolean {
  if (!signed) return byte >= level;
  return sign > 0 ? byte >= 128 + level : byte <= 127 - level;
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
  const signs = !signed || sign === "positive" ? [1] : sign === "negative" ? [-1] : [1, -1];
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

/** Layer and number of a cell within it. */
export function cellName(meta: TrackMeta, cell: number): string {
  let before = 0;
  for (const layer of meta.layers) {
    if (cell < before + layer.cells) return `${layer.name} · ${cell - before}`;
    before += layer.cells;
  }
  return `cell ${cell}`;
}

/** The number of a shown cell in the whole model, and back. */
export function toGlobal(meta: TrackMeta, cell: number): number {
  let before = 0;
  for (const layer of meta.layers) {
    if (cell < before + layer.cells) return layer.from + cell - before;
    before += layer.cells;
  }
  return -1;
}

export function toShown(meta: TrackMeta, cell: number): number {
  let before = 0;
  for (const layer of meta.layers) {
    if (cell >= layer.from && cell < layer.from + layer.cells) return before + cell - layer.from;
    before += layer.cells;
  }
  return -1;
}

/** A token as it can be printed in one cell. */
export function glyph(token: string): string {
  if (token === "\n") return "↵";
  if (token === "\t") return "⇥";
  if (token === " ") return "·";
  return token.replace(/\n/g, "↵").replace(/\t/g, "⇥");
}
