// The controls of the invariance explorer, the words on its axes, and the facts under it.
import { type Control, options } from "../../parts/controls";
import { plain } from "../../parts/curves";
import type { Fact } from "../../parts/status";
import {
  type ExplorerData,
  type ExplorerMeta,
  type ExplorerSpecimen,
  steadyRange,
  type Transform,
} from "./meta";

export const AS_GIVEN: Record<Transform, number> = { translate: 0, scale: 1, rotate: 0 };

const TABS: [Transform, string, string][] = [
  ["translate", "Translation", "Shift the picture by whole pixels"],
  ["scale", "Scale", "Enlarge or shrink the picture about its middle"],
  ["rotate", "Rotation", "Turn the picture about its middle, counter-clockwise"],
];
const BORDERS: [string, string][] = [
  ["edge", "outermost pixels"],
  ["reflect", "mirror image"],
  ["wrap", "the other end"],
  ["zero", "black (zero)"],
  ["grey", "grey"],
];

/** Names of the three buttons; the shell asks the view for what they do. */
export const TAB_NAMES = TABS.map(([name]) => name);

export function controlsOf(
  specimen: ExplorerSpecimen,
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
  size: [number, number],
): Control[] {
  const transform = get("transform") as Transform;
  const length = size[get("axis") === "vertical" ? 0 : 1];
  const range: (Control | false)[] =
    transform === "translate"
      ? [
          !specimen.signal && {
            kind: "choice",
            name: "axis",
            label: "Direction",
            tip: "Which way the picture is shifted",
            options: options([
              ["vertical", "vertical"],
              ["horizontal", "horizontal"],
            ]),
          },
          {
            kind: "slider",
            name: "furthest",
            label: "Up to",
            tip: `Largest shift either way, in ${specimen.signal ? "time steps" : "pixels of the picture"}`,
            min: 1,
            max: Math.max(2, length - 1),
            step: 1,
            unit: specimen.signal ? "steps" : "px",
          },
        ]
      : transform === "scale"
        ? [
            {
              kind: "slider",
              name: "smallest",
              label: "From",
              tip: "Smallest factor; below 1 the picture shrinks",
              min: 0.25,
              max: 1,
              step: 0.05,
              unit: "×",
            },
            {
              kind: "slider",
              name: "largest",
              label: "To",
              tip: "Largest factor; above 1 the picture grows",
              min: 1.05,
              max: 4,
              step: 0.05,
              unit: "×",
            },
          ]
        : [
            {
              kind: "slider",
              name: "turn",
              label: "Up to",
              tip: "Largest angle, counter-clockwise",
              min: 10,
              max: 360,
              step: 10,
              unit: "°",
            },
          ];
  const controls: (Control | false)[] = [
    ...TABS.filter(([name]) => !specimen.signal || name !== "rotate").map(
      ([name, label, tip]): Control => ({ kind: "button", name, label, tip, pressed: transform === name }),
    ),
    specimen.samples > 1 && {
      kind: "slider",
      name: "sample",
      label: "Picture",
      tip: "Which of the samples is moved",
      min: 0,
      max: specimen.samples - 1,
      step: 1,
    },
    ...range,
    {
      kind: "number",
      name: "points",
      label: "Values",
      tip: "About how many pictures are made along the range. More take longer.",
      min: 3,
      max: 400,
      step: 1,
    },
    {
      kind: "choice",
      name: "border",
      label: "Border",
      tip: "What comes in from outside where the picture has moved away. The network has an opinion about it too.",
      options: options(BORDERS),
    },
    specimen.classes.length > 0 && {
      kind: "choice",
      name: "target",
      label: "Class",
      tip: "Whose probability is followed",
      options: options([
        ["-1", specimen.labelled ? "true class" : "most probable"],
        ...specimen.classes.map((name, i) => [String(i), name] as [string, string]),
      ]),
    },
    {
      kind: "choice",
      name: "measure",
      label: "Distance",
      tip:
        "Euclidean distance to the features of the picture as given: divided by their norm, so that layers can be " +
        "compared, or in units of activation",
      options: options([
        ["relative", "relative to the norm"],
        ["absolute", "absolute"],
      ]),
    },
  ];
  return controls.filter((control) => control !== false);
}

/** The title of the x axis, with its unit. */
export function axisTitle({ transform, axis }: ExplorerMeta, signal: boolean): string {
  if (transform === "scale") return "scale (factor)";
  if (transform === "rotate") return "rotation (degrees, counter-clockwise)";
  if (signal) return "shift (time steps, later is positive)";
  return `shift (pixels, ${axis === "vertical" ? "down" : "right"} is positive)`;
}

/** A strength in words: what has been done to the picture. */
export function strength({ transform, axis, asGiven, size }: ExplorerMeta, value: number): string {
  if (value === asGiven) return "as given";
  if (transform === "scale") return `× ${plain(value)}`;
  if (transform === "rotate") return `${plain(value)}° counter-clockwise`;
  if (size[0] === 1) return `${plain(Math.abs(value))} steps ${value < 0 ? "earlier" : "later"}`;
  const way = axis === "vertical" ? ["up", "down"] : ["left", "right"];
  return `${plain(Math.abs(value))} px ${way[value < 0 ? 0 : 1]}`;
}

const UNITS: Record<Transform, string> = { translate: " px", scale: "", rotate: "°" };

export const percent = (share: number) =>
  `${(100 * share).toFixed(share > 0 && (share < 0.1 || (share > 0.99 && share < 0.9995)) ? 1 : 0)} %`;

export function factsOf(data: ExplorerData, specimen: ExplorerSpecimen): Fact[] {
  const facts: Fact[] = [];
  const name = (index: number) => specimen.classes[index] ?? `class ${index}`;
  const which = data.trueClass < 0 ? "" : `true class ${name(data.trueClass)}`;
  const sample = [data.name, which].filter(Boolean).join(", ");
  if (sample) facts.push({ text: sample });
  if (data.clean !== null) {
    facts.push({
      text: `${data.targetName}: ${percent(data.clean)} as given`,
      tip: "Probability of the class that is followed, for the picture that was not moved",
    });
  }
  const steady = steadyRange(data);
  if (steady && data.values.length === data.total) {
    const unit = data.transform === "translate" && specimen.signal ? " steps" : UNITS[data.transform];
    facts.push({
      text: `same answer from ${plain(steady[0])} to ${plain(steady[1])}${unit}`,
      tip: "Around the picture as given, the most probable class stays what it is there over this range",
    });
  }
  if (data.values.length < data.total) {
    facts.push({
      text: `${data.values.length} of ${data.total} values`,
      tip: "The other pictures are not run yet",
    });
  }
  return [...facts, ...data.notes.map((text) => ({ text }))];
}

export const LIMITS =
  "This is one picture: leaf through several before you call a layer invariant. A short distance can also mean a layer " +
  "that reacts to little at all. Enlarging and turning blur the picture a little, and what comes in at the border is " +
  "new to the network: both move the features, too (try another border). The relative distance compares layers of " +
  "different width and scale, but a change that matters to the answer may be small in every layer " +
  "(Zeiler and Fergus 2014, section 4.1 and figure 5).";
