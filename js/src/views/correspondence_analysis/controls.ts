// The controls of the correspondence analysis, and the facts under its pictures.
import { type Control, options } from "../../parts/controls";
import { seedNumber } from "../../parts/projection_controls";
import type { Fact } from "../../parts/status";
import type { Result } from "./meta";

const FILLS: [string, string][] = [
  ["grey", "grey"],
  ["mean", "mean colour"],
  ["zero", "black (zero)"],
  ["blur", "blurred"],
  ["noise", "noise"],
  ["local mean", "local mean"],
];

export function controlsOf(history: { canUndo: boolean; canRedo: boolean }): Control[] {
  return [
    {
      kind: "choice",
      name: "fill",
      label: "Hide with",
      tip: "What stands in a hidden box, in pixels, before the model's own normalisation. Grey in the paper.",
      options: options(FILLS),
    },
    {
      kind: "choice",
      name: "places",
      label: "Random boxes",
      tip:
        "What a part is held against. Anywhere: in each picture at another place, as in the paper. Same place: at " +
        "one random place in all pictures of a draw, so that what comes from the place alone is in both.",
      options: options([
        ["anywhere", "anywhere"],
        ["same place", "same place in all"],
      ]),
    },
    {
      kind: "slider",
      name: "n_random",
      label: "Draws",
      tip: "How many times random boxes are drawn for each part",
      min: 1,
      max: 50,
      step: 1,
    },
    seedNumber("Another seed draws other random boxes (and other noise); one seed always the same"),
    { kind: "button", name: "undo", label: "Undo", tip: "Undo (Ctrl Z)", disabled: !history.canUndo },
    { kind: "button", name: "redo", label: "Redo", tip: "Redo (Ctrl Shift Z)", disabled: !history.canRedo },
  ];
}

export function factsOf(result: Result | null, asked: number): Fact[] {
  if (!result) return [];
  const draws = result.draws < asked ? `${result.draws} of ${asked}` : String(result.draws);
  return [
    {
      text: `${draws} random ${result.draws === 1 && asked === 1 ? "draw" : "draws"} for each part`,
      tip: "In every picture one box of the size that the part has there",
    },
    ...(result.places === "same place"
      ? [{ text: "at the same place in all pictures", tip: "What comes from the place alone is in both" }]
      : []),
    ...result.notes.map((text) => ({ text })),
  ];
}
