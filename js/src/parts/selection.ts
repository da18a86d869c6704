// A selection is a sorted Int32Array of row numbers without repetition: what the Python trait holds.

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
