// The controls of the cell text, and the facts under its picture.
import { type Control, choices, present } from "../../parts/controls";
import type { Fact } from "../../parts/status";
import { editControl } from "../../parts/textbox";
import { stepsInWords, type Track } from "../../parts/track";
import { positionControl, sourceControl } from "../../parts/track_controls";
import type { Scores, TextSpecimen } from "./meta";

export const LIMITS =
  "A cell that follows an annotation need not be the one that the network uses for it, and many cells may share " +
  "the work: switch it off in HiddenStates to see what is lost. Most cells follow nothing that has a name. The " +
  "best of hundreds of cells looks good on the text on which it was found; believe the score on held-out text, " +
  "and only as far as it is above that of an untrained network and of shuffled labels. Colours are in steps of " +
  "1/128 (gates: 1/256).";

export function controlsOf(
  specimen: TextSpecimen,
  shown: Track | null,
  scores: Scores | null,
  isEditing: boolean,
): Control[] {
  const names = scores?.meta.names ?? [];
  const isBoolean = scores?.meta.annotation?.isBoolean ?? false;
  return present([
    {
      kind: "button",
      name: "previous",
      label: "‹ Previous",
      tip: "The cell before this one in the list (arrow left)",
    },
    {
      kind: "number",
      name: "cell",
      label: "Cell",
      tip: "Number of the cell, counted over all recurrent layers, as in the other views",
      min: 0,
      max: Math.max(0, specimen.cells - 1),
      step: 1,
    },
    { kind: "button", name: "next", label: "Next ›", tip: "The next cell in the list (arrow right)" },
    specimen.annotations.length > 0 && {
      kind: "choice",
      name: "sort_by",
      label: "Sort by",
      tip: "The cells that follow this annotation best come first, and the best is shown. It is drawn as a line under the text.",
      options: choices(
        names.length ? [...names, ...Object.keys(scores?.meta.leftOut ?? {})] : specimen.annotations,
        "number",
      ),
    },
    isBoolean && {
      kind: "choice",
      name: "measure",
      label: "Measure",
      tip: "AUC: how often the cell is higher at a step where the annotation is true than at one where it is false (.5 says nothing, 1 is perfect). r: Pearson's correlation.",
      options: [
        { value: "AUC", label: "AUC" },
        { value: "r", label: "|r|" },
      ],
    },
    sourceControl(specimen.sources, "What is coloured"),
    positionControl(shown?.meta, 500),
    specimen.editable && editControl("colours", isEditing),
  ]);
}

export function factsOf(shown: Track | null, scores: Scores | null): Fact[] {
  if (!shown) return [];
  const facts: Fact[] = [{ text: `${shown.cells} cells, ${stepsInWords(shown.meta)}` }];
  const { heldOutSteps = 0, best = null } = scores?.meta ?? {};
  if (heldOutSteps && best?.heldOut !== false)
    facts.push({
      text: `scored on ${heldOutSteps.toLocaleString("en")} held-out steps`,
      tip: "Another text, on which no cell was chosen",
    });
  for (const note of scores?.meta.notes ?? []) facts.push({ text: note });
  return facts;
}
