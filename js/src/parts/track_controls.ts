// Controls of the views that draw the states of a text: which kind of state, which part of the text.
import type { Control } from "./controls";
import type { TrackMeta } from "./track";

/** A kind of state that can be drawn, as `source_notes` of nbviz/methods/state_track.py describes it. */
export interface Source {
  name: string;
  label: string;
  tip: string;
}

export function sourceControl(sources: Source[], tip: string): Control {
  const options = sources.map(({ name, label }) => ({ value: name, label }));
  return { kind: "choice", name: "source", label: "States", tip, options };
}

/** Where the drawn part of a long text begins; null for a text that is drawn as a whole. */
export function positionControl(meta: TrackMeta | undefined, step: number): Control | null {
  if (!meta || meta.total <= meta.steps) return null;
  return {
    kind: "number",
    name: "position",
    label: "From step",
    tip: "First step that is drawn",
    min: 0,
    max: Math.max(0, meta.total - 1),
    step,
  };
}
