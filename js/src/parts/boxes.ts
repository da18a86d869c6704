// Boxes on a picture: made, moved and resized in whole pixels of the picture, and drawn.
// The other half is nbviz/views/parts/part_boxes.py.

/** Top, left, bottom, right; the last two exclusive. */
export type Box = [top: number, left: number, bottom: number, right: number];
export type Size = [height: number, width: number];

/** A part of pictures: one box, or none, for each of them. */
export interface Part {
  name: string;
  boxes: (Box | null)[];
}

/** What of a box the pointer holds: its inside, or the sides that move with it. */
export type Grip = "move" | "n" | "s" | "w" | "e" | "nw" | "ne" | "sw" | "se";

const clamp = (x: number, low: number, high: number) => Math.min(high, Math.max(low, x));

/** The pixels between two points, at least one. */
export function span(ax: number, ay: number, bx: number, by: number, [height, width]: Size): Box {
  const low = (a: number, b: number, most: number) => clamp(Math.floor(Math.min(a, b)), 0, most - 1);
  const high = (a: number, b: number, most: number) => clamp(Math.ceil(Math.max(a, b)), 1, most);
  const [top, left] = [low(ay, by, height), low(ax, bx, width)];
  return [top, left, Math.max(top + 1, high(ay, by, height)), Math.max(left + 1, high(ax, bx, width))];
}

/** A box of a third of the picture in its middle: where the keyboard begins. */
export function middle([height, width]: Size): Box {
  const [h, w] = [Math.max(1, Math.round(height / 3)), Math.max(1, Math.round(width / 3))];
  const [top, left] = [Math.floor((height - h) / 2), Math.floor((width - w) / 2)];
  return [top, left, top + h, left + w];
}

/** What a pointer at x, y holds, `reach` pixels around the border; null outside. */
export function gripAt([top, left, bottom, right]: Box, x: number, y: number, reach: number): Grip | null {
  if (y < top - reach || y > bottom + reach || x < left - reach || x > right + reach) return null;
  // A small box keeps an inside to be moved by.
  const inY = Math.min(reach, (bottom - top) / 4);
  const inX = Math.min(reach, (right - left) / 4);
  const vertical = y <= top + inY ? "n" : y >= bottom - inY ? "s" : "";
  const horizontal = x <= left + inX ? "w" : x >= right - inX ? "e" : "";
  return ((vertical + horizontal) as Grip) || "move";
}

export function cursorOf(grip: Grip | null): string {
  return grip === null ? "crosshair" : grip === "move" ? "move" : `${grip}-resize`;
}

/** `box` after its grip went by dx, dy; it stays inside the picture and keeps at least one pixel. */
export function dragged(box: Box, grip: Grip, dx: number, dy: number, [height, width]: Size): Box {
  let [top, left, bottom, right] = box;
  if (grip === "move") {
    const y = clamp(Math.round(dy), -top, height - bottom);
    const x = clamp(Math.round(dx), -left, width - right);
    return [top + y, left + x, bottom + y, right + x];
  }
  if (grip.includes("n")) top = clamp(Math.round(top + dy), 0, bottom - 1);
  if (grip.includes("s")) bottom = clamp(Math.round(bottom + dy), top + 1, height);
  if (grip.includes("w")) left = clamp(Math.round(left + dx), 0, right - 1);
  if (grip.includes("e")) right = clamp(Math.round(right + dx), left + 1, width);
  return [top, left, bottom, right];
}

export const equalBoxes = (a: Box | null, b: Box | null) =>
  a === b || (a !== null && b !== null && a.every((value, i) => value === b[i]));

/** On how many pictures a part is marked. */
export const countOf = (part: Part) => part.boxes.filter((box) => box !== null).length;

/** `parts` with another box, or none, for one part on one picture. */
export function withBox(parts: Part[], part: number, picture: number, box: Box | null): Part[] {
  return parts.map((own, i) =>
    i === part ? { ...own, boxes: own.boxes.map((old, j) => (j === picture ? box : old)) } : own,
  );
}

