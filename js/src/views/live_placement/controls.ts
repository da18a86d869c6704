// The controls of the live placement (of the map above it, of the hand beside the sheet), and its facts.
import { type Control, present } from "../../parts/controls";
import {
  featureMapsChoice,
  layerChoice,
  projectionChoice,
  samplesNumber,
} from "../../parts/projection_controls";
import { counted, type Fact, percent } from "../../parts/status";
import type { PlacementMeta, PlacementSpecimen } from "./meta";

// biome-ignore lint/suspicious/noExplicitAny: traits are of any type
type Get = (name: string) => any;

export function controlsOf(specimen: PlacementSpecimen, get: Get): Control[] {
  return present([
    layerChoice(specimen.layers, "Whose activations the map is made from, and the drawing is placed by"),
    specimen.maps.includes(get("layer")) &&
      featureMapsChoice("All their values, or one value per channel: its largest or its mean"),
    projectionChoice(
      "t-SNE keeps neighbours together. PCA is a projection: new samples are projected along.",
      "Map",
    ),
    specimen.n > 100 &&
      samplesNumber(
        specimen.n,
        "How many the map has, evenly spread over all. More take longer to place among.",
        4,
      ),
    {
      kind: "slider",
      name: "k",
      label: "Neighbours",
      tip: "How many of the samples with the nearest activations are shown",
      min: 1,
      max: Math.max(2, Math.min(30, specimen.n - 1)),
      step: 1,
    },
    !specimen.text && {
      kind: "toggle",
      name: "centre",
      label: "Centre",
      tip:
        "Move the drawing so that its centre of mass lies in the middle before the network sees it. The makers of " +
        "MNIST did so with every digit (after scaling it to 20 × 20 pixels); its size stays as you draw it.",
    },
  ]);
}

export interface Hand {
  tool: "brush" | "eraser";
  canUndo: boolean;
  canRedo: boolean;
  isBlank: boolean;
  canKeep: boolean;
}

/** Beside the sheet. */
export function toolsOf(specimen: PlacementSpecimen, hand: Hand): Control[] {
  const keep: Control = {
    kind: "button",
    name: "keep",
    label: "Keep",
    tip: "Leave it in the map with its small picture",
    disabled: !hand.canKeep,
  };
  const clear: Control = {
    kind: "button",
    name: "clear",
    label: "Clear",
    tip: specimen.text ? "Remove the text" : "Remove the drawing",
    disabled: hand.isBlank,
  };
  if (specimen.text) return [keep, clear];
  const side = Math.min(specimen.shape[0], specimen.shape[1]);
  return present([
    { kind: "button", name: "pen", label: "Brush", tip: "Draw (B)", pressed: hand.tool === "brush" },
    { kind: "button", name: "eraser", label: "Eraser", tip: "Rub out (E)", pressed: hand.tool === "eraser" },
    specimen.shape[2] === 3 && { kind: "colour", name: "ink", label: "Colour", tip: "Of the brush" },
    {
      kind: "slider",
      name: "brush",
      label: "Width",
      tip: "Diameter of the brush, in pixels of the picture",
      min: 1,
      max: Math.max(2, Math.round(side / 4)),
      step: 0.1,
      unit: "px",
    },
    { kind: "button", name: "undo", label: "Undo", tip: "Undo (Ctrl Z)", disabled: !hand.canUndo },
    { kind: "button", name: "redo", label: "Redo", tip: "Redo (Ctrl Shift Z)", disabled: !hand.canRedo },
    clear,
    { kind: "button", name: "invert", label: "Invert", tip: "Light for dark and dark for light" },
    {
      kind: "button",
      name: "upload",
      label: "Upload…",
      tip: "A picture from a file. It can also be dropped on the sheet, or pasted (Ctrl V).",
    },
    keep,
  ]);
}

export function factsOf(
  meta: PlacementMeta | null,
  samples: number,
  specimen: PlacementSpecimen,
  hint: string,
): Fact[] {
  const facts: Fact[] = hint ? [{ text: hint }] : [];
  if (!meta) return facts;
  facts.push({ text: counted(samples, "sample") });
  facts.push({ text: `${counted(meta.features, "value")} each` });
  if (meta.hit !== null)
    facts.push({
      text: `neighbourhood hit ${percent(meta.hit)}`,
      tip: `Share of the ${meta.k} nearest samples in the map that have a sample's own label`,
    });
  if (!meta.drawn) facts.push({ text: specimen.text ? "nothing is typed" : "nothing is drawn" });
  for (const note of meta.notes) facts.push({ text: note });
  return facts;
}

export const LIMITS =
  "The new point is placed by its nearest samples alone: t-SNE always finds it a place, also where it is like nothing " +
  "in the map, so look at the warning about its distance. How far it is from a group in the map, and gaps that it " +
  "crosses while you draw, mean nothing; the neighbours are those of the activations, and may lie apart in the map. A " +
  "drawing by mouse is not what the network was trained on: thickness, size and place count (Poličar, Stražar and " +
  "Zupan 2023; Wattenberg, Viégas and Johnson 2016).";
