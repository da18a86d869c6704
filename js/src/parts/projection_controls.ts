// Controls of the views that lay samples out in a map by the activations of a layer: one function each.
import { type Control, choices, options } from "./controls";

// biome-ignore lint/suspicious/noExplicitAny: traits are of any type
type Get = (name: string) => any;

export interface Layer {
  name: string;
  type: string;
  shape: number[];
}

/** Layers from the input to the output, with their shapes, to be dragged along. */
export function layerSteps(layers: Layer[], tip: string, name = "layer", label = "Layer"): Control {
  const steps = layers.map((layer) => ({
    value: layer.name,
    label: `${layer.name}  ${layer.shape.join("×")}`,
  }));
  return { kind: "steps", name, label, tip, options: steps };
}

export function layerChoice(layers: string[], tip: string): Control {
  return { kind: "choice", name: "layer", label: "Layer", tip, options: choices(layers) };
}

/** Whether it makes sense to reduce a layer. The input never: one value per channel would be its mean brightness. */
export function hasFeatureMaps(layer: Layer | undefined): boolean {
  return layer !== undefined && layer.shape.length > 1 && layer.type !== "input";
}

export function featureMapChoice(
  tip = "How the feature maps of a sample become one vector: all their values, or one value per channel",
): Control {
  return {
    kind: "choice",
    name: "reduce",
    label: "Feature map",
    tip,
    options: options([
      ["flatten", "all values"],
      ["max", "largest per channel"],
      ["mean", "mean per channel"],
    ]),
  };
}

/** The same choice in the words of the layer probes and the live placement. */
export function featureMapsChoice(tip: string): Control {
  return {
    kind: "choice",
    name: "reduce",
    label: "Feature maps",
    tip,
    options: options([
      ["flatten", "all values"],
      ["max", "largest of each channel"],
      ["mean", "mean of each channel"],
    ]),
  };
}

export function projectionChoice(
  tip = "t-SNE keeps neighbours together; PCA shows the two directions of largest variance",
  label = "Projection",
): Control {
  const methods = options([
    ["tsne", "t-SNE"],
    ["pca", "PCA"],
  ]);
  return { kind: "choice", name: "method", label, tip, options: methods };
}

/** Of a t-SNE of `shown` samples: at most a third of them can be attended to. */
export function perplexitySlider(
  get: Get,
  shown: number,
  tip = "About how many neighbours each sample attends to in t-SNE",
): Control {
  return {
    kind: "slider",
    name: "perplexity",
    label: "Perplexity",
    tip,
    min: Math.min(2, Number(get("perplexity"))),
    max: Math.max(3, Math.min(200, Math.ceil(shown / 3) - 1)),
    step: 1,
    log: true,
  };
}

export function seedNumber(tip: string): Control {
  return { kind: "number", name: "seed", label: "Seed", tip, min: 0, max: 999, step: 1 };
}

/** How many of `total` samples; null where there are too few to choose. */
export function samplesSlider(total: number): Control | null {
  if (total <= 200) return null;
  return {
    kind: "slider",
    name: "n_samples",
    label: "Samples",
    tip: "How many samples are shown, evenly spread over all",
    min: 100,
    max: total,
    step: total > 2000 ? 100 : 50,
  };
}

export function samplesNumber(
  max: number,
  tip = "How many are shown, evenly spread over all; 0 for all",
  min = 0,
  label = "Samples",
): Control {
  return { kind: "number", name: "n_samples", label, tip, min, max, step: 100 };
}

export function colourChoice(columns: string[], tip: string, label = "Colour"): Control {
  return { kind: "choice", name: "colour_by", label, tip, options: choices(columns) };
}

export function lassoButton(get: Get, tip: string): Control {
  return { kind: "button", name: "lasso", label: "Lasso", tip, pressed: get("lasso") === true };
}

export function showAllButton(tip = "Undo zoom and pan (0, or double click)"): Control {
  return { kind: "button", name: "everything", label: "Show all", tip };
}
