// The controls of the receptive field view, and the facts under its picture.
import type { Control } from "../../parts/controls";
import { seedNumber } from "../../parts/projection_controls";
import type { Fact } from "../../parts/status";
import type { FieldMeta } from "./read";
import { TIPS } from "./words";

export interface FieldSpecimen {
  layers: { name: string; units: number }[];
  samples: number;
}

export function controlsOf(
  specimen: FieldSpecimen,
  meta: FieldMeta | null,
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
): Control[] {
  const units = specimen.layers.find(({ name }) => name === get("layer"))?.units ?? 1;
  const unit = Number(get("unit"));
  const side = meta ? (meta.picture[0] === 1 ? meta.picture[1] : Math.min(...meta.picture)) : 28;
  return [
    {
      kind: "choice",
      name: "layer",
      label: "Layer",
      tip: "Whose units are looked at, in the order in which the network computes them",
      options: specimen.layers.map(({ name }) => ({ value: name, label: name })),
    },
    {
      kind: "number",
      name: "unit",
      label: `Unit (0 to ${units - 1})`,
      tip: "A unit is one channel of the layer: one detector, applied at every place",
      min: 0,
      max: units - 1,
      step: 1,
    },
    { kind: "button", name: "previous", label: "‹ Previous", tip: "Previous unit", disabled: unit <= 0 },
    { kind: "button", name: "next", label: "Next ›", tip: "Next unit", disabled: unit >= units - 1 },
    {
      kind: "slider",
      name: "window",
      label: "Window",
      tip: "Side of the windows of noise. Small ones show detail, large ones change the unit more.",
      min: 1,
      max: side,
      step: 1,
      unit: "px",
    },
    {
      kind: "number",
      name: "n",
      label: "Windows per image",
      tip: "How many windows of noise are put on each image, one at a time. More take longer.",
      min: 1,
      max: 20_000,
      step: 1,
    },
    ...(specimen.samples > 1
      ? [
          {
            kind: "number" as const,
            name: "n_images",
            label: "Images",
            tip: "How many of the images on which the unit is strongest",
            min: 1,
            max: Math.min(100, specimen.samples),
            step: 1,
          },
        ]
      : []),
    seedNumber("Another seed gives other places and other noise; one seed always gives the same"),
    {
      kind: "slider",
      name: "opacity",
      label: "Opacity",
      tip: "Of the discrepancy map over its image",
      min: 0,
      max: 1,
      step: 0.05,
    },
    {
      kind: "toggle",
      name: "whole_map",
      label: "Whole map",
      tip: "Show the mean map to its edges, at one scale for all layers; else only as far as the unit can see",
    },
  ];
}

const count = (value: number) => value.toLocaleString("en");

export function factsOf(meta: FieldMeta): Fact[] {
  const { images, n, window, done, total, picture } = meta;
  const size = picture[0] === 1 ? `${window} px` : `${window} × ${window} px`;
  const all = n * images.length;
  const facts: Fact[] = [
    {
      text: `${images.length} ${images.length > 1 ? "images" : "image"} × ${count(n)} windows of noise, ${size}`,
      tip: TIPS.discrepancy,
    },
    {
      text:
        done < total
          ? `${count(done)} of ${count(total)} run so far`
          : `${count(total)} of ${count(all)} run`,
      tip: "Windows that do not touch what the unit can see change nothing and need not be run",
    },
  ];
  return [...facts, ...meta.notes.map((text) => ({ text }))];
}

export const LIMITS =
  "The estimate is an average over the unit’s strongest images, at its strongest place: on other images it may look " +
  "at other things. Noise is something the unit has an opinion about too; what it ignores here, it may use elsewhere. " +
  "A map is blurred by the width of the window, a square says nothing about the shape of the field, and its size " +
  "depends on the 95 % that it must hold. The theoretical field says what can matter, not what does " +
  "(Zhou et al. 2015, section 3.2).";
