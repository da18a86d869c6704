// The selected samples with their class and what the network takes them for.
import { toCss } from "./colours";
import { type Column, colourColumn, countClasses, valueText } from "./columns";
import type { Pictures } from "./pictures";
import { Strip } from "./strip";

const MOST = 60;

export interface SampleStripProps {
  selection: Int32Array;
  /** Of all samples, by name; "prediction" and "correct" are the network's. */
  columns: Record<string, Column>;
  /** The column that stands under the pictures, and colours them. */
  name: string;
  dark: boolean;
  pictures: Pictures;
  describe(row: number): string[];
  onPick(row: number): void;
}

export function SampleStrip(props: SampleStripProps) {
  const { selection, columns, pictures, describe, onPick } = props;
  // Whether an answer is correct is seen beside the label: a wrong one is bold.
  const name = props.name === "correct" && columns.label ? "label" : props.name;
  const column = columns[name];
  const classes = column?.kind === "classes" ? column : null;
  const palette = classes ? colourColumn(classes, [], props.dark).palette : null;
  const colourOf = (code: number) =>
    palette?.colours[code] === undefined ? "" : toCss(palette.colours[code]);
  const counts = classes ? countClasses(classes, selection) : [];
  const predicted = name === "prediction" ? undefined : columns.prediction;
  const right = columns.correct?.kind === "classes" ? columns.correct.codes : null;
  const items = Array.from(selection.slice(0, MOST), (row) => ({
    index: row,
    name: describe(row).join(", "),
    text: describe(row)[0],
    className: valueText(column, row),
    colour: classes ? colourOf(classes.codes[row]) : "",
    prediction: valueText(predicted, row),
    wrong: right?.[row] === 0,
  }));
  return (
    <Strip
      pictures={pictures}
      total={selection.length}
      items={items}
      caption={predicted ? `${name} → prediction (bold where it is wrong)` : undefined}
      counts={counts
        .map((count, i) => ({ name: classes!.names[i], colour: colourOf(i), count }))
        .filter(({ count }) => count > 0)}
      onPick={onPick}
    />
  );
}
