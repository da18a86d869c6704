// What the kernel sends: nbviz/views/invariance_explorer.py, `encode`.
import type { Frame } from "../../channel";
import { nearest } from "../../parts/curve_shapes";

export type Transform = "translate" | "scale" | "rotate";

export interface ExplorerSpecimen {
  samples: number;
  labelled: boolean;
  classes: string[];
  layers: string[];
  /** The layers that are compared by default. */
  usual: string[];
  signal: boolean;
}

export interface ExplorerMeta {
  row: number;
  name: string;
  transform: Transform;
  axis: "vertical" | "horizontal";
  /** Ascending; only those that have been run. */
  values: number[];
  /** Number of values when all are run. */
  total: number;
  /** Smallest and largest value when all are run. */
  span: [number, number];
  asGiven: number;
  layers: string[];
  norm: number[];
  target: number;
  targetName: string;
  trueClass: number;
  clean: number | null;
  border: string;
  /** Height and width of the picture, and of those that came along. */
  size: [number, number];
  tile: [number, number];
  channels: number;
  notes: string[];
}

export interface ExplorerData extends ExplorerMeta {
  generation: number;
  /** One row per layer, as measured. */
  distance: Float32Array[];
  probability: Float32Array;
  topProbability: Float32Array;
  topClass: Int32Array;
  pictures: Uint8Array;
}

export function readData(frame: Frame): ExplorerData {
  const meta = frame.meta as ExplorerMeta;
  const [distance, probability, topProbability, topClass, pictures] = frame.arrays;
  const n = meta.values.length;
  return {
    ...meta,
    generation: frame.generation,
    distance: meta.layers.map((_, row) => (distance as Float32Array).subarray(row * n, (row + 1) * n)),
    probability: probability as Float32Array,
    topProbability: topProbability as Float32Array,
    topClass: topClass as Int32Array,
    pictures: pictures as Uint8Array,
  };
}

/** Distances of one layer: as measured, or over the norm of the features of the picture as given. */
export function distancesOf(data: ExplorerData, row: number, relative: boolean): Float32Array {
  const norm = relative ? data.norm[row] : 1;
  return norm > 0 ? data.distance[row].map((d) => d / norm) : data.distance[row].map(() => Number.NaN);
}

/** The bytes of picture `index` as it came along. */
export function tileOf(data: ExplorerData, index: number): Uint8Array {
  const bytes = data.tile[0] * data.tile[1] * data.channels;
  return data.pictures.subarray(index * bytes, (index + 1) * bytes);
}

/** The values around the picture as given, over which the most probable class stays what it is there. */
export function steadyRange(data: ExplorerData): [number, number] | null {
  if (data.target < 0 || !data.values.length) return null;
  const start = nearest(data.values, data.asGiven);
  const answer = data.topClass[start];
  let [low, high] = [start, start];
  while (low > 0 && data.topClass[low - 1] === answer) low--;
  while (high < data.values.length - 1 && data.topClass[high + 1] === answer) high++;
  return [data.values[low], data.values[high]];
}
