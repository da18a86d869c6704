// The controls of the cell text, and the facts under its picture.
import type { Control } from "../../parts/controls";
import type { Fact } from "../../parts/status";
import type { Scores, Shown, TextSpecimen } from "./meta";

export const LIMITS =
  "A cell that follows an annotation need not be the one that the network uses for it, and many cells may share " +
  "the work: switch it off in HiddenStates to see what is lost. Most cells follow nothing that has a name. The " +
  "best of hundreds of cells looks good on the text on which it was found; believe the score on held-out text, " +
  "and only as far as it is above that of an untrained network and of shuffled labels. Colours are in steps of " +
  "1/128 (gates: 1/256).";

const options = (values: string[]) => values.map((value) => ({ value, label: value }));

export function controlsOf(
  specimen: TextSpecimen,
  shown: Shown | null,
  scores: Scores | null,
  isEditing: boolean,
): Control[] {
  const windowed = shown && shown.meta.total > shown.meta.steps;
  const names = scores?.meta.names ?? [];
  const isBoolean = scores?.meta.annotation?.isBoolean ?? false;
  const controls: (Control | false | null)[] = [
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
      options: [
        { value: "", label: "number" },
        ...options(
          names.length ? [...names, ...Object.keys(scores?.meta.leftOut ?? {})] : specimen.annotations,
        ),
      ],
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
    {
      kind: "choice",
      name: "source",
      label: "States",
      tip: "What is coloured",
      options: specimen.sources.map(({ name, label }) => ({ value: name, label })),
    },
    windowed
      ? {
          kind: "number",
          name: "position",
          label: "From step",
          tip: "First step that is drawn",
          min: 0,
          max: Math.max(0, shown.meta.total - 1),
          step: 500,
        }
      : false,
    specimen.editable && {
      kind: "button",
      name: "edit",
      label: "Edit text",
      tip: "Type another text: the colours follow as you type",
      pressed: isEditing,
    },
  ];
  return controls.filter(Boolean) as Control[];
}

export function factsOf(shown: Shown | null, scores: Scores | null): Fact[] {
  if (!shown) return [];
  const { total, steps, first } = shown.meta;
  const count = (n: number) => n.toLocaleString("en");
  const range = steps === total ? `${count(total)} steps` : `steps ${first} to ${first + steps} of ${total}`;
  const facts: Fact[] = [{ text: `${shown.cells} cells, ${range}` }];
  if (scores?.meta.heldOutSteps)
    facts.push({
      text: `scored on ${count(scores.meta.heldOutSteps)} held-out steps`,
      tip: "Another text, on which no cell was chosen",
    });
  for (const note of scores?.meta.notes ?? []) facts.push({ text: note });
  return facts;
}
