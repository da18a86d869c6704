// What lies over the points of the map: the drawing's place, where it has been, its neighbours, what was kept.
import type { Viewport } from "../../parts/viewport";
import type { Place } from "./meta";

export const TRAIL = 60; // places that are remembered
const KEPT_SIDE = 28; // longer side of a kept picture in the map, CSS pixels
const EDGE = 12; // a place outside the picture is pointed at from so far inside

export interface Over {
  place: Place | null;
  /** Oldest first; the last is `place`. */
  trail: Place[];
  /** Places of the nearest samples. */
  neighbours: Place[];
  kept: { place: Place; picture: HTMLCanvasElement | null; text: string; far: boolean }[];
  /** The place means little: drawn open, not filled. */
  far: boolean;
  ink: string;
  paper: string;
  accent: string;
  warn: string;
}

/** The trail after the drawing has come to `place`. */
export function lengthened(trail: readonly Place[], place: Place): Place[] {
  const last = trail.at(-1);
  if (last && last[0] === place[0] && last[1] === place[1]) return trail as Place[];
  return [...trail, place].slice(-TRAIL);
}

/** A screen point brought inside the view, and whether it was outside. */
export function inside(
  [x, y]: [number, number],
  width: number,
  height: number,
): { x: number; y: number; outside: boolean } {
  const at = (value: number, size: number) => Math.min(Math.max(value, EDGE), size - EDGE);
  return { x: at(x, width), y: at(y, height), outside: x < 0 || y < 0 || x > width || y > height };
}

export function paintOver(g: CanvasRenderingContext2D, view: Viewport, over: Over): void {
  g.lineCap = g.lineJoin = "round";
  paintTrail(g, view, over);
  for (const kept of over.kept) paintKept(g, view, kept, over);
  if (!over.place) return;
  const { x, y, outside } = inside(view.toScreen(...over.place), view.width, view.height);
  paintNeighbours(g, view, over, x, y);
  if (outside) paintArrow(g, view, over, x, y);
  else paintMarker(g, over, x, y);
}

function paintTrail(g: CanvasRenderingContext2D, view: Viewport, { trail, accent, paper }: Over): void {
  for (let i = 1; i < trail.length; i++) {
    const age = (trail.length - i) / Math.max(12, trail.length); // short trails are not faint at once
    const [from, to] = [view.toScreen(...trail[i - 1]), view.toScreen(...trail[i])];
    for (const [colour, width] of [
      [paper, 4.5],
      [accent, 2],
    ] as [string, number][]) {
      g.globalAlpha = 0.9 * (1 - age) ** 2;
      g.strokeStyle = colour;
      g.lineWidth = width;
      g.beginPath();
      g.moveTo(...from);
      g.lineTo(...to);
      g.stroke();
    }
  }
  g.globalAlpha = 1;
}

function paintNeighbours(
  g: CanvasRenderingContext2D,
  view: Viewport,
  { neighbours, ink, paper }: Over,
  x: number,
  y: number,
): void {
  for (const place of neighbours) {
    const to = view.toScreen(...place);
    for (const [colour, width] of [
      [paper, 3],
      [ink, 1],
    ] as [string, number][]) {
      g.strokeStyle = colour;
      g.lineWidth = width;
      g.beginPath();
      g.moveTo(x, y);
      g.lineTo(...to);
      g.moveTo(to[0] + 5, to[1]);
      g.arc(...to, 5, 0, 2 * Math.PI);
      g.stroke();
    }
  }
}

function paintMarker(
  g: CanvasRenderingContext2D,
  { far, ink, paper, accent, warn }: Over,
  x: number,
  y: number,
): void {
  const disc = (radius: number) => {
    g.beginPath();
    g.arc(x, y, radius, 0, 2 * Math.PI);
  };
  disc(10);
  g.fillStyle = paper;
  g.fill();
  g.lineWidth = 2;
  g.strokeStyle = far ? warn : ink;
  g.setLineDash(far ? [4, 3] : []);
  g.stroke();
  g.setLineDash([]);
  if (far) return;
  disc(6);
  g.fillStyle = accent;
  g.fill();
}

function paintArrow(g: CanvasRenderingContext2D, view: Viewport, over: Over, x: number, y: number): void {
  const [px, py] = view.toScreen(...(over.place as Place));
  g.save();
  g.translate(x, y);
  g.rotate(Math.atan2(py - y, px - x));
  g.beginPath();
  g.moveTo(10, 0);
  g.lineTo(-6, 8);
  g.lineTo(-6, -8);
  g.closePath();
  g.fillStyle = over.far ? over.warn : over.accent;
  g.strokeStyle = over.paper;
  g.lineWidth = 2;
  g.stroke();
  g.fill();
  g.restore();
}

function paintKept(
  g: CanvasRenderingContext2D,
  view: Viewport,
  { place, picture, text, far }: Over["kept"][number],
  { ink, paper, warn }: Over,
): void {
  const { x, y } = inside(view.toScreen(...place), view.width, view.height);
  const colour = far ? warn : ink;
  g.fillStyle = paper;
  g.strokeStyle = colour;
  g.lineWidth = 1.5;
  g.beginPath();
  g.arc(x, y, 4, 0, 2 * Math.PI);
  g.fill();
  g.stroke();
  if (picture) {
    const scale = KEPT_SIDE / Math.max(picture.width, picture.height);
    const [width, height] = [picture.width * scale, picture.height * scale];
    // Above its place, or below where there is no room.
    const [left, top] = [x - width / 2, y - height - 7 < 0 ? y + 7 : y - height - 7];
    g.imageSmoothingEnabled = scale < 1;
    g.drawImage(picture, left, top, width, height);
    g.setLineDash(far ? [4, 3] : []);
    g.strokeRect(left, top, width, height);
    g.setLineDash([]);
    return;
  }
  g.font = "12px system-ui, sans-serif";
  g.textAlign = x > view.width / 2 ? "right" : "left";
  g.textBaseline = "middle";
  const at = x > view.width / 2 ? x - 8 : x + 8;
  g.lineWidth = 3.5;
  g.strokeStyle = paper;
  g.strokeText(text, at, y);
  g.fillStyle = colour;
  g.fillText(text, at, y);
}
