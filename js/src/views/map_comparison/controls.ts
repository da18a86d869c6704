// The controls of the map comparison, and the facts under its pictures.
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
  samplesNumber,
  seedNumber,
  showAllButton,
} from "../../parts/projection_controls";
import { counted, type Fact, percent } from "../../parts/status";

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
  layers: Layer[];
  epochs: number[];
}

export interface ComparisonSpecimen {
  n: number;
  left: SideSpecimen;
  right: SideSpecimen;
  names: string[] | null;
}

export const PRESERVATION = "preservation";

export const LIMITS =
  "That neighbours changed does not say why, nor that one side is better: a network that learns to tell classes " +
  "apart must move samples. Neighbours among near-equal distances change by little causes, so compare with what " +
  "chance gives, and try several k. Measured in the maps, the faults of the projection are added: two t-SNE maps " +
  "of the same activations do not keep all neighbours either. The right map starts from the left one; where a " +
  "group lies at last still depends on the start and the seed.";

/** Layer and epoch of one side. */
function sideControls(side: SideSpecimen, name: "Left" | "Right"): Control[] {
  const prefix = name === "Left" ? "" : "right_";
  const controls: Control[] = [
    layerSteps(
      side.layers,
      `Whose activations are shown on the ${name.toLowerCase()}, from the input to the output`,
      `${prefix}layer`,
      `${name} layer`,
    ),
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
    (layer) => hasFeatureMaps(layer) && [get("layer"), get("right_layer")].includes(layer.name),
  );
  return present([
    ...sideControls(specimen.left, "Left"),
    ...sideControls(specimen.right, "Right"),
    colourChoice(
      columns,
      "What the colours mean. Preservation: the share of its nearest neighbours that a sample has on both sides.",
    ),
    {
      kind: "choice",
      name: "of",
      label: "Neighbours in",
      tip: "Where the nearest neighbours are looked for: among the activation vectors, or in the maps as they are drawn",
      options: options([
        ["activations", "the activations"],
        ["maps", "the maps"],
      ]),
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
    projectionChoice(),
    {
      kind: "toggle",
      name: "match",
      label: "Right starts from left",
      tip: "The right t-SNE starts from the left map, or the right PCA is turned to match it. Otherwise each is made as if it were alone.",
    },
    hasMaps && featureMapChoice(),
    tsne && perplexitySlider(get, shown),
    tsne && seedNumber("Another seed gives other, equally good maps"),
    specimen.n > 200 && samplesNumber(specimen.n),
    lassoButton(
      get,
      "Draw around points in either map to select them (L). Shift adds, Alt removes. Or hold Shift and drag.",
    ),
    {
      kind: "button",
      name: "clear",
      label: "Clear selection",
      tip: "Select nothing (Escape in a map)",
      disabled: !get("clear"),
    },
    showAllButton("Undo zoom and pan in both maps (0)"),
  ]);
}

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
    text: `${counted(shown, "sample")}, ${left.features.toLocaleString("en")} and ${counted(right.features, "value")} each`,
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
