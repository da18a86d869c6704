// What can be changed about the attention, and how a click adds to what is changed already.

// biome-ignore lint/suspicious/noExplicitAny: traits are of any type
type Get = (name: string) => any;

/** The traits of a model whose attention is left as it is. */
export const UNCHANGED = { temperature: 1, hidden: [], uniform: [], uniform_all: false, force: {} };

export function isChanged(get: Get): boolean {
  return (
    get("temperature") !== 1 ||
    get("hidden").length > 0 ||
    get("uniform").length > 0 ||
    get("uniform_all") ||
    Object.keys(get("force")).length > 0
  );
}

export function isUniform(get: Get, layer: number, head: number): boolean {
  return (
    get("uniform_all") ||
    (get("uniform") as number[][]).some((u) => u[0] === layer && (u.length === 1 || u[1] === head))
  );
}

export function withUniform(uniform: number[][], layer: number, head: number, on: boolean): number[][] {
  const others = uniform.filter((u) => u[0] !== layer || u[1] !== head);
  return on ? [...others, [layer, head]] : others;
}

/** Hide a column, or show it again. */
export function toggled(hidden: number[], column: number): number[] {
  return hidden.includes(column)
    ? hidden.filter((c) => c !== column)
    : [...hidden, column].sort((a, b) => a - b);
}

/** Another token at one step, or the model's own for null. What was forced further on belonged to another text. */
export function withForced(
  force: Record<string, unknown>,
  step: number,
  token: string | null,
): Record<string, unknown> {
  const kept = Object.entries(force).filter(([at]) => Number(at) < step);
  return Object.fromEntries(token === null ? kept : [...kept, [String(step), token]]);
}
