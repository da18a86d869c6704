// The colour of a relative distance, on a logarithmic scale.
import { toCss, VIRIDIS } from "../../parts/colours";

/** Below this nothing is drawn: a thousandth of the difference is left. */
export const LOWEST = 1e-3;

/** Share of the scale in [0, 1]; null below its end. A distance above 1 has the colour of 1. */
export function shareOf(distance: number): number | null {
  if (!(distance >= LOWEST)) return null;
  return Math.min(1, 1 - Math.log10(distance) / Math.log10(LOWEST));
}

export function heatColour(distance: number): string | null {
  const share = shareOf(distance);
  return share === null ? null : toCss(VIRIDIS[Math.round(share * (VIRIDIS.length - 1))]);
}
