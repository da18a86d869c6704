// What the kernel sends: nbviz/views/layer_probes_frame.py. And what is read off it.
import type { Frame } from "../../channel";

export type Measure = "neighbourhood hit" | "probe accuracy" | "selectivity";

export interface ColumnMeta {
  name: string;
  /** Numbers: scores are R². */
  numeric: boolean;
  samples: number;
  classes: number;
  hitChance: number;
  hitCeiling: number;
  baseline: number;
  /** Whether the folds keep groups whole. */
  grouped: boolean;
}

interface Meta {
  layers: string[];
  columns: ColumnMeta[];
  k: number;
  folds: number;
  groups: string;
  shuffleBy: string;
  layerNotes: string[];
  notes: string[];
}

/** Layers down, columns across; scores with their folds innermost. NaN where nothing has come. */
export interface Table extends Meta {
  kind: "preview" | "result";
  hits: Float32Array;
  untrainedHits: Float32Array;
  scores: Float32Array;
  shuffled: Float32Array;
  untrained: Float32Array;
}

export interface Specimen {
  n: number;
  layers: string[];
  usual: string[];
  maps: boolean;
  columns: string[];
  untrained: boolean;
}

export function readTable(frame: Frame): Table {
  const [hits, untrainedHits, scores, shuffled, untrained] = frame.arrays as Float32Array[];
  return { ...(frame.meta as Meta), kind: frame.kind, hits, untrainedHits, scores, shuffled, untrained };
}

export function foldsOf(table: Table, scores: Float32Array, i: number, j: number): Float32Array {
  const first = (i * table.columns.length + j) * table.folds;
  return scores.subarray(first, first + table.folds);
}

export interface Spread {
  mean: number;
  /** Standard deviation over the folds. */
  sd: number;
}

export function spreadOf(values: ArrayLike<number>): Spread {
  const all = Array.from(values);
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const squares = all.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: Math.sqrt(squares / (all.length - 1)) };
}

/** Everything about one cell. */
export interface Cell {
  hit: number;
  untrainedHit: number;
  folds: Float32Array;
  probe: Spread;
  shuffled: Spread;
  untrained: Spread;
  selectivity: number;
}

export function cellOf(table: Table, i: number, j: number): Cell {
  const at = i * table.columns.length + j;
  const folds = foldsOf(table, table.scores, i, j);
  const [probe, shuffled, untrained] = [table.scores, table.shuffled, table.untrained].map((scores) =>
    spreadOf(foldsOf(table, scores, i, j)),
  );
  return {
    hit: table.hits[at],
    untrainedHit: table.untrainedHits[at],
    folds,
    probe,
    shuffled,
    untrained,
    selectivity: probe.mean - shuffled.mean,
  };
}

export function measured(table: Table, measure: Measure, i: number, j: number): number {
  const cell = cellOf(table, i, j);
  if (measure === "neighbourhood hit") return cell.hit;
  return measure === "probe accuracy" ? cell.probe.mean : cell.selectivity;
}

/** What `measure` is without looking at a layer. */
export function withoutLayer(column: ColumnMeta, measure: Measure): number {
  if (measure === "neighbourhood hit") return column.hitChance;
  return measure === "probe accuracy" ? column.baseline : 0;
}

const isSameTable = (a: Table, b: Table) =>
  a.layers.join("\n") === b.layers.join("\n") &&
  a.columns.map(({ name }) => name).join("\n") === b.columns.map(({ name }) => name).join("\n");

/** The cell to show: while a table fills, one that has not come is that of the picture before, marked as old. */
export function shownCell(
  table: Table,
  before: Table | null,
  measure: Measure,
  i: number,
  j: number,
): { value: number; old: boolean } {
  const value = measured(table, measure, i, j);
  if (!Number.isNaN(value) || table.kind === "result" || !before || !isSameTable(table, before))
    return { value, old: false };
  const earlier = measured(before, measure, i, j);
  return { value: earlier, old: !Number.isNaN(earlier) };
}
