// States of recurrent cells over a text, as bytes: what HiddenStates and CellText draw. Levels are those of
// nbviz/methods/state_levels.py.

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
  /** States lie in -scale..scale, or in 0..scale. */
  signed: boolean;
  scale: number;
  /** Steps, counted from the first one shown, at which another sequence begins. */
  boundaries: number[];
}

export interface Track {
  meta: TrackMeta;
  cells: number;
  /** Cell-major: level of cell i at step t is levels[i * steps + t]. */
  levels: Uint8Array;
}

export function countCells(meta: TrackMeta): number {
  return meta.layers.reduce((n, layer) => n + layer.cells, 0);
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

/** The nearest threshold that the levels can express. */
export function snapped(threshold: number, meta: Pick<TrackMeta, "signed" | "scale">): number {
  return thresholdOf(levelOf(threshold, meta), meta);
}

/** Middle of a level as a share of the scale. */
export function shareOf(byte: number, signed: boolean): number {
  return signed ? (byte - 127.5) / 128 : (byte + 0.5) / 256;
}

export function valueAt(track: Track, cell: number, step: number): number {
  const byte = track.levels[cell * track.meta.steps + step];
  return shareOf(byte, track.meta.signed) * track.meta.scale;
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

/** How much of the text is shown, in words. */
export function stepsInWords(meta: TrackMeta): string {
  const { first, steps, total } = meta;
  const count = (n: number) => n.toLocaleString("en");
  return steps === total ? `${count(total)} steps` : `steps ${first} to ${first + steps} of ${total}`;
}
