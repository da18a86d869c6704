// The controls of the map comparison, and the facts under its pictures.
import type { Control } from "../../parts/controls";
import type { Fact } from "../../parts/status";

export interface SideMeta {
  title: string;
  extent: [number, number, number, number];
  method: "tsne" | "pca";
  variance: [number, number] | null;
  features: number;
  iteration: number;
  hit: number | null;
  hitActivations: number | null;
  accuracy: number | null;
  notes: string[];
}

export interface ComparisonMeta {
  sides: [SideMeta, SideMeta];
  of: "activations" | "maps";
  matched: boolean;
  /** These three once the neighbours are known. */
  k?: number;
  mean?: number;
  chance?: number;
  notes: string[];
}

export interface SideSpecimen {
  layers: { name: string; type: string; shape: number[] }[];
  epochs: number[];
}

export interface ComparisonSpecimen {
  n: number;
  left: SideSpecimen;
  right: SideSpecimen;
  names: string[] | null;
  pictures: boolean;
}

export const PRESERVATION = "preservation";

export const LIMITS =
  "That neighbours changed does not say why, nor that one side is better: a network that learns to tell classes " +
  "apart must move samples. Neighbours among near-equal distances change by little causes, so compare with what " +
  "chance gives, and try several k. Measured in the maps, the faults of the projection are added: two t-SNE maps " +
  "of the same activations do not keep all neighbours either. The right map starts from the left one; where a " +
  "group lies at last still depends on the start and the seed.";

const options = (...pairs: [string, string][]) => pairs.map(([value, label]) => ({ value, label }));

/** Layer and epoch of one side. */
function sideControls(side: SideSpecimen, name: "Left" | "Right"): Control[] {
  const prefix = name === "Left" ? "" : "right_";
  const controls: Control[] = [
    {
      kind: "steps",
      name: `${prefix}layer`,
      label: `${name} layer`,
      tip: `Whose activations are shown on the ${name.toLowerCase()}, from the input to the output`,
      options: side.layers.map((layer) => ({
        value: layer.name,
        label: `${layer.name}  ${layer.shape.join("×")}`,
      })),
    },
  ];
  if (side.epochs.length)
    controls.push({
      kind: "steps",
      name: `${prefix}checkpoint`,
      label: `${name} epoch`,
      tip: `The weights on the ${name.toLowerCase()}: those after an epoch of the training, or as they are now`,
      options: [
        ...side.epochs.map((epoch) => ({ value: String(epoch), label: `epoch ${epoch}` })),
        { value: "", label: "now" },
      ],
    });
  return controls;
}

