// The controls of the occlusion painter, and the facts under its picture.
import { type Control, options } from "../../parts/controls";
import type { Tool } from "../../parts/paint_board";
import { seedNumber } from "../../parts/projection_controls";
import type { Fact } from "../../parts/status";

export interface MapMeta {
  rows: number;
  columns: number;
  window: [number, number];
  stride: [number, number];
  target: string;
  clean: { probability: number; logit: number; class: number; activation: number | null };
  layer: string | null;
  unit: number | null;
  partial: boolean;
  path: string;
  notes: string[];
  classNames: Record<string, string>;
}

export interface PainterMeta {
  row: number;
  size: [number, number];
  covered: number;
  classes: { name: string; index: number; before: number; after: number }[];
  layers: { name: string; change: number }[];
  notes: string[];
  map: MapMeta | null;
}

export interface PainterSpecimen {
  samples: number;
  classes: string[];
  layers: { name: string; units: number }[];
  patch: boolean;
}

const FILLS: [string, string][] = [
  ["grey", "grey"],
  ["mean", "mean colour"],
  ["zero", "black (zero)"],
  ["blur", "blurred"],
  ["noise", "noise"],
  ["local mean", "mean of the surroundings"],
];

export function controlsOf(
  specimen: PainterSpecimen,
  size: [number, number],
  history: { canUndo: boolean; canRedo: boolean },
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
): Control[] {
  const paint = get("mode") === "paint";
  const side = Math.min(...size);
  const layer = specimen.layers.find(({ name }) => name === get("layer"));
  const tool = (name: Tool, label: string, tip: string): Control => ({
    kind: "button",
    name,
    label,
    tip,
    pressed: get("tool") === name,
  });
  const controls: (Control | false)[] = [
    {
      kind: "choice",
      name: "mode",
      label: "Mode",
      tip: "Cover parts by hand, or let a window slide over the picture and map the model's answers",
      options: options([
        ["paint", "paint"],
        ["slide", "slide a window"],
      ]),
    },
    specimen.samples > 1 && {
      kind: "slider",
      name: "sample",
      label: "Picture",
      tip: "Which of the samples is shown",
      min: 0,
      max: specimen.samples - 1,
      step: 1,
    },
    {
      kind: "choice",
      name: "fill",
      label: "Cover with",
      tip: "What stands in covered places, in pixels, before the model's own normalisation",
      options: options([
        ...FILLS,
        ...(specimen.patch ? [["patch", "another picture"] as [string, string]] : []),
      ]),
    },
    get("fill") === "noise" && seedNumber("Another seed gives other noise; one seed always gives the same"),
  ];
  if (paint) {
    controls.push(
      tool("brush", "Brush", "Paint (B)"),
      tool("eraser", "Eraser", "Take away what was painted (E)"),
      tool("rectangle", "Rectangle", "Drag a rectangle (R); with Alt it erases"),
      {
        kind: "slider",
        name: "brush_size",
        label: "Brush size",
        tip: "Diameter of the brush, in pixels of the picture",
        min: 1,
        max: Math.max(2, Math.round(side / 2)),
        step: 1,
        unit: "px",
      },
      {
        kind: "toggle",
        name: "reveal",
        label: "Reveal",
        tip: "Start with everything hidden and uncover what you paint: which part suffices?",
      },
      { kind: "button", name: "undo", label: "Undo", tip: "Undo (Ctrl Z)", disabled: !history.canUndo },
      { kind: "button", name: "redo", label: "Redo", tip: "Redo (Ctrl Shift Z)", disabled: !history.canRedo },
      { kind: "button", name: "clear", label: "Clear", tip: "Remove all paint" },
    );
  } else {
    const extent = (name: string, label: string): Control => ({
      kind: "slider",
      name,
      label,
      tip: `${label} of the sliding window, in pixels of the picture`,
      min: 1,
      max: side,
      step: 1,
      unit: "px",
    });
    controls.push(
      extent("window_height", "Window height"),
      extent("window_width", "Window width"),
      {
        kind: "slider",
        name: "stride",
        label: "Stride",
        tip: "How far the window moves from one position to the next. Small strides take longer.",
        min: 1,
        max: Math.max(2, Math.round(side / 4)),
        step: 1,
        unit: "px",
      },
      {
        kind: "choice",
        name: "quantity",
        label: "Map of",
        tip: "What each position shows: how sure the model is, what it takes the picture for, or how active a unit is",
        options: options([
          ["probability", "probability of the class"],
          ["logit", "change of its logit"],
          ["class", "most probable class"],
          ...(layer ? [["activation", "activation of the unit"] as [string, string]] : []),
        ]),
      },
      {
        kind: "choice",
        name: "layer",
        label: "Layer",
        tip: "Whose feature map is summed over the picture (choose “activation of the unit” to see it)",
        options: options([
          ["", "none"],
          ...specimen.layers.map(({ name }) => [name, name] as [string, string]),
        ]),
      },
      layer !== undefined && {
        kind: "slider",
        name: "unit",
        label: "Unit",
        tip: "Channel of the layer; −1 takes the one that is strongest on the clean picture",
        min: -1,
        max: layer.units - 1,
        step: 1,
      },
      {
        kind: "slider",
        name: "opacity",
        label: "Opacity",
        tip: "Of the map over the picture",
        min: 0,
        max: 1,
        step: 0.05,
      },
    );
  }
  return controls.filter((control) => control !== false);
}

const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** After a click on the map: why the controls are others now. */
export const COVERED =
  "The window became a stroke, and you paint now. Undo takes it back; Mode leads back to the sliding window.";

export function factsOf(
  meta: PainterMeta,
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
  hint: string | null,
): Fact[] {
  const reveal = Boolean(get("reveal"));
  const mode = get("mode");
  const map = meta.map;
  if (mode === "slide" && map) {
    const [h, w] = map.window;
    const facts: Fact[] = [
      {
        text: `${map.rows} × ${map.columns} positions of a ${h} × ${w} window, stride ${map.stride.join(" × ")}`,
        tip: "Height × width, in pixels of the picture",
      },
      {
        text: `${map.target}: ${percent(map.clean.probability)} on the clean picture`,
        tip: "Probability of the mapped class when nothing is covered",
      },
    ];
    if (get("quantity") === "activation" && !map.layer)
      facts.push({ text: "the activation of a unit needs a layer: choose one; here is the probability" });
    if (map.partial) facts.push({ text: "partial map", tip: "Not all positions are computed" });
    if (map.path === "full")
      facts.push({
        text: "full passes",
        tip: "The model could not be recomputed in parts, so every position is a full forward pass",
      });
    return [...facts, ...map.notes.map((text) => ({ text }))];
  }
  return [
    ...(hint ? [{ text: hint }] : []),
    {
      text: reveal ? `${percent(1 - meta.covered)} uncovered` : `${percent(meta.covered)} covered`,
      tip: "Share of the picture's pixels",
    },
    ...(meta.notes ?? []).map((text) => ({ text })),
  ];
}

export const LIMITS =
  "Covering a part shows that the answer needs it, not why. The cover itself is something the model has an opinion " +
  "about: compare several fills. Where two parts carry the same evidence, covering one alone changes little. A map " +
  "depends on the size of the window, and a probability that is close to 1 can hide large changes of the logit " +
  "(Zeiler and Fergus 2014, section 4.2).";
