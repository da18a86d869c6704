// The colours of the table's cells.
import {
  contrast,
  divergingRamp,
  domainOf,
  type Ramp,
  signedDomainOf,
  toCss,
  unpack,
  VIRIDIS,
} from "../../parts/colours";
import { type Measure, measured, type Table } from "./meta";

export interface Colouring {
  ramp: Ramp;
  /** One for each column. */
  domains: [number, number][];
  /** Whether all columns have one. */
  isShared: boolean;
}

export function colouringOf(table: Table, measure: Measure, isShared: boolean, dark: boolean): Colouring {
  const signed = measure === "selectivity";
  const values = table.columns.map((_, j) => table.layers.map((_, i) => measured(table, measure, i, j)));
  const domainFor = (some: number[]): [number, number] => (signed ? signedDomainOf(some) : domainOf(some));
  const shared: [number, number] = signed ? signedDomainOf(values.flat()) : [0, 1];
  return {
    ramp: signed ? divergingRamp(dark) : VIRIDIS,
    domains: values.map((column) => (isShared ? shared : domainFor(column))),
    isShared,
  };
}

/** Background and ink of a cell; nothing for a value that is not there. */
export function paintOf(
  { ramp, domains }: Colouring,
  value: number,
  j: number,
): { background: string; color: string } | undefined {
  if (Number.isNaN(value)) return undefined;
  const [low, high] = domains[j];
  const at = high > low ? (value - low) / (high - low) : 0.5;
  const colour = ramp[Math.round(255 * Math.min(1, Math.max(0, at)))];
  const rgb = unpack(colour);
  const isDark = contrast(rgb, [255, 255, 255]) > contrast(rgb, [0, 0, 0]);
  return { background: toCss(colour), color: isDark ? "#fff" : "#000" };
}
