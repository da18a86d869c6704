// The controls of the layer explorer, and the facts under its picture, in the words of the field.
import { type Control, options, present } from "../../parts/controls";
import {
  colourChoice,
  featureMapChoice,
  hasFeatureMaps,
  type Layer,
  lassoButton,
  layerSteps,
  perplexitySlider,
  projectionChoice,
  samplesSlider,
  seedNumber,
  showAllButton,
} from "../../parts/projection_controls";
import { counted, type Fact, percent } from "../../parts/status";

export interface LayerInfo extends Layer {
  parameters: number;
}

export interface MapMeta {
  layer: string;
  epoch: number | null;
  extent: [number, number, number, number];
  method: "tsne" | "pca";
  iteration: number;
  kl: number | null;
  variance: [number, number] | null;
  features: number;
  hit: number | null;
  hitActivations: number | null;
  k: number;
  accuracy: number | null;
  notes: string[];
}

/** What stands for the model as it is now among the epochs. */
export const NOW = "now";

export function controlsOf(
  layers: LayerInfo[],
  epochs: number[],
  columns: string[],
  shown: number,
  total: number,
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
): Control[] {
  const current = layers.find((layer) => layer.name === get("layer"));
  const tsne = get("method") === "tsne";
  return present([
    layerSteps(layers, "Whose activations are shown, from the input to the output. Drag to compare layers."),
    epochs.length > 0 && {
      kind: "steps",
      name: "epoch",
      label: "Epoch",
      tip: "Weights of which epoch of the training. Drag to follow it; maps are turned to lie alike. nbviz.EvolutionExplorer draws the paths of the samples over all epochs.",
      options: [
        ...epochs.map((epoch) => ({ value: String(epoch), label: String(epoch) })),
        { value: NOW, label: "as it is" },
      ],
    },
    hasFeatureMaps(current) && featureMapChoice(),
    projectionChoice(),
    tsne &&
      perplexitySlider(
        get,
        shown,
        "About how many neighbours each sample attends to. Try several: the picture changes.",
      ),
    tsne && {
      kind: "slider",
      name: "iterations",
      label: "Iterations",
      tip: "Steps of the t-SNE optimisation. Too few, and the map has not settled.",
      min: 250,
      max: 2000,
      step: 50,
    },
    tsne && {
      kind: "choice",
      name: "metric",
      label: "Distance",
      tip: "How the distance between two activation vectors is measured",
      options: options([
        ["euclidean", "Euclidean"],
        ["cosine", "cosine"],
        ["correlation", "correlation"],
      ]),
    },
    tsne && seedNumber("Another seed gives another, equally good map; one seed always gives the same"),
    samplesSlider(total),
    colourChoice(columns, "What the colours mean"),
    lassoButton(
      get,
      "Draw around points to select them (L). Shift adds, Alt removes. Or hold Shift and drag.",
    ),
    showAllButton(),
  ]);
}

export function factsOf(meta: MapMeta, shown: number): Fact[] {
  const facts: Fact[] = [
    {
      text: `${meta.layer}${meta.epoch === null ? "" : ` after epoch ${meta.epoch}`}: ${counted(meta.features, "value")} × ${counted(shown, "sample")}`,
      tip: "Length of the activation vector of one sample, and number of samples",
    },
  ];
  if (meta.hit !== null) {
    facts.push({
      text: `neighbourhood hit ${percent(meta.hit)} in the map`,
      tip: `Of the ${meta.k} nearest neighbours of a sample in this picture, the share that carries its label`,
    });
  }
  if (meta.hitActivations !== null) {
    facts.push({
      text: `${percent(meta.hitActivations)} in the activations`,
      tip: `The same among the activation vectors themselves, before any projection (k = ${meta.k})`,
    });
  }
  if (meta.accuracy !== null) {
    facts.push({
      text: `accuracy ${percent(meta.accuracy)}`,
      tip: "Share of the samples shown for which the network's most probable class is the label",
    });
  }
  if (meta.kl !== null) {
    facts.push({
      text: `KL ${meta.kl.toFixed(2)} nats, iteration ${meta.iteration}`,
      tip: "What t-SNE minimises: how badly near neighbours are kept. Compare at equal perplexity only.",
    });
  }
  for (const note of meta.notes) facts.push({ text: note });
  return facts;
}

/** What the axes are, to be written at the edge of the picture. */
export const LIMITS =
  "t-SNE keeps near neighbours together. Distances between far clusters, their sizes and the axes mean nothing, " +
  "and another seed or perplexity gives another picture. A poor picture does not mean a poor classifier: compare " +
  "the neighbourhood hit in the map with the one among the activations. An untrained network already keeps " +
  "neighbourhoods of simple data, so look at the picture before training too (Rauber et al. 2017).";
