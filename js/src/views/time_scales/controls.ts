// The controls of the time-scale view, and the facts under its picture.
import { type Control, choices, present } from "../../parts/controls";
import type { Fact } from "../../parts/status";
import { editControl } from "../../parts/textbox";
import type { TimesMeta, TimesSpecimen } from "./meta";

export const LIMITS =
  "A distance between states says that they differ, not that the difference is used: a large part of it may " +
  "not reach the output. It depends on the token that is replaced and on where; only the mean over many says " +
  "something about the network. It may grow again after it has fallen below 1/e. The gap between the curves of " +
  "the bracket is what the network makes of it in its prediction; cells that close the gap when switched off " +
  "may do so because everything else suffers too: compare with as many other cells.";

export const BRACKETS: [string, string][] = [
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
];

export function controlsOf(
  specimen: TimesSpecimen,
  meta: TimesMeta | null,
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
  isEditing: boolean,
): Control[] {
  return present(get("experiment") === "typo" ? typo() : bracket());

  function typo(): (Control | false)[] {
    return [
      {
        kind: "slider",
        name: "position",
        label: "Token",
        tip: "Which token is replaced: click it in the text, or move this",
        min: 0,
        max: Math.max(0, (meta?.tokens.length ?? 1) - 1),
        step: 1,
      },
      specimen.has_cell && {
        kind: "choice",
        name: "source",
        label: "States",
        tip: "What is compared: the hidden state h, which the layer passes on, or the cell state c, which it keeps",
        options: [
          { value: "hidden", label: "hidden state h" },
          { value: "cell", label: "cell state c" },
        ],
      },
      {
        kind: "choice",
        name: "normalise",
        label: "Relative to",
        tip: "What the distances of each layer are divided by",
        options: [
          { value: "start", label: "the replaced token" },
          { value: "maximum", label: "the largest" },
        ],
      },
      {
        kind: "button",
        name: "average",
        label: `Average over ${get("trials")} typos`,
        tip: "Replace random tokens of the corpus by others, and show the mean with its 95% band",
        pressed: Boolean(get("average")),
      },
      specimen.editable && editControl("states", isEditing),
    ];
  }

  function bracket(): (Control | false)[] {
    const pinned = get("pinned") as number[];
    const own = `${get("opening")} ${get("closing")}`;
    const pairs = BRACKETS.map((pair) => pair.join(" "));
    const off = (get("off") as number[]).length;
    return [
      {
        kind: "choice",
        name: "brackets",
        label: "Bracket",
        tip: "Which bracket is followed in the corpus",
        options: choices([...new Set([...pairs, own])]),
      },
      {
        kind: "slider",
        name: "length",
        label: "Distances",
        tip: "How far behind the opening bracket is looked. Only brackets that stay open longer are followed.",
        min: 10,
        max: 150,
        step: 5,
        unit: "tokens",
      },
      (pinned.length > 0 || off > 0) && {
        kind: "button",
        name: "switch_off",
        label: off ? "Switch on again" : `Switch off ${pinned.length} cells`,
        tip: "Hold the chosen cells at a value at every step, and draw a second curve",
        pressed: off > 0,
      },
    ];
  }
}

export function factsOf(meta: TimesMeta | null): Fact[] {
  if (!meta) return [];
  const facts: Fact[] = [];
  if (meta.bracket) {
    facts.push({
      text: `${meta.bracket.contexts} brackets that stay open for more than ${meta.bracket.steps} tokens`,
      tip: "Drawn at random from the corpus; steps inside another bracket are left out. Bands: 95% bootstrap of the mean.",
    });
  } else {
    facts.push({ text: `${meta.tokens.length} tokens` });
    if (meta.mean)
      facts.push({
        text: `mean of ${meta.mean.trials} typos at ${meta.mean.positions} positions`,
        tip: "Band: 95% bootstrap interval of the mean over the typos",
      });
  }
  for (const note of meta.notes) facts.push({ text: note });
  return facts;
}
