// What the kernel says, see nbviz/views/cell_text_frames.py.
import { type TypedArray, typedArray } from "../../channel";
import { countCells, type Track, type TrackMeta } from "../../parts/track";
import type { Source } from "../../parts/track_controls";

/** The trait `track`; null before there is one. */
export function trackOf(sent: { meta?: TrackMeta; buffers?: DataView[] } | undefined): Track | null {
  const { meta, buffers } = sent ?? {};
  if (!meta || !buffers) return null;
  return { meta, cells: countCells(meta), levels: typedArray(buffers[0], "uint8") as Uint8Array };
}

export interface PictureMeta {
  key: string;
  /** Steps of the text on which cells are chosen, and of the held-out one (0: there is none). */
  steps: number;
  heldOutSteps: number;
  /** Annotations that cells are scored against. */
  names: string[];
  leftOut: Record<string, string>;
  sortBy: string;
  measure: "AUC" | "r" | "";
  best: { score: number; heldOut: boolean; baseline: number | null; shuffled: [number, number] } | null;
  annotation: { name: string; isBoolean: boolean; domain: [number, number] } | null;
  notes: string[];
}

export interface TextSpecimen {
  sources: Source[];
  annotations: string[];
  cells: number;
  editable: boolean;
}

/** Scores of every cell: (annotations, cells), NaN where there is none. */
export interface Scores {
  meta: PictureMeta;
  cells: number;
  r: Float32Array;
  auc: Float32Array;
  heldOutR: Float32Array;
  heldOutAuc: Float32Array;
  /** Cells as shown, the best first. */
  order: Uint16Array;
  /** The annotation at each step shown. */
  along: Float32Array;
}

export function scoresOf(meta: PictureMeta, arrays: TypedArray[]): Scores {
  const [r, auc, heldOutR, heldOutAuc, order, along] = arrays;
  return { meta, cells: order.length, r, auc, heldOutR, heldOutAuc, order, along } as Scores;
}

/** One cell against one annotation. */
export interface CellScore {
  cell: number;
  /** -1: the cell is low where the annotation is true, as seen on the text. */
  sign: number;
  /** AUC of the cell times its sign, or NaN. */
  auc: number;
  r: number;
  heldOutAuc: number;
  heldOutR: number;
}

export function scoreOf(s: Scores, name: string, cell: number): CellScore {
  const at = s.meta.names.indexOf(name) * s.cells + cell;
  const isLow = Number.isNaN(s.auc[at]) ? s.r[at] < 0 : s.auc[at] < 0.5;
  const turned = (auc: number) => (isLow ? 1 - auc : auc);
  return {
    cell,
    sign: isLow ? -1 : 1,
    auc: turned(s.auc[at]),
    r: s.r[at],
    heldOutAuc: turned(s.heldOutAuc[at]),
    heldOutR: s.heldOutR[at],
  };
}

/** AUC, r and shares without a leading zero, as tables print them. */
export function short(x: number): string {
  if (!Number.isFinite(x)) return "–";
  return x
    .toFixed(2)
    .replace(/^(-?)0\./, "$1.")
    .replace("-", "−");
}
