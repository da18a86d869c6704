// Columns of a table of samples, as nbviz/views/parts/columns.py packs them, and the colours they give.
import { typedArray } from "../channel";
import {
  classPalette,
  colourClasses,
  colourValues,
  domainOf,
  missingColour,
  type Palette,
  VIRIDIS,
} from "./colours";

export const MISSING = 65535;

export type Column =
  | { kind: "classes"; names: string[]; codes: Uint16Array }
  | { kind: "numbers"; values: Float32Array };

// biome-ignore lint/suspicious/noExplicitAny: as it travels
export function readColumn(packed: any): Column {
  return packed.kind === "classes"
    ? { kind: "classes", names: packed.names, codes: typedArray(packed.codes, "uint16") as Uint16Array }
    : { kind: "numbers", values: typedArray(packed.values, "float32") as Float32Array };
}

// biome-ignore lint/suspicious/noExplicitAny: as it travels
export function readColumns(packed: any): Record<string, Column> {
  return Object.fromEntries(Object.entries(packed ?? {}).map(([name, value]) => [name, readColumn(value)]));
}

/** A column of some `rows`, as one of all `n` samples; the others have no value. */
export function byRow(column: Column, rows: ArrayLike<number>, n: number): Column {
  if (column.kind === "classes") {
    const codes = new Uint16Array(n).fill(MISSING);
    for (let i = 0; i < rows.length; i++) codes[rows[i]] = column.codes[i];
    return { ...column, codes };
  }
  const values = new Float32Array(n).fill(Number.NaN);
  for (let i = 0; i < rows.length; i++) values[rows[i]] = column.values[i];
  return { ...column, values };
}

/** What the numbers of several tables with the same columns span, by column: one scale for all of them. */
export function domainsOf(tables: Record<string, Column>[]): Record<string, [number, number]> {
  const domains: Record<string, [number, number]> = {};
  for (const table of tables)
    for (const [name, column] of Object.entries(table)) {
      if (column.kind !== "numbers") continue;
      const [low, high] = domainOf(column.values);
      const [lowest, highest] = domains[name] ?? [low, high];
      domains[name] = [Math.min(low, lowest), Math.max(high, highest)];
    }
  return domains;
}

/** Which of `rows` the network gets wrong, as marks of their points; null where that is not known. */
export function wrongOf(columns: Record<string, Column>, rows: ArrayLike<number>): Uint8Array | null {
  const right = columns.correct;
  return right?.kind === "classes" ? Uint8Array.from(rows, (row) => +(right.codes[row] === 0)) : null;
}

/** The value of a row, in words; empty where there is none. */
export function valueText(column: Column | undefined, row: number): string {
  if (!column) return "";
  if (column.kind === "classes") return column.names[column.codes[row]] ?? "";
  const value = column.values[row];
  return Number.isNaN(value) ? "" : Number(value.toPrecision(3)).toString();
}

export function sampleName(names: string[] | null | undefined, row: number): string {
  return names?.[row] ?? `sample ${row}`;
}

/** What the columns say of a row, a line each. */
export function valueLines(columns: Record<string, Column>, row: number): string[] {
  return Object.entries(columns).map(([name, column]) => `${name}: ${valueText(column, row)}`);
}

/** The same with the answer of a network: its confidence behind its prediction. */
export function answerLines(columns: Record<string, Column>, row: number): string[] {
  const confidence = valueText(columns.confidence, row);
  const sure = confidence ? ` (${(100 * Number(confidence)).toFixed(0)} %)` : "";
  const told = Object.entries(columns).filter(([name]) => name !== "confidence" && name !== "correct");
  return told.map(
    ([name, column]) => `${name}: ${valueText(column, row)}${name === "prediction" ? sure : ""}`,
  );
}

export interface Coloured {
  colours: Uint32Array;
  shapes: Uint8Array | null;
  palette: Palette | null;
  domain: [number, number] | null;
}

/** One colour for each of `rows`; numbers on a scale over `span`, by default that of the column. */
export function colourColumn(
  column: Column,
  rows: ArrayLike<number>,
  dark: boolean,
  span?: [number, number],
): Coloured {
  if (column.kind === "classes") {
    const palette = classPalette(column.names.length, dark);
    const codes = Int32Array.from(rows, (row) => (column.codes[row] === MISSING ? -1 : column.codes[row]));
    const shapes = Uint8Array.from(codes, (code) => palette.shapes[code] ?? 0);
    return { colours: colourClasses(codes, palette), shapes, palette, domain: null };
  }
  const values = Float32Array.from(rows, (row) => column.values[row]);
  const domain = span ?? domainOf(column.values);
  return {
    colours: colourValues(values, VIRIDIS, domain, missingColour(dark)),
    shapes: null,
    palette: null,
    domain,
  };
}

/** How many of `rows` are in each class. */
export function countClasses(column: Column & { kind: "classes" }, rows: ArrayLike<number>): number[] {
  const counts = new Array(column.names.length).fill(0);
  for (let i = 0; i < rows.length; i++) {
    const code = column.codes[rows[i]];
    if (code < counts.length) counts[code]++;
  }
  return counts;
}
