// The two pictures of a receptive field: the mean map with both fields, and one image under its own map.
import { type Field, hasPlace } from "./read";

/** Left, top, right, bottom of what a panel shows: pixels of the image, or pixels from the unit's middle. */
export type Window = [x0: number, y0: number, x1: number, y1: number];

export interface Placing {
  /** CSS pixels of the corner, and per pixel of the image. */
  x: number;
  y: number;
  scaleX: number;
  scaleY: number;
}

/** The outlines of the two fields, on the pictures and in the legend. */
export const ESTIMATED = { colour: "#ff9d00", dash: [] as number[] };
export const THEORETICAL = { colour: "#ffffff", dash: [6, 4] };

const AXIS_LEFT = 34;
const AXIS_BELOW = 32;
const SIGNAL_HEIGHT = 90; // CSS pixels of the strip that a signal is drawn as
const FLAT = 8; // a window this much wider than high is no picture but a strip

/** Fit `window` into the room that is left inside the margins. */
export function place(
  [x0, y0, x1, y1]: Window,
  width: number,
  height: number,
  [left, below]: [number, number] = [0, 0],
): Placing {
  const room = { width: Math.max(1, width - left - 8), height: Math.max(1, height - below - 8) };
  const isFlat = x1 - x0 > FLAT * (y1 - y0);
  const scaleX = isFlat ? room.width / (x1 - x0) : Math.min(room.width / (x1 - x0), room.height / (y1 - y0));
  const scaleY = isFlat ? Math.min(SIGNAL_HEIGHT, room.height) / (y1 - y0) : scaleX;
  return {
    x: left + 4 + (room.width - scaleX * (x1 - x0)) / 2,
    y: 4 + (room.height - scaleY * (y1 - y0)) / 2,
    scaleX,
    scaleY,
  };
}

/** Both fields around the middle pixel, which covers -0.5 to 0.5; an even side reaches further up and left. */
export function fieldWindow(height: number, width: number): Window {
  const left = -Math.floor(width / 2) - 0.5;
  const top = -Math.floor(height / 2) - 0.5;
  return [left, top, left + width, top + height];
}

/** What of the mean map is shown: all of it, or as far as a window can reach the theoretical field. */
export function meanWindow({ meta }: Field, whole: boolean): Window {
  const { size, step } = meta.mean;
  const isSignal = meta.picture[0] === 1;
  const full = [(size[1] * step) / 2, isSignal ? 0.5 : (size[0] * step) / 2];
  const [height, width] = meta.theoretical.size;
  const margin = Math.floor(meta.window / 2) + 1.5;
  const near = [Math.floor(width / 2) + margin, Math.floor(height / 2) + margin];
  const [x, y] = full.map((reach, axis) => (whole ? reach : Math.min(reach, near[axis])));
  return isSignal ? [-x, -0.5, x, 0.5] : [-Math.max(x, y), -Math.max(x, y), Math.max(x, y), Math.max(x, y)];
}

/** Stroke with a dark edge, so that the line is seen on any colour. */
function outline(
  g: CanvasRenderingContext2D,
  at: Placing,
  origin: [number, number],
  [x0, y0, x1, y1]: Window,
  { colour, dash }: { colour: string; dash: number[] },
  line: number,
): void {
  const x = at.x + (x0 - origin[0]) * at.scaleX;
  const y = at.y + (y0 - origin[1]) * at.scaleY;
  const box: [number, number, number, number] = [x, y, (x1 - x0) * at.scaleX, (y1 - y0) * at.scaleY];
  g.save();
  g.strokeStyle = "rgba(0, 0, 0, 0.75)";
  g.lineWidth = line + 2;
  g.setLineDash(dash);
  g.strokeRect(...box);
  g.strokeStyle = colour;
  g.lineWidth = line;
  g.strokeRect(...box);
  g.restore();
}

function cross(g: CanvasRenderingContext2D, x: number, y: number, arm: number): void {
  for (const [colour, line] of [
    ["rgba(0, 0, 0, 0.75)", 3.5],
    ["#ffffff", 1.5],
  ] as [string, number][]) {
    g.strokeStyle = colour;
    g.lineWidth = line;
    g.beginPath();
    g.moveTo(x - arm, y);
    g.lineTo(x + arm, y);
    g.moveTo(x, y - arm);
    g.lineTo(x, y + arm);
    g.stroke();
  }
}

/** Round steps of an axis that reaches `reach` pixels to both sides. */
export function ticks(reach: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((size) => reach / size <= 3.5) ?? 1000;
  const count = Math.floor(reach / step);
  return Array.from({ length: 2 * count + 1 }, (_, i) => (i - count) * step);
}

export interface MeanOptions {
  picture: HTMLCanvasElement;
  window: Window;
  foreground: string;
  missing: string;
  /** The pixel that the pointer or the arrow keys are at, from the middle. */
  cursor: [number, number] | null;
}

