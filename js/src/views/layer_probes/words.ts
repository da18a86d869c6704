// The controls of the layer probes, the facts under them, and every number in words.
import { type Control, options, present } from "../../parts/controls";
import { featureMapsChoice, samplesNumber, seedNumber } from "../../parts/projection_controls";
import { counted, type Fact } from "../../parts/status";
import { type Cell, type ColumnMeta, cellOf, type Measure, type Specimen, type Table } from "./meta";

export const HIT =
  "Neighbourhood hit: of the k samples that lie nearest to a sample in the layer, the share that has its label, " +
  "averaged over all samples (Rauber et al. 2017)";
export const PROBE =
  "Linear probe: a linear classifier (of numbers: ridge regression) that reads the label from the layer's " +
  "activations, scored on samples that it was not fitted on (Alain and Bengio 2016)";
export const SELECTIVITY =
  "Selectivity: accuracy of the probe less its accuracy on shuffled labels (Hewitt and Liang 2019)";

export const TIPS: Record<Measure, string> = {
  "neighbourhood hit": HIT,
  "probe accuracy": PROBE,
  selectivity: SELECTIVITY,
};

export function controlsOf(specimen: Specimen): Control[] {
  const columns = specimen.columns.map((name): [string, string] => [name, name]);
  return present([
    {
      kind: "choice",
      name: "measure",
      label: "Table of",
      tip: `${HIT}. ${PROBE}. ${SELECTIVITY}.`,
      options: options([
        ["neighbourhood hit", "neighbourhood hit"],
        ["probe accuracy", "probe accuracy"],
        ["selectivity", "selectivity"],
      ]),
    },
    {
      kind: "choice",
      name: "colour_scale",
      label: "Colours",
      tip: "One scale for the whole table, so that columns can be compared; or one for each column, from its lowest to its highest value, so that small differences show",
      options: options([
        ["all columns", "one scale for all"],
        ["each column", "each column its own"],
      ]),
    },
    {
      kind: "slider",
      name: "k",
      label: "Neighbours",
      tip: "How many nearest neighbours are counted in the neighbourhood hit (k)",
      min: 1,
      max: 30,
      step: 1,
    },
    samplesNumber(
      specimen.n,
      "How many samples take part, evenly spread over all. More take longer.",
      Math.min(20, specimen.n),
    ),
    {
      kind: "number",
      name: "folds",
      label: "Folds",
      tip: "Parts of the cross-validation: each is held out once, the probe is fitted on the others",
      min: 2,
      max: 20,
      step: 1,
    },
    columns.length > 1 && {
      kind: "choice",
      name: "groups",
      label: "Keep together",
      tip: "Samples with one value of this column (one speaker, one recording) are never on both sides of a split: else the probe may know the recording instead of the label",
      options: options([["", "nothing"], ...columns]),
    },
    columns.length > 1 && {
      kind: "choice",
      name: "shuffle_by",
      label: "Shuffle",
      tip: "The control: to each sample a label of its own, at random; or one to all samples with one value of a column, so that the probe can win by telling these values apart (the control task of Hewitt and Liang 2019)",
      options: options([
        ["", "each sample"],
        ...columns.map(([name]): [string, string] => [name, `whole values of ${name}`]),
      ]),
    },
    specimen.maps &&
      featureMapsChoice("How a feature map becomes a vector: all its values, or one per channel"),
    specimen.untrained && {
      kind: "toggle",
      name: "untrained",
      label: "Untrained network",
      tip: "Measure the same network before its training: random layers tell much already",
    },
    seedNumber("Another seed deals other folds and shuffles labels in another way"),
  ]);
}

const percent = (share: number) => (100 * share).toFixed(1).replace("-", "−");

/** A value as the table has it: percent without its sign, or R². */
export function written(value: number, { numeric }: ColumnMeta): string {
  if (Number.isNaN(value)) return "–";
  return numeric ? value.toFixed(2).replace("-", "−") : percent(value);
}

/** The unit of the colour scale, what values are multiplied by, and where columns of numbers stand on it. */
export function scaleWords(
  columns: ColumnMeta[],
  measure: Measure,
): { unit: string; factor: number; numbers: string } {
  if (columns.every(({ numeric }) => numeric)) return { unit: "R²", factor: 1, numbers: "" };
  const [unit, short] = measure === "selectivity" ? ["percentage points", "points"] : ["%", "%"];
  const mixed = columns.some(({ numeric }) => numeric);
  const numbers = mixed ? `columns of numbers: R² (1 = 100 ${short})` : "";
  return { unit, factor: 100, numbers };
}

