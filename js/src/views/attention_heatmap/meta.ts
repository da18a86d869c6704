// What a picture of the kernel says, see nbviz/views/attention_heatmap_frames.py.
import type { TypedArray } from "../../channel";

export interface AttentionMeta {
  groups: string[];
  group: string;
  kind: "self" | "cross";
  layers: number;
  heads: number;
  layerNames: string[];
  rows: string[];
  columns: string[];
  size: [number, number];
  /** Largest weight. */
  top: number;
  /** Weights are float32; else bytes, in 255ths of `top`. */
  exact: boolean;
  drawn: string;
  written: string;
  unchanged: string;
  /** For each token written the likeliest in its place, with their probabilities. */
  likeliest: [string, number][][];
  effect: {
    /** Bits, for each row of the output. */
    kl: number[] | null;
    relative: number;
    tops: [number, string, string, number, number][];
    changed: number;
  } | null;
  notes: string[];
  /** Attention over a picture: patches, columns before them, height and width in pixels. */
  grid: { height: number; width: number; before: number; picture: [number, number] } | null;
}

export interface AttentionSpecimen {
  editable: boolean;
  samples: number;
  /** Writes token by token, so that tokens can be forced. */
  writes: boolean;
  /** There is a model to run with a change. */
  live: boolean;
}

export interface Overview {
  key: string;
  layers: number;
  heads: number;
  height: number;
  width: number;
  scores: Record<string, (number | null)[]>;
  pictures: DataView;
}

/** The matrix that is drawn. */
export interface Matrix {
  meta: AttentionMeta;
  rows: number;
  columns: number;
  weight: (row: number, column: number) => number;
  isMasked: (row: number, column: number) => boolean;
  sums: Float32Array;
  picture: Uint8Array | null;
}

export function readMatrix(meta: AttentionMeta, arrays: TypedArray[]): Matrix {
  const [rows, columns] = meta.size;
  const [weights, bits, sums, picture] = arrays;
  const unit = meta.exact ? 1 : meta.top / 255;
  return {
    meta,
    rows,
    columns,
    weight: (row, column) => weights[row * columns + column] * unit,
    isMasked: (row, column) => {
      const at = row * columns + column;
      return ((bits[at >> 3] >> (7 - (at & 7))) & 1) === 1;
    },
    sums: sums as Float32Array,
    picture: (picture as Uint8Array | undefined) ?? null,
  };
}

/** A token as it can be printed on one line: blanks made visible, the marks of word pieces taken off. */
export function printed(token: string): string {
  const text = token.replace(/^##/, "").replace(/^[Ġ▁]/, "");
  if (text === "") return token === "" ? "∅" : "·";
  if (/^\s+$/.test(text)) return text.replace(/ /g, "·").replace(/\n/g, "↵").replace(/\t/g, "⇥");
  return text;
}
