// The controls of the attention view, and the facts under its picture.
import type { Control } from "../../parts/controls";
import type { Fact } from "../../parts/status";
import type { AttentionMeta, AttentionSpecimen } from "./meta";
import { SCORES } from "./overview";

export const LIMITS =
  "Attention weights say where a layer took its values from, not why the model answered as it did: values can " +
  "be near zero where weights are large, heads can undo one another, and after the first layer a token's place " +
  "holds what came from other tokens. Make a head uniform or hide a token, and see whether the output needs it.";

export function controlsOf(
  specimen: AttentionSpecimen,
  meta: AttentionMeta | null,
  scores: string[],
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
): Control[] {
  const groups = meta?.groups ?? [];
  const layers = meta?.layers ?? 1;
  const heads = meta?.heads ?? 1;
  const single = get("combine") === "head";
  const rows = meta?.rows.length ?? 0;
  const controls: (Control | false | undefined)[] = [
    specimen.samples > 1 && {
      kind: "slider",
      name: "sample",
      label: "Sample",
      tip: "Which of the samples is read",
      min: 0,
      max: specimen.samples - 1,
      step: 1,
    },
    groups.length > 1 && {
      kind: "choice",
      name: "group",
      label: "Attention",
      tip: "Self-attention looks within one sequence, cross-attention from one to another",
      options: groups.map((name, i) => ({ value: i ? name : "", label: name })),
    },
    layers > 1 && {
      kind: "slider",
      name: "layer",
      label: "Layer",
      tip: `Layers from the input on, counted from 0: ${meta?.layerNames[get("layer")] ?? ""}`,
      min: 0,
      max: layers - 1,
      step: 1,
    },
    (heads > 1 || meta?.kind === "self") && {
      kind: "choice",
      name: "combine",
      label: "Show",
      tip: "One head; the mean or largest weight over the heads of the layer; or rollout: attention multiplied up from the first layer (Abnar and Zuidema 2020)",
      options: [
        { value: "head", label: "one head" },
        { value: "mean", label: "mean of heads" },
        { value: "max", label: "largest of heads" },
        ...(meta?.kind === "self" ? [{ value: "rollout", label: "rollout" }] : []),
      ],
    },
    heads > 1 &&
      single && {
        kind: "slider",
        name: "head",
        label: "Head",
        tip: "Heads of this layer, counted from 0",
        min: 0,
        max: heads - 1,
        step: 1,
      },
    {
      kind: "choice",
      name: "drawing",
      label: "Draw",
      tip: "As a matrix, or as lines between the tokens",
      options: [
        { value: "matrix", label: "matrix" },
        { value: "arcs", label: "lines" },
      ],
    },
    {
      kind: "choice",
      name: "scale",
      label: "Scale",
      tip: "Colours from 0 to 1, or from 0 to the largest weight that is drawn",
      options: [
        { value: "largest", label: "0 to largest" },
        { value: "one", label: "0 to 1" },
      ],
    },
    layers * heads > 1 && {
      kind: "choice",
      name: "sort",
      label: "Sort heads",
      tip: SCORES[get("sort")]?.tip ?? "Order of the small pictures",
      options: [
        { value: "", label: "by layer" },
        ...scores.map((name) => ({ value: name, label: SCORES[name]?.label ?? name })),
      ],
    },
    specimen.writes &&
      rows > 1 && {
        kind: "slider",
        name: "row",
        label: "Step",
        tip: "Step of writing: the row of this token is marked; −1 for none",
        min: -1,
        max: rows - 1,
        step: 1,
      },
    specimen.live && {
      kind: "slider",
      name: "temperature",
      label: "Temperature",
      tip: "Divides the attention logits before the softmax: below 1 sharper, above 1 flatter. The model runs on with the changed weights.",
      min: 0.1,
      max: 10,
      step: 0.05,
      log: true,
    },
    specimen.live &&
      layers * heads > 1 &&
      single && {
        kind: "button",
        name: "uniform_head",
        label: "Uniform head",
        tip: "Let this head look at everything alike: does the output need it?",
        pressed: get("uniform_head"),
      },
    specimen.live && {
      kind: "button",
      name: "uniform_all",
      label: "Uniform, all heads",
      tip: "Let every head look at everything alike",
      pressed: get("uniform_all"),
    },
    specimen.editable &&
      !specimen.writes && {
        kind: "toggle",
        name: "truncate",
        label: "Cut long text",
        tip: "Cut a text that is longer than the model can read, in place of an error",
      },
    specimen.live &&
      get("is_changed") && {
        kind: "button",
        name: "undo",
        label: "Undo all changes",
        tip: "Temperature 1, no token hidden, no head uniform, no token forced",
      },
    get("is_zoomed") && {
      kind: "button",
      name: "fit",
      label: "Whole matrix",
      tip: "Undo the zoom (double click). Ctrl and the wheel zoom, dragging moves.",
    },
  ];
  return controls.filter(Boolean) as Control[];
}

export function factsOf(meta: AttentionMeta | null): Fact[] {
  if (!meta) return [];
  const [rows, columns] = meta.size;
  const facts: Fact[] = [
    {
      text: `${meta.drawn}: ${rows} × ${columns}`,
      tip: `${meta.group} of ${meta.layers} layers and ${meta.heads} heads`,
    },
    { text: `largest ${meta.top.toFixed(3)}`, tip: "The largest weight that is drawn" },
  ];
  for (const note of meta.notes) facts.push({ text: note });
  return facts;
}
