// All that is known of one sample, in words and colours.
import type { Palette } from "../../parts/colours";
import type { Column } from "../../parts/columns";
import { lossText, neighboursOf, OUTLIER, type Report, WRONG } from "./report";

/** A class as it is shown: name and packed colour. */
export interface ClassMark {
  name: string;
  colour: number;
  /** As in a palette: colours repeat with another shape. */
  shape: number;
}

/** All that a row says. */
export interface Sample {
  row: number;
  name: string;
  label: ClassMark;
  prediction: ClassMark | null;
  /** Probability of the prediction, NaN if unknown. */
  confidence: number;
  isWrong: boolean;
  isOutlier: boolean;
  /** NaN if unknown. */
  loss: number;
  lossUnit: string;
  same: number;
  /** null without predictions. */
  disagreement: number | null;
  k: number;
  /** Nearest first. */
  neighbours: { row: number; label: ClassMark }[];
}

/** What the numbers of a report stand for. */
export interface Naming {
  columns: Record<string, Column>;
  palette: Palette;
  nameOf: (row: number) => string;
  lossUnit: string;
}

/** The label or the prediction of a sample; null where there is none. */
export function classAt({ columns, palette }: Naming, name: string, row: number): ClassMark | null {
  const column = columns[name];
  if (column?.kind !== "classes") return null;
  const code = column.codes[row];
  const named = column.names[code];
  return named === undefined
    ? null
    : { name: named, colour: palette.colours[code], shape: palette.shapes[code] };
}

export function sampleAt(report: Report, point: number, naming: Naming): Sample {
  const row = report.rows[point];
  const { confidence } = naming.columns;
  const labelOf = (of: number) =>
    classAt(naming, "label", of) ?? { name: "?", colour: naming.palette.missing, shape: 0 };
  return {
    row,
    name: naming.nameOf(row),
    label: labelOf(row),
    prediction: classAt(naming, "prediction", row),
    confidence: confidence?.kind === "numbers" ? confidence.values[row] : Number.NaN,
    isWrong: (report.flags[point] & WRONG) > 0,
    isOutlier: (report.flags[point] & OUTLIER) > 0,
    loss: report.loss ? report.loss[point] : Number.NaN,
    lossUnit: naming.lossUnit,
    same: report.same[point],
    disagreement: report.disagreement ? report.disagreement[point] : null,
    k: report.k,
    neighbours: neighboursOf(report, point).map((near) => ({
      row: report.rows[near],
      label: labelOf(report.rows[near]),
    })),
  };
}

export const percentText = (share: number) => (Number.isNaN(share) ? "" : `${(100 * share).toFixed(0)} %`);

/** Up to so many letters a name stands in a chip. */
export const SHORT = 2;

/** What is to be said of the sample; its name first. */
export function phrases(sample: Sample): string[] {
  const parts = [sample.name, `label ${sample.label.name}`];
  if (sample.prediction) {
    const sure = percentText(sample.confidence);
    parts.push(
      `${sample.isWrong ? "wrongly " : ""}predicted ${sample.prediction.name}${sure && ` with ${sure}`}`,
    );
  }
  if (!Number.isNaN(sample.loss)) parts.push(`loss ${lossText(sample.loss)} ${sample.lossUnit}`.trim());
  parts.push(`${sample.same} of ${sample.k} neighbours of its class`);
  if (sample.isOutlier) parts.push("outlier");
  return parts;
}

/** The sample in one sentence. */
export const sentence = (sample: Sample) => phrases(sample).join(", ");
