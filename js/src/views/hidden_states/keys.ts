// The plot by keys: arrows move and widen the brush and move the threshold, comma and full stop the handles.
import { levelOf, snapped, type TrackMeta, thresholdOf } from "../../parts/track";

export interface Brush {
  span: [number, number] | null;
  zeros: [number, number];
  threshold: number;
}

/** What a key sets, by trait; null for a key that means nothing here. */
export function keyed(
  { key, shiftKey }: Pick<KeyboardEvent, "key" | "shiftKey">,
  { span, zeros, threshold }: Brush,
  meta: TrackMeta,
): Record<string, unknown> | null {
  const { first, steps } = meta;
  const [a, b] = span ?? [first, first + 1];
  const [left, right] = zeros;
  const within = (x: number, low: number, high: number) => Math.max(low, Math.min(high, x));
  const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
  if (by && !span) return { span: [a, b], pinned: [] };
  if (by && shiftKey) return { span: [a, within(b + by, a + 1, first + steps)], pinned: [] };
  if (by) {
    const to = within(a + by, first, first + steps - (b - a));
    return { span: [to, to + b - a], pinned: [] };
  }
  const up = { ArrowUp: 2, ArrowDown: -2 }[key];
  if (up) return { threshold: snapped(thresholdOf(levelOf(threshold, meta) + up, meta), meta) };
  if (key === "," || key === "<") return { zeros: [Math.max(0, left + (shiftKey ? -1 : 1)), right] };
  if (key === "." || key === ">") return { zeros: [left, Math.max(0, right + (shiftKey ? -1 : 1))] };
  return key === "Escape" ? { span: [], pinned: [] } : null;
}
