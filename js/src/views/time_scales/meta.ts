// What the kernel sends; the other half is nbviz/views/time_scales_frames.py.

export interface TimesSpecimen {
  layers: { name: string; cells: number }[];
  has_cell: boolean;
  predicts: boolean;
  editable: boolean;
}

/** `null` stands for infinity: the difference never falls so far. */
type Tau = number | null;

export interface TimesMeta {
  tokens: string[];
  layers: string[];
  position: number;
  original: string;
  replacement: string;
  source: "hidden" | "cell";
  normalise: "start" | "maximum";
  /** Steps of the typo's distances. */
  steps: number;
  tau: Tau[];
  mean: MeanMeta | null;
  bracket: BracketMeta | null;
  notes: string[];
}

/** Over many typos. */
export interface MeanMeta {
  trials: number;
  /** Different places of the text at which they are. */
  positions: number;
  steps: number;
  tau: Tau[];
  interval: [Tau, Tau][];
}

export interface BracketMeta {
  opening: string;
  closing: string;
  instead: string;
  contexts: number;
  steps: number;
  curves: string[];
  memory: (number | null)[];
  off: string[];
  examples: string[];
}

export function tauText(tau: Tau, steps: number): string {
  if (tau === null) return `> ${steps - 1}`;
  return tau >= 100 ? tau.toFixed(0) : tau.toFixed(1);
}
