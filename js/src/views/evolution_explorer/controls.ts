// The controls of the evolution explorer, and the facts under its picture.
import { type Control, options, present } from "../../parts/controls";
import { colourChoice, lassoButton, layerChoice, samplesNumber } from "../../parts/projection_controls";
import { counted, countedOf, type Fact, percent } from "../../parts/status";

export interface EvolutionMeta {
  names: string[];
  extent: [number, number, number, number];
  samples: number;
  /** 0 while the maps still move. */
  pointsPerTrail: number;
  mode: string;
  iteration: number;
  kl: (number | null)[] | null;
  hit: (number | null)[] | null;
  hitActivations: (number | null)[] | null;
  accuracy: (number | null)[] | null;
  displacement: number;
  k: number;
  notes: string[];
}

export interface EvolutionSpecimen {
  n: number;
  layers: string[];
  epochs: number[];
  names: string[] | null;
}

export const LIMITS =
  "Positions can be compared between frames only as far as the method holds them together: with λ = 0, or in " +
  "mode “follow”, a class may move because t-SNE turned, not because the network learned. A large λ hides real " +
  "change. Read the neighbourhood hit beside the trails, and compare several λ. Distances and sizes of clusters " +
  "in t-SNE mean little.";

export function controlsOf(
  specimen: EvolutionSpecimen,
  meta: EvolutionMeta | null,
  columns: string[],
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any,
): Control[] {
  const epochs = get("over") === "epochs";
  return present([
    specimen.epochs.length > 1 &&
      specimen.layers.length > 1 && {
        kind: "choice",
        name: "over",
        label: "Frames",
        tip: "Epochs of the training of one layer, or the layers of the trained network, one after another",
        options: options([
          ["epochs", "epochs"],
          ["layers", "layers"],
        ]),
      },
    epochs &&
      specimen.layers.length > 0 &&
      layerChoice(specimen.layers, "Whose activations are mapped at each epoch"),
    {
      kind: "choice",
      name: "mode",
      label: "Maps",
      tip: "Dynamic: all maps at once, with a price on moving. Joint: one t-SNE of all frames. Follow: each map starts from the one before.",
      options: options([
        ["dynamic", "dynamic t-SNE"],
        ...(epochs ? [["joint", "joint t-SNE"] as [string, string]] : []),
        ["follow", "follow"],
      ]),
    },
    get("mode") === "dynamic" && {
      kind: "slider",
      name: "strength",
      label: "λ",
      tip: "Price of moving in dynamic t-SNE (Rauber et al. 2016): small gives independent maps, large the same map everywhere",
      min: 0.00001,
      max: 1,
      step: 0.00001,
      log: true,
    },
    {
      kind: "slider",
      name: "perplexity",
      label: "Perplexity",
      tip: "About how many neighbours a sample attends to",
      min: 2,
      max: Math.max(3, Math.floor(((meta?.samples ?? specimen.n) - 1) / 3)),
      step: 1,
      log: true,
    },
    samplesNumber(specimen.n),
    columns.length > 1 && colourChoice(columns, "What the colours mean, and whose trails are drawn together"),
    {
      kind: "toggle",
      name: "show_trails",
      label: "Trails",
      tip: "The paths of the samples; later frames are brighter",
    },
    Boolean(get("show_trails")) && {
      kind: "slider",
      name: "bundling",
      label: "Bundled",
      tip: "How far trails of one class are drawn together (Hurter et al. 2012): 0 straight, 1 fully",
      min: 0,
      max: 1,
      step: 0.05,
    },
    lassoButton(get, "Select samples by drawing around them (L)"),
  ]);
}

/** What an axis of percentages spans: whole tens, never beyond 0 and 100. */
export function percentDomain(values: number[]): [number, number] {
  const known = values.filter((value) => Number.isFinite(value));
  if (!known.length) return [0, 100];
  const high = Math.min(100, 10 * Math.ceil(Math.max(...known) / 10));
  const low = Math.max(0, Math.min(10 * Math.floor(Math.min(...known) / 10), high - 10));
  return [low, Math.max(high, low + 10)];
}

export function factsOf(meta: EvolutionMeta | null, at: number, total: number): Fact[] {
  if (!meta) return [];
  const facts: Fact[] = [
    { text: `${countedOf(meta.samples, total, "sample")}, ${counted(meta.names.length, "frame")}` },
  ];
  const hit = meta.hit?.[at];
  if (hit !== null && hit !== undefined)
    facts.push({
      text: `neighbourhood hit ${percent(hit)}`,
      tip: `Share of the ${meta.k} nearest neighbours in this map with the same label (Rauber et al. 2017)`,
    });
  const accuracy = meta.accuracy?.[at];
  if (accuracy !== null && accuracy !== undefined)
    facts.push({
      text: `accuracy ${percent(accuracy)}`,
      tip: "Of the network at this frame, on these samples",
    });
  const kl = meta.kl?.[at];
  if (kl !== null && kl !== undefined)
    facts.push({ text: `KL ${kl.toFixed(2)}`, tip: "What t-SNE minimises, nats" });
  facts.push({
    text: `moves ${(100 * meta.displacement).toFixed(0)} % of the radius per frame`,
    tip: "Mean distance that samples move from frame to frame, over the radius of the maps",
  });
  for (const note of meta.notes) facts.push({ text: note });
  return facts;
}
