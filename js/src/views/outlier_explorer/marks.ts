// What is drawn over the points: a ring around every outlier, and the sample looked at with its neighbours.
import { pack, type Rgb, toCss } from "../../parts/colours";
import { pointRadius } from "../../parts/scatter_draw";
import type { Viewport } from "../../parts/viewport";

export interface Marks {
  xy: Float32Array;
  colours: Uint32Array;
  /** Points with a ring. */
  outliers: number[];
  /** Selected points; rings of others are pale while there are some. */
  selected: ReadonlySet<number>;
  /** Point shown with its neighbours, or null. */
  sample: number | null;
  neighbours: number[];
  /** Point under the mouse in the list, or null. */
  hovered: number | null;
}

const PALE = 0.25;

export function paintMarks(
  context: CanvasRenderingContext2D,
  view: Viewport,
  marks: Marks,
  ink: { dark: boolean; background: Rgb },
): void {
  const line = ink.dark ? "#ffffff" : "#14161a";
  const page = toCss(pack(ink.background));
  const radius = pointRadius(marks.xy.length / 2, view.zoom.k);
  const at = (point: number) => view.toScreen(marks.xy[2 * point], marks.xy[2 * point + 1]);

  const rings = (points: number[], alpha: number) => {
    context.globalAlpha = alpha;
    context.beginPath();
    for (const point of points) {
      const [x, y] = at(point);
      // A selected point has an outline of its own: the ring stands clear of it.
      const ring = radius + (marks.selected.has(point) ? 5 : 2.6);
      context.moveTo(x + ring, y);
      context.arc(x, y, ring, 0, 2 * Math.PI);
    }
    context.lineWidth = 1.3;
    context.strokeStyle = line;
    context.stroke();
    context.globalAlpha = 1;
  };
  const isLoud = (point: number) => marks.selected.size === 0 || marks.selected.has(point);
  rings(
    marks.outliers.filter((point) => !isLoud(point)),
    PALE,
  );
  rings(marks.outliers.filter(isLoud), 1);

  const halo = (point: number, r: number, width: number) => {
    const [x, y] = at(point);
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.lineWidth = width + 2.5;
    context.strokeStyle = page;
    context.stroke();
    context.lineWidth = width;
    context.strokeStyle = line;
    context.stroke();
  };
  if (marks.sample !== null) {
    const [x, y] = at(marks.sample);
    for (const [width, colour] of [
      [3.5, page],
      [1.3, line],
    ] as const) {
      context.beginPath();
      for (const point of marks.neighbours) {
        context.moveTo(x, y);
        context.lineTo(...at(point));
      }
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
    for (const point of [...marks.neighbours, marks.sample]) {
      const [px, py] = at(point);
      context.beginPath();
      context.arc(px, py, radius * 1.15, 0, 2 * Math.PI);
      context.fillStyle = toCss(marks.colours[point]);
      context.fill();
      context.lineWidth = 1;
      context.strokeStyle = line;
      context.stroke();
    }
    halo(marks.sample, radius + 6, 2.2);
  }
  if (marks.hovered !== null && marks.hovered !== marks.sample) halo(marks.hovered, radius + 6, 1.6);
}
