// What a picture of the kernel says, see `HiddenStates.encode` in nbviz/views/hidden_states.py.

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
  sources: { name: string; label: string; tip: string }[];
  layers: string[];
  annotations: string[];
  editable: boolean;
  clampable: boolean;
}