function full(value: number, column: ColumnMeta, points = false): string {
  if (Number.isNaN(value)) return "not measured";
  if (column.numeric) return `${points ? "" : "R² "}${value.toFixed(3).replace("-", "−")}`;
  return `${percent(value)} ${points ? "points" : "%"}`;
}

export interface Line {
  name: string;
  tip: string;
  value: string;
  more: string;
}

/** Everything that is known about a cell, line by line. */
export function linesOf(table: Table, i: number, j: number): Line[] {
  const column = table.columns[j];
  const cell: Cell = cellOf(table, i, j);
  const say = (value: number, points = false) => full(value, column, points);
  const folds = Array.from(cell.folds, (value) => written(value, column)).join(", ");
  const known = !Number.isNaN(cell.probe.mean);
  const chance = `chance ${say(column.hitChance)}`;
  const ceiling = column.hitCeiling < 1 ? `, highest possible ${say(column.hitCeiling)}` : "";
  const lines: Line[] = [
    {
      name: `${column.numeric ? "neighbours' mean" : "neighbourhood hit"} (k = ${table.k})`,
      tip: column.numeric ? "R² of the mean value of the k nearest neighbours" : HIT,
      value: say(cell.hit),
      more: `${chance}${ceiling}, untrained network ${say(cell.untrainedHit)}`,
    },
    {
      name: "linear probe",
      tip: PROBE,
      value: known ? `${say(cell.probe.mean)} ± ${written(cell.probe.sd, column)}` : "not measured",
      more: `${column.numeric ? "the mean alone R² 0" : `the largest class alone ${say(column.baseline)}`}${
        known ? `; folds ${folds}` : ""
      }`,
    },
    {
      name: "shuffled labels",
      tip: SELECTIVITY,
      value: say(cell.shuffled.mean),
      more: known ? `selectivity ${say(cell.selectivity, true)}` : "",
    },
    {
      name: "untrained network",
      tip: "The same probe on the same layer before the training",
      value: say(cell.untrained.mean),
      more: "",
    },
    {
      name: "samples",
      tip: "Samples that have a label of this column",
      value: column.samples.toLocaleString("en"),
      more: [
        column.numeric ? "numbers" : counted(column.classes, "class", "classes"),
        `${table.folds} folds`,
        column.grouped ? `${table.groups} kept whole` : "",
        table.layerNotes[i],
      ]
        .filter(Boolean)
        .join(", "),
    },
  ];
  return lines;
}

/** The same in one sentence, for a tooltip and a screen reader. */
export function sentenceOf(table: Table, i: number, j: number): string {
  const said = linesOf(table, i, j).map(
    ({ name, value, more }) => `${name} ${value}${more ? ` (${more})` : ""}`,
  );
  return `${table.layers[i]}, ${table.columns[j].name}: ${said.join("; ")}`;
}

export function factsOf(table: Table): Fact[] {
  const most = Math.max(...table.columns.map(({ samples }) => samples));
  const facts: Fact[] = [
    { text: counted(most, "sample") },
    { text: `k = ${table.k}`, tip: "Neighbours in the neighbourhood hit" },
    { text: `${table.folds} folds`, tip: "Parts of the cross-validation of the probes" },
  ];
  if (table.groups)
    facts.push({
      text: `${table.groups} kept together`,
      tip: "Samples with one value of this column are never on both sides of a split",
    });
  if (table.shuffleBy)
    facts.push({
      text: `labels shuffled over whole values of ${table.shuffleBy}`,
      tip: "The control task: all samples with one value get one label, at random",
    });
  return facts;
}

export const LIMITS =
  "That a probe can read a label from a layer does not mean that the network uses it: to know that, the layer must be " +
  "changed. A wide layer of an untrained network, and the input itself, tell much already, so look at the controls " +
  "before you say that something was learned. A probe with many weights can learn labels that mean nothing: where " +
  "shuffled labels over whole values (the control task) score as high, the label is not told better than any other " +
  "grouping of these values (Hewitt and Liang 2019). What a linear probe cannot read may still be there in another " +
  "form. The spread over folds is no standard error, since folds share training samples. Neighbourhood hit depends on " +
  "k, on the distance and on how many samples and classes there are: compare it down a column, not across.";