/** A name that no part has: `wanted`, or with a number behind it. */
export function freeName(parts: Part[], wanted: string): string {
  const taken = new Set(parts.map(({ name }) => name));
  let name = wanted;
  for (let i = 2; taken.has(name); i++) name = `${wanted} ${i}`;
  return name;
}

export interface DrawnBox {
  box: Box;
  colour: string;
  /** Readable on `colour`. */
  ink: string;
  name: string;
  chosen: boolean;
}

const HANDLE = 7; // pixels of the screen

/** Draw boxes on a canvas of `zoom` canvas pixels for each picture pixel; `ratio` of them are one of the screen. */
export function drawBoxes(g: CanvasRenderingContext2D, boxes: DrawnBox[], zoom: number, ratio: number): void {
  for (const { box, colour, chosen } of boxes) {
    const [top, left, bottom, right] = box.map((value) => value * zoom);
    // A pale and a dark line keep the coloured one visible on any picture.
    for (const [style, line] of [
      ["rgba(0, 0, 0, 0.75)", 5],
      ["rgba(255, 255, 255, 0.9)", 3.4],
      [colour, chosen ? 2.4 : 1.8],
    ] as [string, number][]) {
      g.strokeStyle = style;
      g.lineWidth = line * ratio;
      g.strokeRect(left, top, right - left, bottom - top);
    }
    if (!chosen) continue;
    const side = HANDLE * ratio;
    for (const y of [top, (top + bottom) / 2, bottom]) {
      for (const x of [left, (left + right) / 2, right]) {
        if (y === (top + bottom) / 2 && x === (left + right) / 2) continue;
        g.fillStyle = "#fff";
        g.fillRect(x - side / 2, y - side / 2, side, side);
        g.strokeStyle = colour;
        g.lineWidth = 1.5 * ratio;
        g.strokeRect(x - side / 2, y - side / 2, side, side);
      }
    }
  }
  // Names come last: no box hides one.
  for (const drawn of boxes) tag(g, drawn, boxes, zoom, ratio);
}

const meet = (a: Box, b: Box) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

/** Where a name of this height and width goes: above its box, or below, away from other boxes if it can be. */
export function placeTag(own: Box, others: Box[], [height, width]: Size, canvas: Size, gap: number): Box {
  const left = clamp(own[1], 0, Math.max(0, canvas[1] - width));
  const at = (top: number): Box => [top, left, top + height, left + width];
  const fitting = [at(own[0] - gap - height), at(own[2] + gap)].filter(
    (place) => place[0] >= 0 && place[2] <= canvas[0],
  );
  return fitting.find((place) => !others.some((box) => meet(place, box))) ?? fitting[0] ?? at(own[0]);
}

function tag(
  g: CanvasRenderingContext2D,
  drawn: DrawnBox,
  boxes: DrawnBox[],
  zoom: number,
  ratio: number,
): void {
  const { name, colour, ink } = drawn;
  g.font = `600 ${11 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
  const shown = name.length > 14 ? `${name.slice(0, 13)}…` : name;
  const size: Size = [15 * ratio, g.measureText(shown).width + 8 * ratio];
  const scaled = (box: Box) => box.map((value) => value * zoom) as Box;
  const others = boxes.filter((box) => box !== drawn).map(({ box }) => scaled(box));
  const canvas: Size = [g.canvas.height, g.canvas.width];
  const [top, left] = placeTag(scaled(drawn.box), others, size, canvas, 5 * ratio);
  g.fillStyle = colour;
  g.fillRect(left, top, size[1], size[0]);
  g.fillStyle = ink;
  g.textBaseline = "middle";
  g.fillText(shown, left + 4 * ratio, top + size[0] / 2 + 0.5 * ratio);
}