export function controlsOf(
  specimen: ComparisonSpecimen,
  columns: string[],
  shown: number,
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
): Control[] {
  if (!specimen.left) return [];
  const tsne = get("method") === "tsne";
  const hasMaps = [...specimen.left.layers, ...specimen.right.layers].some(
    (layer) =>
      layer.shape.length > 1 &&
      layer.type !== "input" &&
      [get("layer"), get("right_layer")].includes(layer.name),
  );
  const controls: (Control | false)[] = [
    ...sideControls(specimen.left, "Left"),
    ...sideControls(specimen.right, "Right"),
    {
      kind: "choice",
      name: "colour_by",
      label: "Colour",
      tip: "What the colours mean. Preservation: the share of its nearest neighbours that a sample has on both sides.",
      options: columns.map((name) => ({ value: name, label: name })),
    },
    {
      kind: "choice",
      name: "of",
      label: "Neighbours in",
      tip: "Where the nearest neighbours are looked for: among the activation vectors, or in the maps as they are drawn",
      options: options(["activations", "the activations"], ["maps", "the maps"]),
    },
    {
      kind: "slider",
      name: "k",
      label: "k",
      tip: "How many nearest neighbours of each sample are compared, and counted in the neighbourhood hits",
      min: 1,
      max: Math.max(2, Math.min(50, shown - 1)),
      step: 1,
    },
    {
      kind: "choice",
      name: "method",
      label: "Projection",
      tip: "t-SNE keeps neighbours together; PCA shows the two directions of largest variance",
      options: options(["tsne", "t-SNE"], ["pca", "PCA"]),
    },
    {
      kind: "toggle",
      name: "match",
      label: "Right starts from left",
      tip: "The right t-SNE starts from the left map, or the right PCA is turned to match it. Otherwise each is made as if it were alone.",
    },
    hasMaps && {
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
    tsne && {
      kind: "slider",
      name: "perplexity",
      label: "Perplexity",
      tip: "About how many neighbours each sample attends to in t-SNE",
      min: Math.min(2, Number(get("perplexity"))),
      max: Math.max(3, Math.min(200, Math.ceil(shown / 3) - 1)),
      step: 1,
      log: true,
    },
    tsne && {
      kind: "number",
      name: "seed",
      label: "Seed",
      tip: "Another seed gives other, equally good maps",
      min: 0,
      max: 999,
      step: 1,
    },
    specimen.n > 200 && {
      kind: "number",
      name: "n_samples",
      label: "Samples",
      tip: "How many are shown, evenly spread over all; 0 for all",
      min: 0,
      max: specimen.n,
      step: 100,
    },
    {
      kind: "button",
      name: "lasso",
      label: "Lasso",
      tip: "Draw around points in either map to select them (L). Shift adds, Alt removes. Or hold Shift and drag.",
      pressed: get("lasso") === true,
    },
    {
      kind: "button",
      name: "clear",
      label: "Clear selection",
      tip: "Select nothing (Escape in a map)",
      disabled: !get("clear"),
    },
    { kind: "button", name: "everything", label: "Show all", tip: "Undo zoom and pan in both maps (0)" },
  ];
  return controls.filter((control) => control !== false);
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

export function factsOf(meta: ComparisonMeta, shown: number): Fact[] {
  const [left, right] = meta.sides;
  const facts: Fact[] = [];
  const pair = (name: string, a: number | null, b: number | null, tip: string) => {
    if (a !== null || b !== null)
      facts.push({ text: `${name} ${[a, b].map((x) => (x === null ? "?" : percent(x))).join(" → ")}`, tip });
  };
  if (meta.mean !== undefined)
    facts.push({
      text: `${percent(meta.mean)} of the ${meta.k} nearest neighbours kept in the ${meta.of} (chance ${percent(meta.chance!)})`,
      tip: "Mean over the samples of the share of a sample's nearest neighbours on the left that are among its nearest on the right. Chance: k / (samples − 1), for two sides without any relation.",
    });
  pair(
    "neighbourhood hit in the maps",
    left.hit,
    right.hit,
    `Left → right: of the ${meta.k} nearest neighbours in the map, the share that carries the sample's label`,
  );
  pair(
    "in the activations",
    left.hitActivations,
    right.hitActivations,
    "The same among the activation vectors themselves",
  );
  pair(
    "accuracy",
    left.accuracy,
    right.accuracy,
    "Left → right: share of the samples shown whose most probable class is the label",
  );
  facts.push({
    text: `${shown.toLocaleString("en")} samples, ${left.features.toLocaleString("en")} and ${right.features.toLocaleString("en")} values each`,
    tip: "Number of samples, and lengths of their activation vectors left and right",
  });
  const notes = [
    ...meta.notes,
    ...left.notes.map((n) => `left: ${n}`),
    ...right.notes.map((n) => `right: ${n}`),
  ];
  for (const text of notes) facts.push({ text });
  return facts;
}

/** What the axes of a map are. */
export function axisText(side: SideMeta, turned: boolean): string {
  if (!side.variance || side.method === "tsne") return "t-SNE: axes have no unit";
  const [x, y] = side.variance.map((share) => 100 * share);
  if (turned) return `PCA, turned to match the left (${(x + y).toFixed(0)} % of variance)`;
  return `→ 1st principal component (${x.toFixed(0)} % of variance)   ↑ 2nd (${y.toFixed(0)} %)`;
}
