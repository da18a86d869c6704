// The controls of the hidden-state explorer, and the facts under its picture.
import { type Control, choices, present } from "../../parts/controls";
import type { Fact } from "../../parts/status";
import { editControl } from "../../parts/textbox";
import { stepsInWords } from "../../parts/track";
import { positionControl, sourceControl } from "../../parts/track_controls";
import type { HiddenMeta, HiddenSpecimen, HiddenTrack } from "./meta";

export const LIMITS =
  "Cells that are on together at the brushed tokens need not be what the model uses: the same stretch is on in " +
  "many cells for many reasons, and a search for a pattern finds places with that pattern. Compare the " +
  "annotations with randomly chosen cells, test on another text, and switch the cells off to see whether the " +
  "model needs them. States are shown and searched in steps of 1/128 (gates: 1/256).";

export function controlsOf(
  specimen: HiddenSpecimen,
  track: HiddenTrack | null,
  meta: HiddenMeta | null,
  selected: number,
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
  isEditing: boolean,
): Control[] {
  const scale = track?.meta.scale ?? 1;
  const signed = track?.meta.signed ?? true;
  const source = specimen.sources.find(({ name }) => name === get("source"));
  return present([
    sourceControl(specimen.sources, source?.tip ?? "What is drawn for every cell and step"),
    specimen.layers.length > 1 && {
      kind: "choice",
      name: "layer",
      label: "Layer",
      tip: "Recurrent layers whose cells are drawn, selected and searched",
      options: choices(specimen.layers, "all layers"),
    },
    {
      kind: "slider",
      name: "threshold",
      label: "Threshold θ",
      tip: "A cell is on where its state is beyond this value. Drag the dashed line, or the dot on the axis.",
      min: scale / (signed ? 128 : 256),
      max: scale,
      step: scale / (signed ? 128 : 256),
    },
    signed && {
      kind: "choice",
      name: "sign",
      label: "On",
      tip: "Which side counts: above θ, below −θ, or both, each for itself",
      options: [
        { value: "positive", label: "above θ" },
        { value: "negative", label: "below −θ" },
        { value: "both", label: "either side" },
      ],
    },
    selected > 1 && {
      kind: "slider",
      name: "missing",
      label: "May miss",
      tip: "How many of the selected cells may be off in a match: 0 asks for all of them",
      min: 0,
      max: selected - 1,
      step: 1,
    },
    specimen.annotations.length > 0 && {
      kind: "choice",
      name: "annotation",
      label: "Annotation",
      tip: "Drawn under the tokens and beside the matches",
      options: choices(specimen.annotations, "none"),
    },
    positionControl(track?.meta, 50),
    {
      kind: "slider",
      name: "zoom",
      label: "Width",
      tip: "Width of a step",
      min: 2,
      max: 48,
      step: 1,
      unit: "px",
    },
    (track?.meta.best ?? 0) > 0 && {
      kind: "toggle",
      name: "show_next",
      label: "Expected",
      tip: "Under each token the five that the model thought most probable in its place",
    },
    specimen.clampable &&
      (selected > 0 || (meta?.intervention && get("off").length > 0)) && {
        kind: "button",
        name: "switch_off",
        label: get("off").length ? "Switch on again" : "Switch off",
        tip: "Hold the selected cells at zero, at every step, and see what the model loses",
        pressed: get("off").length > 0,
      },
    get("pinned").length > 0 && {
      kind: "button",
      name: "by_rule",
      label: "Select by rule",
      tip: "Forget the cells chosen by hand; take those that the brush and the threshold select",
    },
    get("span").length > 0 && {
      kind: "button",
      name: "clear",
      label: "Clear brush",
      tip: "Select nothing (Escape)",
    },
    specimen.editable && editControl("states", isEditing),
  ]);
}

export function factsOf(track: HiddenTrack | null, meta: HiddenMeta | null): Fact[] {
  if (!track) return [];
  const facts: Fact[] = [
    {
      text: `${track.cells} cells, ${stepsInWords(track.meta)}`,
      tip: `Every line is one cell: ${track.meta.quantity} at each step`,
    },
  ];
  const known = [...track.loss].filter(Number.isFinite);
  if (known.length) {
    const mean = known.reduce((a, b) => a + b, 0) / known.length;
    facts.push({
      text: `${mean.toFixed(2)} bits per token`,
      tip: "Mean of −log2 of the probability that the model gave to each token of this text",
    });
  }
  if (meta?.searching) facts.push({ text: meta.searching });
  for (const note of meta?.notes ?? []) facts.push({ text: note });
  return facts;
}
