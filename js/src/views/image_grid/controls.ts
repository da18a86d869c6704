// The controls of the image grid, and the facts under its picture.
import { type Control, choices, present } from "../../parts/controls";
import {
  colourChoice,
  featureMapChoice,
  perplexitySlider,
  projectionChoice,
  samplesNumber,
  showAllButton,
} from "../../parts/projection_controls";
import { counted, countedOf, type Fact, percent } from "../../parts/status";

export interface GridMeta {
  layer: string;
  /** Rows and columns. */
  shape: [number, number];
  seconds: number;
  displacement: number;
  exact: boolean;
  method: "tsne" | "pca";
  features: number;
  hit: number | null;
  hitMap: number | null;
  accuracy: number | null;
  notes: string[];
}

export interface GridSpecimen {
  n: number;
  most: number;
  layers: string[];
  /** Layers with feature maps. */
  maps: string[];
  names: string[] | null;
  /** Longer side of the samples' own pictures, in pixels. */
  pictures: number;
}

export const LIMITS =
  "The grid keeps who is near whom in the map, as far as it can: pictures of a crowded place are pushed outwards, " +
  "gaps between groups are closed, so distances, sizes of groups and borders between them mean nothing. What t-SNE " +
  "gets wrong the grid shows too. Alike in this layer is not alike to the eye, and a grid of the first principal " +
  "components, which comes first, is not that of t-SNE.";

export function controlsOf(
  specimen: GridSpecimen,
  columns: string[],
  shown: number,
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
): Control[] {
  const layers = specimen.layers ?? [];
  const tsne = get("method") === "tsne";
  const most = Math.min(specimen.n ?? 0, specimen.most ?? 0);
  return present([
    {
      kind: "steps",
      name: "layer",
      label: "Layer",
      tip: "By whose activations the pictures are sorted, from the input to the output",
      options: choices(layers),
    },
    (specimen.maps ?? []).includes(get("layer")) && featureMapChoice(),
    colourChoice([...columns, "nothing"], "What the colour around a picture means", "Frames"),
    projectionChoice(
      "The map that is laid on the grid: t-SNE keeps neighbours together; PCA shows the two directions of largest variance",
    ),
    tsne && perplexitySlider(get, shown),
    specimen.n > 100 &&
      samplesNumber(
        most,
        `How many are shown, evenly spread over all; 0 for all, ${specimen.most} at most`,
        0,
        "Pictures",
      ),
    {
      kind: "number",
      name: "columns",
      label: "Columns",
      tip: "Columns of the grid; 0 for half as many again as rows",
      min: 0,
      max: Math.floor(Math.sqrt(10 * shown)),
      step: 1,
    },
    {
      kind: "button",
      name: "closer",
      label: "Zoom in",
      tip: "Larger (+, or the wheel once the pictures have the focus)",
    },
    { kind: "button", name: "farther", label: "Zoom out", tip: "Smaller (−)" },
    showAllButton(),
    {
      kind: "button",
      name: "rectangle",
      label: "Select",
      tip: "Drag a rectangle over pictures to select them (L). Shift adds, Alt removes. Or hold Shift and drag.",
      pressed: get("rectangle") === true,
    },
  ]);
}

export function factsOf(meta: GridMeta, shown: number, total: number): Fact[] {
  const [height, width] = meta.shape;
  const facts: Fact[] = [
    {
      text: `${meta.layer}: ${countedOf(shown, total, "picture")} on ${height} × ${width} cells`,
      tip: `By activation vectors of ${counted(meta.features, "value")}; rows × columns`,
    },
    {
      text: meta.exact
        ? `assigned in ${meta.seconds.toFixed(2)} s, ${meta.displacement.toFixed(1)} cell widths from their places`
        : "sorted quickly into rows; the best assignment follows",
      tip: "Each picture gets a cell so that the sum of squared ways from its place in the map is the smallest possible (linear assignment). Mean way, once the map is stretched over the grid.",
    },
  ];
  if (meta.hit !== null)
    facts.push({
      text: `neighbourhood hit ${percent(meta.hit)} in the grid`,
      tip: "Of the pictures in the 8 cells around a picture, the share that carries its label",
    });
  if (meta.hitMap !== null && meta.hit !== null)
    facts.push({
      text: `${percent(meta.hitMap)} in the map`,
      tip: "The same among the 8 nearest points of the map",
    });
  if (meta.accuracy !== null)
    facts.push({
      text: `accuracy ${percent(meta.accuracy)}`,
      tip: "Share of the samples shown for which the network's most probable class is the label",
    });
  for (const text of meta.notes) facts.push({ text });
  return facts;
}
