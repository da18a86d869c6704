// The neighbours of one sample on both sides: who they are, and the lines and rings that show them.
import { pack, type Rgb, toCss } from "../../parts/colours";
import type { Viewport } from "../../parts/viewport";

export interface Neighbours {
  k: number;
  /** Share of the neighbours kept, for each point. */
  local: Float32Array;
  /** k numbers of points for each point, nearest first. */
  left: ArrayLike<number>;
  right: ArrayLike<number>;
}

export type Group = "kept" | "lost" | "gained";
export type Groups = Record<Group, number[]>;

export const GROUPS: { name: Group; tip: string; dash: number[]; colours: [light: string, dark: string] }[] =
  [
    { name: "kept", tip: "Neighbours on both sides", dash: [], colours: ["#0072b2", "#56b4e9"] },
    { name: "lost", tip: "Neighbours on the left only", dash: [6, 3], colours: ["#b84f00", "#ff9a4d"] },
    { name: "gained", tip: "Neighbours on the right only", dash: [2, 3], colours: ["#00805d", "#30d89c"] },
  ];

/** Neighbours of `point` on both sides, on the left only, and on the right only. */
export function groupsOf({ k, left, right }: Neighbours, point: number): Groups {
  const of = (side: ArrayLike<number>) => Array.from({ length: k }, (_, i) => side[k * point + i]);
  const [before, after] = [of(left), of(right)];
  return {
    kept: before.filter((other) => after.includes(other)),
    lost: before.filter((other) => !after.includes(other)),
    gained: after.filter((other) => !before.includes(other)),
  };
}

/** Points that kept the fewest neighbours first; of equal ones the lower number first. */
export function mostChanged(local: Float32Array, among: ArrayLike<number>): number[] {
  return Array.from(among).sort((a, b) => local[a] - local[b] || a - b);
}

export interface Ink {
  dark: boolean;
  background: Rgb;
}

/** Lines from `point` to its neighbours of this side, and rings around those of both. */
export function drawNeighbours(
  context: CanvasRenderingContext2D,
  view: Viewport,
  xy: Float32Array,
  { point, groups, side, ink }: { point: number; groups: Groups; side: "left" | "right"; ink: Ink },
): void {
  const at = (i: number) => view.toScreen(xy[2 * i], xy[2 * i + 1]);
  const [x, y] = at(point);
  const halo = toCss(pack(ink.background));
  const stroke = (width: number, colour: string, dash: number[]) => {
    context.setLineDash([]);
    context.lineWidth = width + 2;
    context.strokeStyle = halo;
    context.stroke();
    context.setLineDash(dash);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
    context.setLineDash([]);
  };
  const away = side === "left" ? "gained" : "lost"; // neighbours of the other side: ringed, not joined
  for (const { name, dash, colours } of GROUPS) {
    const colour = colours[+ink.dark];
    for (const other of groups[name]) {
      const [u, v] = at(other);
      if (name !== away) {
        context.beginPath();
        context.moveTo(x, y);
        context.lineTo(u, v);
        stroke(1.5, colour, dash);
      }
      context.beginPath();
      context.arc(u, v, 6, 0, 2 * Math.PI);
      stroke(2, colour, dash.length ? [3, 2] : []);
    }
  }
}
