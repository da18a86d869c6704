// Traits and a first frame for each view with a map: rows 10 and 20 of 30 samples at two corners of a plot.
import evolution from "../src/views/evolution_explorer";
import layer from "../src/views/layer_explorer";
import comparison from "../src/views/map_comparison";
import neurons from "../src/views/neuron_explorer";
import outliers from "../src/views/outlier_explorer";
import { packFrame } from "./fake_model";

/** Where the points of rows 10 and 20 lie in a plot of 400 × 400 with its margin of 14, and a place without any. */
export const AT_10 = [14, 386];
export const AT_20 = [386, 14];
export const NOWHERE = [200, 200];

const ROWS = Int32Array.of(10, 20);
const corners = () => Uint16Array.of(0, 0, 65535, 65535);
const EXTENT = [0, 0, 1, 1];
const SPECIMEN = { n: 30, names: null, layers: [], epochs: [], maps: [], columns: {} };
const MAP = {
  extent: EXTENT,
  variance: [0.9, 0.1],
  hit: null,
  hitActivations: null,
  accuracy: null,
  kl: null,
};
const COMMON = { method: "pca", iteration: 0, k: 1, features: 2, notes: [], layer: "fc1" };

export function layerExplorer() {
  return {
    colour_by: "",
    predictions_sent: {},
    layer: "fc1",
    specimen: { ...SPECIMEN },
    frame: packFrame({ ...COMMON, ...MAP, epoch: null }, [corners(), ROWS]),
  };
}

export function mapComparison() {
  const side = { ...COMMON, ...MAP, title: "fc1" };
  return {
    colour_by: "preservation",
    predictions_sent: {},
    specimen: { ...SPECIMEN, left: { layers: [], epochs: [] }, right: { layers: [], epochs: [] } },
    frame: packFrame({ sides: [side, side], of: "activations", matched: false, notes: [] }, [
      corners(),
      corners(),
      ROWS,
    ]),
  };
}

export function evolutionExplorer(count = 1) {
  const names = Array.from({ length: count }, (_, i) => String(i));
  const meta = { ...COMMON, ...MAP, names, samples: 2, pointsPerTrail: 0, mode: "", displacement: 0 };
  return {
    colour_by: "",
    frame_shown: 0,
    over: "epochs",
    specimen: { ...SPECIMEN },
    answers_sent: {},
    frame: packFrame({ ...meta, hit: null, accuracy: null }, [
      Uint16Array.from(names.flatMap(() => [...corners()])),
      ROWS,
    ]),
  };
}

/** Units 5 and 6 lie where rows 10 and 20 do. */
export function neuronExplorer() {
  const maps = {
    sampleExtent: EXTENT,
    unitExtent: EXTENT,
    dead: 0,
    unitCount: 2,
    stress: 0,
    isSigned: false,
  };
  const meta = { ...COMMON, ...MAP, ...maps, unitTitle: "mean", sampleTitle: "", classes: null };
  const units = Int32Array.of(5, 6);
  return {
    colour_by: "",
    units: [],
    specimen: { ...SPECIMEN, classes: false },
    frame: packFrame(meta, [corners(), ROWS, corners(), units, Float32Array.of(1, 2), new Float32Array(0)]),
  };
}

export function outlierExplorer() {
  return {
    colour_by: "",
    sample: null,
    show: "all",
    sort_by: "hit",
    layer: "fc1",
    specimen: { ...SPECIMEN },
    frame: packFrame({ ...COMMON, ...MAP, lossUnit: "", arrays: ["positions", "rows"] }, [corners(), ROWS]),
  };
}

export function livePlacement(drawn = false) {
  const meta = { map: 1, drawn, landed: drawn, percentile: drawn ? 5 : null, far: false, distanceWords: "" };
  const more = { classes: [], shift: [0, 0], seen: [], kept: [] };
  const none = [new Int32Array(0), new Float32Array(0), new Uint8Array(0)];
  return {
    sample: -1,
    text: drawn ? "a word" : "",
    drawing: {},
    kept: {},
    brush: 0,
    ink: "",
    specimen: { ...SPECIMEN, text: true, shape: [], background: [], ink: [], classifies: false },
    frame: packFrame({ ...COMMON, ...MAP, ...meta, ...more }, [
      corners(),
      ROWS,
      Float32Array.of(0.5, 0.5),
      ...none,
    ]),
  };
}

/** The views in which points are selected: name, view, and what it would get from Python. */
export const SELECTING = [
  ["LayerExplorer", layer, layerExplorer],
  ["MapComparison", comparison, mapComparison],
  ["EvolutionExplorer", evolution, evolutionExplorer],
  ["NeuronExplorer", neurons, neuronExplorer],
  ["OutlierExplorer", outliers, outlierExplorer],
] as const;