export function drawMean(
  g: CanvasRenderingContext2D,
  [width, height]: [number, number],
  field: Field,
  { picture, window, foreground, missing, cursor }: MeanOptions,
): Placing {
  const { meta } = field;
  const [x0, y0, x1, y1] = window;
  const at = place(window, width, height, [AXIS_LEFT, AXIS_BELOW]);
  const box = [at.x, at.y, (x1 - x0) * at.scaleX, (y1 - y0) * at.scaleY] as const;
  const isSignal = meta.picture[0] === 1;
  g.save();
  g.beginPath();
  g.rect(...box);
  g.clip();
  g.fillStyle = missing;
  g.fillRect(...box);
  g.imageSmoothingEnabled = false;
  const reach = (meta.mean.size[1] * meta.mean.step) / 2;
  const tall = isSignal ? 0.5 : (meta.mean.size[0] * meta.mean.step) / 2;
  const [left, top] = [at.x + (-reach - x0) * at.scaleX, at.y + (-tall - y0) * at.scaleY];
  g.drawImage(picture, left, top, 2 * reach * at.scaleX, 2 * tall * at.scaleY);
  g.restore();
  const origin: [number, number] = [x0, y0];
  // Dashes last: where both are equal, both are seen.
  if (meta.size) outline(g, at, origin, fieldWindow(isSignal ? 1 : meta.size, meta.size), ESTIMATED, 2.5);
  outline(g, at, origin, fieldWindow(...meta.theoretical.size), THEORETICAL, 2);
  if (cursor) {
    const [x, y] = cursor;
    outline(g, at, origin, [x - 0.5, y - 0.5, x + 0.5, y + 0.5], { colour: "#ffffff", dash: [] }, 1);
  }
  g.fillStyle = g.strokeStyle = foreground;
  g.font = "11px system-ui, sans-serif";
  g.lineWidth = 1;
  g.textAlign = "center";
  g.textBaseline = "top";
  for (const tick of ticks(x1)) {
    const x = at.x + (tick - x0) * at.scaleX;
    g.fillRect(x - 0.5, box[1] + box[3], 1, 4);
    g.fillText(String(tick), x, box[1] + box[3] + 5);
  }
  g.fillText("pixels from the middle of the unit's field", box[0] + box[2] / 2, box[1] + box[3] + 19, width);
  if (isSignal) return at;
  g.textAlign = "right";
  g.textBaseline = "middle";
  for (const tick of ticks(y1)) {
    const y = at.y + (tick - y0) * at.scaleY;
    g.fillRect(box[0] - 4, y - 0.5, 4, 1);
    g.fillText(String(tick), box[0] - 6, y);
  }
  return at;
}

/** Draw image `index` into a box, under its map if one is given, with its fields and the unit's place. */
export function drawImage(
  g: CanvasRenderingContext2D,
  [width, height]: [number, number],
  field: Field,
  index: number,
  map: { picture: HTMLCanvasElement; opacity: number } | null,
  small = false,
): void {
  const { meta, strip } = field;
  const [rows, columns] = meta.picture;
  const at = place([0, 0, columns, rows], width, height);
  const box = [at.x, at.y, columns * at.scaleX, rows * at.scaleY] as const;
  const tile = strip.height / meta.images.length;
  const shown = tile * (rows / meta.tile);
  g.imageSmoothingEnabled = Math.min(at.scaleX * (columns / strip.width), at.scaleY) < 2;
  g.drawImage(strip, 0, index * tile, strip.width, shown, ...box);
  g.save();
  g.beginPath();
  g.rect(...box);
  g.clip();
  if (map) {
    const { size, step } = meta.maps;
    g.imageSmoothingEnabled = false;
    g.globalAlpha = map.opacity;
    g.drawImage(map.picture, at.x, at.y, size[1] * step * at.scaleX, size[0] * step * at.scaleY);
  }
  g.restore();
  const { box: seen, centre } = meta.images[index];
  const clip = ([t, l, b, r]: [number, number, number, number]): Window => [
    Math.max(l, -0.25),
    Math.max(t, -0.25),
    Math.min(r, columns + 0.25),
    Math.min(b, rows + 0.25),
  ];
  const [y, x] = centre;
  if (!small && meta.size) {
    const [l, t, r, b] = fieldWindow(rows === 1 ? 1 : meta.size, meta.size);
    const around: [number, number, number, number] = [y + t + 0.5, x + l + 0.5, y + b + 0.5, x + r + 0.5];
    outline(g, at, [0, 0], clip(around), ESTIMATED, 2.5);
  }
  const style = small ? { ...THEORETICAL, dash: [3, 2] } : THEORETICAL;
  if (seen && !(small && meta.theoretical.whole)) outline(g, at, [0, 0], clip(seen), style, small ? 1.25 : 2);
  if (hasPlace(meta)) cross(g, at.x + (x + 0.5) * at.scaleX, at.y + (y + 0.5) * at.scaleY, small ? 3.5 : 7);
}
