// A selection is a sorted Int32Array of row numbers without repetition: what the Python trait holds.

import { typedArray } from "../channel";

export type How = "replace" | "add" | "remove";

/** Whether two lists of row numbers are equal. */
export function sameRows(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The selection after `indices` were chosen. */
export function combine(selection: Int32Array, indices: Int32Array, how: How): Int32Array {
  const chosen = new Set(indices);
  const rest = how === "replace" ? [] : selection.filter((i) => !chosen.has(i));
  if (how !== "remove") return Int32Array.from([...rest, ...chosen]).sort();
  return Int32Array.from(rest);
}

/** Row numbers as they travel: int32 bytes, or a plain list. */
export function readRows(value: DataView | ArrayLike<number> | null | undefined): Int32Array {
  if (value instanceof DataView)
    return value.byteLength ? Int32Array.from(typedArray(value, "int32")) : new Int32Array(0);
  return Int32Array.from(value ?? []);
}

/** Row numbers for the trip to Python. */
export function packRows(rows: Int32Array): DataView {
  return new DataView(rows.slice().buffer);
}
