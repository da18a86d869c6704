// The place of one map in the stage, and below it what its axes are.
import css from "./map_plot.css";
import { addStyle } from "./theme";

export const NO_AXES = "t-SNE: axes have no unit, only who is near whom counts";

/** Shares of the variance along the axes of a principal component analysis; null for t-SNE. */
export function axisText(variance: [number, number] | null): string {
  if (!variance) return NO_AXES;
  const [x, y] = variance.map((share) => `${(100 * share).toFixed(0)} %`);
  return `→ 1st principal component (${x} of variance)   ↑ 2nd (${y})`;
}

export interface MapPlot {
  plot: HTMLElement;
  axes: HTMLElement;
}

export function createMapPlot(root: HTMLElement, stage: HTMLElement): MapPlot {
  addStyle(root, css);
  const [plot, axes] = [document.createElement("div"), document.createElement("div")];
  plot.className = "nbviz-map-plot";
  axes.className = "nbviz-axes";
  stage.dataset.axes = "";
  stage.append(plot, axes);
  return { plot, axes };
}
