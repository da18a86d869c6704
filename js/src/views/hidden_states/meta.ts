// What the kernel says, see nbviz/views/hidden_states_frames.py.
import { typedArray } from "../../channel";
import { countCells, type Track, type TrackMeta } from "../../parts/track";
import type { Source } from "../../parts/track_controls";

export interface HiddenTrackMeta extends TrackMeta {
  /** Most probable next tokens that are known of each step. */
  best: number;
}

/** The states that are drawn, and what the model expects next. */
export interface HiddenTrack extends Track {
  meta: HiddenTrackMeta;
  /** (steps, best) numbers of the most probable next tokens in `HiddenSpecimen.symbols`, best first. */
  next: Uint16Array;
  /** Their probability in 1/255. */
  nextShare: Uint8Array;
  /** Loss in bits of each token given those before it; NaN for the first one. */
  loss: Float32Array;
}

interface SentTrack {
  meta: HiddenTrackMeta;
  buffers: DataView[];
  dtypes: string[];
}

/** The trait `track`; null before there is one. */
export function trackOf(sent: Partial<SentTrack> | undefined): HiddenTrack | null {
  const { meta, buffers, dtypes } = sent ?? {};
  if (!meta || !buffers || !dtypes) return null;
  const [levels, next, nextShare, loss] = buffers.map((buffer, i) => typedArray(buffer, dtypes[i]));
  return { meta, cells: countCells(meta), levels, next, nextShare, loss } as HiddenTrack;
}

export interface MatchRow {
  start: number;
  length: number;
  /** Selected cells that are on throughout and off where that is demanded. */
  fit: number;
  /** Cells that fit or are selected. */
  union: number;
  /** Tokens around the match; `before` of them stand before it. */
  tokens: string[];
  before: number;
  next: [string, number][];
}

export interface MatchesMeta {
  rows: MatchRow[];
  /** Steps searched and cells of the store. */
  steps: number;
  cells: number;
  runs: number;
  seconds: number;
  /** Whether they lie in the text that is shown. */
  inText: boolean;
  /** Columns of the two heat maps. */
  width: number;
}

export interface Enriched {
  name: string;
  kind: "share" | "mean";
  /** Of a categorical annotation: the category. */
  category: string;
  inside: number;
  base: number;
  /** Low, mean and high of 95 % of the draws; null without draws. */
  random: [number, number, number] | null;
  p: number | null;
}

export interface Intervention {
  cells: string[];
  value: number;
  /** Bits per token without and with the change. */
  before: number;
  after: number;
  /** What the model goes on to write, without and with it. */
  prompt: string;
  plain: string;
  changed: string;
}

export interface HiddenMeta {
  key: string;
  cells: number[];
  signs: number[];
  matches: MatchesMeta | null;
  searching: string;
  enriched: Enriched[];
  intervention: Intervention | null;
  annotation: { name: string; domain: [number, number]; categories: string[] } | null;
  notes: string[];
}

export interface HiddenSpecimen {
  /** Tokens that the model may expect next, by number. */
  symbols: string[];
  sources: Source[];
  layers: string[];
  annotations: string[];
  editable: boolean;
  clampable: boolean;
}
