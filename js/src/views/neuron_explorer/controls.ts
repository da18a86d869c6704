// The controls of the neuron explorer, and the facts under its picture.
import { type Control, options, present } from "../../parts/controls";
import { colourChoice, lassoButton, layerChoice, samplesNumber } from "../../parts/projection_controls";
import { counted, countedOf, type Fact, percent } from "../../parts/status";

export interface NeuronMeta {
  layer: string;
  sampleExtent: [number, number, number, number];
  unitExtent: [number, number, number, number];
  hit: number | null;
  kl: number | null;
  dead: number;
  unitCount: number;
  method: string;
  stress: number | null;
  unitTitle: string;
  /** Values of units lie on both sides of zero. */
  isSigned: boolean;
  /** What colours the samples; empty for their labels. */
  sampleTitle: string;
  classes: string[] | null;
  notes: string[];
}

export interface NeuronSpecimen {
  n: number;
  layers: string[];
  /** Layers whose units have several places: feature maps, states of steps. */
  maps: string[];
  names: string[] | null;
  classes: boolean;
}

export const LIMITS =
  "Units that lie together respond alike to these samples, with the same or the opposite sign; that they do the " +
  "same job does not follow. Many units cannot be laid out in a plane truly: see the stress. A unit that stands " +
  "out on a selection may stand out on other samples too, and the class that a unit tells best it may still tell badly.";

export function controlsOf(
  specimen: NeuronSpecimen,
  columns: string[],
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
): Control[] {
  return present([
    layerChoice(specimen.layers, "Whose units are shown"),
    specimen.maps.includes(get("layer")) && {
      kind: "choice",
      name: "reduce",
      label: "Unit is",
      tip: "A unit is a channel of a convolution, or a feature of the states of a text: one number is made of all its places (pixels, steps)",
      options: options([
        ["max", "its largest value"],
        ["mean", "its mean"],
      ]),
    },
    {
      kind: "choice",
      name: "method",
      label: "Map of units",
      tip: "Units that respond alike lie together. MDS keeps distances 1 − |r| (Rauber et al. 2017), t-SNE neighbourhoods.",
      options: options([
        ["mds", "MDS"],
        ["tsne", "t-SNE"],
      ]),
    },
    specimen.classes && {
      kind: "choice",
      name: "colour_units",
      label: "Colour units by",
      tip: "Activity: on the selected samples against the rest. Class: the one that a forest of trees tells from the rest best by this unit; pale where it hardly helps.",
      options: options([
        ["activity", "activity"],
        ["class", "class they tell"],
      ]),
    },
    columns.length > 1 &&
      colourChoice(
        columns,
        "What the colours of the samples mean while no units are selected",
        "Colour samples by",
      ),
    samplesNumber(specimen.n),
    lassoButton(get, "Select in either map by drawing around points (L)"),
    (get("selection").byteLength ?? get("selection").length) > 0 && {
      kind: "button",
      name: "clear_samples",
      label: "Clear samples",
      tip: "Select no samples",
    },
    (get("units").byteLength ?? get("units").length) > 0 && {
      kind: "button",
      name: "clear_units",
      label: "Clear units",
      tip: "Select no units",
    },
  ]);
}

/** What distances in the map of units stand for. */
export function axesOfUnits(method: string): string {
  return method === "mds" ? "MDS: distances stand for 1 − |r|" : "t-SNE of 1 − |r|: axes have no unit";
}

export function factsOf(meta: NeuronMeta | null, samples: number, total: number): Fact[] {
  if (!meta) return [];
  const facts: Fact[] = [
    {
      text: `${counted(meta.unitCount - meta.dead, "unit")}, ${meta.dead} dead`,
      tip: "Dead units have the same value for every sample; they correlate with nothing and are left out",
    },
    { text: countedOf(samples, total, "sample") },
  ];
  if (meta.stress !== null)
    facts.push({
      text: `stress-1 ${meta.stress.toFixed(2)}`,
      tip: "How far distances in the map of units are from 1 − |r|: 0 is perfect, 0.3 to 0.5 is usual for many units",
    });
  if (meta.hit !== null)
    facts.push({ text: `neighbourhood hit ${percent(meta.hit)}`, tip: "In the map of samples" });
  for (const note of meta.notes) facts.push({ text: note });
  return facts;
}
