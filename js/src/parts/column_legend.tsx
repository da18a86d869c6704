// What the colours of a column of the samples mean: its classes, to click on, or a scale of its values.
import { toCss, VIRIDIS } from "./colours";
import { type Coloured, type Column, countClasses } from "./columns";
import { ColourBar, Legend } from "./legend";

export interface ColumnLegendProps {
  /** What the colours are on: "colour" of points, "frames" of pictures. */
  what: string;
  /** Name of the column. */
  name: string;
  column: Column | undefined;
  coloured: Coloured | null;
  /** The samples shown. */
  rows: Int32Array;
  /** Whether classes also differ in shape. */
  shapes?: boolean;
  /** A class was chosen: its samples; `add` when Shift, Ctrl or the command key was held. */
  onSelect(rows: Int32Array, add: boolean): void;
}

export function ColumnLegend({ what, name, column, coloured, rows, shapes, onSelect }: ColumnLegendProps) {
  if (!column) return null;
  const label = `${what[0].toUpperCase()}${what.slice(1)}: ${name}`;
  const palette = coloured?.palette;
  let key = null;
  if (column.kind === "classes" && palette) {
    const counts = countClasses(column, rows);
    const entries = column.names.map((entry, i) => ({
      name: entry,
      colour: toCss(palette.colours[i]),
      shape: shapes ? palette.shapes[i] : undefined,
      count: counts[i],
    }));
    const pick = (entry: number, add: boolean) =>
      onSelect(
        rows.filter((row) => column.codes[row] === entry),
        add,
      );
    key = <Legend label={label} entries={entries} onPick={pick} />;
  } else if (coloured?.domain) {
    key = <ColourBar label={name} domain={coloured.domain} ramp={VIRIDIS} />;
  }
  return (
    <>
      <div class="nbviz-side-title">{`${what}: ${name}`}</div>
      {key}
    </>
  );
}
