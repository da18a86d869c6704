// A selection is a sorted Int32Array of row numbers without repetition: what the Python trait holds.

export type How = "replace" | "add" | "remove";

/** The selection after `indices` were chosen. */
export function combine(selection: Int32Array, indices: Int32Array, how: How): Int32Array {
  const chosen = new Set(indices);
  const rest = how === "replace" ? [] : selection.filter((i) => !chosen.has(i));
  if (how !== "remove") return Int32Array.from([...rest, ...chosen]).sort();
  return Int32Array.from(rest);
}
