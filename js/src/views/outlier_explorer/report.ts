// What was measured, as nbviz/views/outlier_explorer_frames.py packs it, and which samples a list of it holds.
import type { Frame } from "../../channel";
import type { Extent } from "../../parts/viewport";

export type SortKey = "loss" | "hit" | "disagreement";

export interface Overlap {
  /** Rows: outliers, others. Columns: wrong, right. */
  table: [[number, number], [number, number]];
  odds: string;
  p: string;
  words: string;
}

export interface RegionMeta {
  width: number;
  height: number;
  extent: Extent;
  note: string;
}

export interface OutlierMeta {
  layer: string;
  extent: Extent;
  method: "tsne" | "pca";
  iteration: number;
  features: number;
  variance: [number, number] | null;
  accuracy: number | null;
  lossUnit: string;
  notes: string[];
  arrays: string[];
  regions?: RegionMeta;
  report?: {
    k: number;
    mostHit: number;
    hit: number;
    keys: SortKey[];
    outliers: number;
    overlap: Overlap | null;
  };
}

/** What the neighbours of every point say of it. */
export interface Report {
  layer: string;
  /** Row numbers of the points. */
  rows: Int32Array;
  /** Points by row number. */
  points: Map<number, number>;
  k: number;
  mostHit: number;
  hit: number;
  keys: SortKey[];
  outliers: number;
  overlap: Overlap | null;
  /** 1 for an outlier, 2 for an error, 3 for both. */
  flags: Uint8Array;
  /** How many of the k neighbours are of a point's own class. */
  same: Uint16Array;
  /** k points for each point. */
  neighbours: Uint16Array | Int32Array;
  loss: Float32Array | null;
  /** Of the k neighbours: those of the most frequent class less those of the predicted one. */
  disagreement: Uint16Array | null;
  orders: Partial<Record<SortKey, Int32Array>>;
}

export const OUTLIER = 1;
export const WRONG = 2;

/** The arrays of a frame by name. */
export function arraysOf(frame: Frame): Record<string, Frame["arrays"][number]> {
  const names = (frame.meta as OutlierMeta).arrays;
  return Object.fromEntries(names.map((name, i) => [name, frame.arrays[i]]));
}

/** The measurement in a frame; null for a picture that was not measured yet. */
export function reportOf(frame: Frame): Report | null {
  const meta = frame.meta as OutlierMeta;
  if (!meta.report) return null;
  const arrays = arraysOf(frame);
  const rows = arrays.rows as Int32Array;
  return {
    ...meta.report,
    layer: meta.layer,
    rows,
    points: new Map(Array.from(rows, (row, point) => [row, point])),
    flags: arrays.flags as Uint8Array,
    same: arrays.same as Uint16Array,
    neighbours: arrays.neighbours as Uint16Array | Int32Array,
    loss: (arrays.loss as Float32Array) ?? null,
    disagreement: (arrays.disagreement as Uint16Array) ?? null,
    orders: Object.fromEntries(meta.report.keys.map((key) => [key, arrays[`order ${key}`]])),
  };
}

export interface Show {
  value: string;
  label: string;
  /** Whether it holds a point with these flags. */
  holds: (flags: number) => boolean;
  /** Whether it asks for predictions. */
  needsErrors: boolean;
}

const cell = (flags: number) => (given: number) => (given & (OUTLIER | WRONG)) === flags;

/** As SHOWS in nbviz/methods/neighbour_report.py. */
export const SHOWS: Show[] = [
  { value: "all", label: "all samples", holds: () => true, needsErrors: false },
  { value: "outliers", label: "outliers", holds: (flags) => (flags & OUTLIER) > 0, needsErrors: false },
  { value: "errors", label: "errors", holds: (flags) => (flags & WRONG) > 0, needsErrors: true },
  { value: "wrong outliers", label: "outliers that are wrong", holds: cell(3), needsErrors: true },
  { value: "right outliers", label: "outliers that are right", holds: cell(OUTLIER), needsErrors: true },
  { value: "wrong others", label: "errors that are no outliers", holds: cell(WRONG), needsErrors: true },
  { value: "right others", label: "neither", holds: cell(0), needsErrors: true },
];

export const CELLS = [
  ["wrong outliers", "right outliers"],
  ["wrong others", "right others"],
] as const;

export function showOf(value: string): Show {
  return SHOWS.find((show) => show.value === value) ?? SHOWS[0];
}

/** The key that the list is sorted by: the neighbourhood hit where the wanted one was not measured. */
export function sortKey(report: Report, wanted: string): SortKey {
  return report.keys.includes(wanted as SortKey) ? (wanted as SortKey) : "hit";
}

/** Whether it is known which samples belong to it. */
export function canTell(report: Report, show: string): boolean {
  return !showOf(show).needsErrors || report.overlap !== null;
}

/** Points of the list, worst first; only those of `among` (row numbers), unless it is empty. */
export function listed(report: Report, sortBy: string, show: string, among: Int32Array): Int32Array {
  const order = report.orders[sortKey(report, sortBy)] ?? new Int32Array(0);
  const { holds } = showOf(show);
  if (!canTell(report, show)) return new Int32Array(0);
  const chosen = among.length ? new Set(among) : null;
  return order.filter((point) => holds(report.flags[point]) && (!chosen || chosen.has(report.rows[point])));
}

/** Row numbers of all samples of a cell of the table, ascending. */
export function rowsOf(report: Report, show: string): Int32Array {
  const { holds } = showOf(show);
  return report.rows.filter((_, point) => holds(report.flags[point])).sort();
}

/** The k neighbours of a point, nearest first. */
export function neighboursOf(report: Report, point: number): number[] {
  return Array.from(report.neighbours.subarray(point * report.k, (point + 1) * report.k));
}

export function lossText(loss: number): string {
  if (Number.isNaN(loss)) return "–";
  if (!Number.isFinite(loss)) return "∞";
  return Math.abs(loss) >= 100 ? loss.toFixed(0) : loss.toFixed(2);
}
