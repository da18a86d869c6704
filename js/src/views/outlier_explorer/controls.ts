// The controls of the outlier explorer, and the facts under its picture.
import { type Control, options, present } from "../../parts/controls";
import {
  featureMapChoice,
  hasFeatureMaps,
  type Layer,
  lassoButton,
  layerSteps,
  perplexitySlider,
  projectionChoice,
  samplesSlider,
  showAllButton,
} from "../../parts/projection_controls";
import { counted, type Fact, percent } from "../../parts/status";
import { canTell, type OutlierMeta, type Report, SHOWS } from "./report";

export interface OutlierSpecimen {
  n: number;
  layers: Layer[];
  names: string[] | null;
}

export const LIMITS =
  "An outlier of the map need not be one of the layer: t-SNE and PCA tear neighbours apart and bring strangers " +
  "together. Compare with neighbours in the activations. At the border of two classes outliers are to be " +
  "expected, and a label may simply be wrong. The test says whether outliers and errors go together, not that " +
  "one is the reason for the other; in the last layers both come from the same features. Regions are guessed " +
  "from the points around; the network was not asked there.";

export function controlsOf(
  specimen: OutlierSpecimen,
  shown: number,
  hasPredictions: boolean,
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
): Control[] {
  const current = specimen.layers.find((layer) => layer.name === get("layer"));
  const most = Math.max(1, shown - 1);
  return present([
    layerSteps(specimen.layers, "Whose activations are shown, from the input to the output"),
    hasFeatureMaps(current) && featureMapChoice("How the feature maps of a sample become one vector"),
    projectionChoice(),
    get("method") === "tsne" && perplexitySlider(get, shown),
    samplesSlider(specimen.n),
    {
      kind: "choice",
      name: "of",
      label: "Neighbours in",
      tip: "Nearest in the picture, or nearest in the layer itself: what the picture tears apart shows in the difference",
      options: options([
        ["map", "the map"],
        ["activations", "the activations"],
      ]),
    },
    {
      kind: "slider",
      name: "k",
      label: "k",
      tip: "How many nearest neighbours of each sample are looked at (6 in Rauber et al. 2017)",
      min: 1,
      max: Math.min(30, most),
      step: 1,
    },
    {
      kind: "slider",
      name: "most_hit",
      label: "Outlier: at most",
      tip: "A sample is an outlier if at most so many of its k neighbours are of its own class",
      min: 0,
      max: Math.max(0, Number(get("k")) - 1),
      step: 1,
      unit: `of ${get("k")} alike`,
    },
    hasPredictions && {
      kind: "toggle",
      name: "regions",
      label: "Regions",
      tip: "Colour the ground by the class predicted for the points around: approximate, the network is not run there",
    },
    lassoButton(
      get,
      "Draw around points to list only these (L). Shift adds, Alt removes. Or hold Shift and drag.",
    ),
    showAllButton(),
  ]);
}

const SORTS: Record<string, string> = {
  loss: "loss",
  hit: "neighbourhood hit",
  disagreement: "disagreement",
};

/** The controls over the list: only what was measured is offered. */
export function listControls(report: Report, show: string): Control[] {
  const known = SHOWS.filter((one) => canTell(report, one.value) || one.value === show);
  return [
    {
      kind: "choice",
      name: "sort_by",
      label: "Sort by",
      tip: "Worst first: highest loss; fewest neighbours of the same class; or neighbours that are most of another class than the network says",
      options: report.keys.map((value) => ({ value, label: SORTS[value] })),
    },
    {
      kind: "choice",
      name: "show",
      label: "Show",
      tip: "Which samples are listed",
      options: known.map(({ value, label }) => ({ value, label })),
    },
  ];
}

export function factsOf(meta: OutlierMeta, shown: number, of: string): Fact[] {
  const how =
    meta.method === "pca"
      ? `PCA${meta.variance ? ` (${percent(meta.variance[0] + meta.variance[1])} of the variance)` : ""}`
      : `t-SNE, iteration ${meta.iteration}`;
  const facts: Fact[] = [
    {
      text: `${meta.layer}: ${counted(meta.features, "value")} × ${counted(shown, "sample")}`,
      tip: "Length of the activation vector of one sample, and number of samples",
    },
    {
      text: how,
      tip: "How the points were placed. Axes of t-SNE have no unit: only who is near whom counts.",
    },
  ];
  if (meta.report)
    facts.push({
      text: `neighbourhood hit ${percent(meta.report.hit)} in the ${of}`,
      tip: `Of the ${meta.report.k} nearest neighbours of a sample, the share that carries its label, mean over all`,
    });
  if (meta.accuracy !== null)
    facts.push({ text: `accuracy ${percent(meta.accuracy)}`, tip: "Of the samples shown" });
  return [...facts, ...meta.notes.map((text) => ({ text }))];
}
