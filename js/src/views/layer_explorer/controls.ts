// The controls of the layer explorer, and the facts under its picture, in the words of the field.
import type { Control } from "../../parts/controls";
import type { Fact } from "../../parts/status";

export interface LayerInfo {
  name: string;
  type: string;
  shape: number[];
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

const options = (...pairs: [string, string][]) => pairs.map(([value, label]) => ({ value, label }));

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
  const controls: (Control | false)[] = [
    {
      kind: "steps",
      name: "layer",
      label: "Layer",
      tip: "Whose activations are shown, from the input to the output. Drag to compare layers.",
      options: layers.map(({ name, shape }) => ({ value: name, label: `${name}  ${shape.join("×")}` })),
    },
    epochs.length > 0 && {
      kind: "steps",
      name: "epoch",
      label: "Epoch",
      tip: "Weights of which epoch of the training. Drag to follow it; maps are turned to lie alike.",
      options: [
        ...epochs.map((epoch) => ({ value: String(epoch), label: String(epoch) })),
        { value: NOW, label: "as it is" },
      ],
    },
    // The input is never reduced: one value per channel would be its mean brightness.
    (current?.shape.length ?? 0) > 1 &&
      current?.type !== "input" && {
        kind: "choice",
        name: "reduce",
        label: "Feature map",
        tip: "How the feature maps of a sample become one vector: all their values, or one value per channel",
        options: options(
          ["flatten", "all values"],
          ["max", "largest per channel"],
          ["mean", "mean per channel"],
        ),
      },
    {
      kind: "choice",
      name: "method",
      label: "Projection",
      tip: "t-SNE keeps neighbours together; PCA shows the two directions of largest variance",
      options: options(["tsne", "t-SNE"], ["pca", "PCA"]),
    },
    tsne && {
      kind: "slider",
      name: "perplexity",
      label: "Perplexity",
      tip: "About how many neighbours each sample attends to. Try several: the picture changes.",
      min: Math.min(2, Number(get("perplexity"))),
      max: Math.max(3, Math.min(200, Math.ceil(shown / 3) - 1)),
      step: 1,
      log: true,
    },
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
      options: options(["euclidean", "Euclidean"], ["cosine", "cosine"], ["correlation", "correlation"]),
    },
    tsne && {
      kind: "number",
      name: "seed",
      label: "Seed",
      tip: "Another seed gives another, equally good map; one seed always gives the same",
      min: 0,
      max: 999,
      step: 1,
    },
    total > 200 && {
      kind: "slider",
      name: "n_samples",
      label: "Samples",
      tip: "How many samples are shown, evenly spread over all",
      min: 100,
      max: total,
      step: total > 2000 ? 100 : 50,
    },
    {
      kind: "choice",
      name: "colour_by",
      label: "Colour",
      tip: "What the colours mean",
      options: columns.map((name) => ({ value: name, label: name })),
    },
    {
      kind: "button",
      name: "lasso",
      label: "Lasso",
      tip: "Draw around points to select them (L). Shift adds, Alt removes. Or hold Shift and drag.",
      pressed: get("lasso") === true,
    },
    {
      kind: "button",
      name: "everything",
      label: "Show all",
      tip: "Undo zoom and pan (0, or double click)",
    },
  ];
  return controls.filter((control) => control !== false);
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

export function factsOf(meta: MapMeta, shown: number): Fact[] {
  const facts: Fact[] = [
    {
      text: `${meta.layer}${meta.epoch === null ? "" : ` after epoch ${meta.epoch}`}: ${meta.features.toLocaleString("en")} values × ${shown.toLocaleString("en")} samples`,
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
export function axisText(meta: MapMeta): string {
  if (meta.variance) {
    const [x, y] = meta.variance.map((share) => `${(100 * share).toFixed(0)} %`);
    return `→ 1st principal component (${x} of variance)   ↑ 2nd (${y})`;
  }
  return "t-SNE: axes have no unit, only who is near whom counts";
}

export const LIMITS =
  "t-SNE keeps near neighbours together. Distances between far clusters, their sizes and the axes mean nothing, " +
  "and another seed or perplexity gives another picture. A poor picture does not mean a poor classifier: compare " +
  "the neighbourhood hit in the map with the one among the activations. An untrained network already keeps " +
  "neighbourhoods of simple data, so look at the picture before training too (Rauber et al. 2017).";
