// The matrix: a row for each token that looks, a column for each that is looked at.
import { type Ramp, toCss } from "../../parts/colours";
import { type Matrix, printed } from "./meta";

export interface Box {
  /** Where the cells begin, and how large one is. */
  left: number;
  top: number;
  cellWidth: number;
  cellHeight: number;
  /** How far the cells are scrolled, in pixels. */
  shiftX: number;
  shiftY: number;
  /** Size of the window through which the cells are seen. */
  width: number;
  height: number;
}

export interface Ink {
  text: string;
  muted: string;
  line: string;
  panel: string;
  accent: string;
  page: string;
}

/** The page's colours, as they are now. */
export function inkOf(root: HTMLElement): Ink {
  const style = getComputedStyle(root);
  const ink = (name: string) => style.getPropertyValue(`--nbviz-${name}`).trim();
  return {
    text: ink("fg"),
    muted: ink("muted"),
    line: ink("line"),
    panel: ink("panel"),
    accent: ink("accent"),
    page: ink("bg"),
  };
}

export interface MatrixState {
  matrix: Matrix;
  ramp: Ramp;
  top: number;
  zoom: { k: number; x: number; y: number };
  row: number;
  column: number;
  hidden: number[];
  forced: number[];
  ink: Ink;
}

const FONT = "12px system-ui, sans-serif";
const SUMS = 38;
const LARGEST = 40;
const READABLE = 9;

let measuring: CanvasRenderingContext2D | null = null;

function widest(tokens: string[]): number {
  measuring ??= document.createElement("canvas").getContext("2d");
  if (!measuring) return 40;
  measuring.font = FONT;
  let most = 0;
  for (const token of tokens.slice(0, 600))
    most = Math.max(most, measuring.measureText(printed(token)).width);
  return most;
}

/** Where the cells lie in a picture of this size. */
export function boxOf(s: MatrixState, width: number, height: number): Box {
  const { rows, columns, meta } = s.matrix;
  const left = Math.min(150, Math.ceil(widest(meta.rows)) + 26);
  const upright = columnsStand(s, width - left - SUMS);
  const top = 22 + (upright ? Math.min(110, Math.ceil(widest(meta.columns)) + 8) : 20);
  const [w, h] = [Math.max(20, width - left - SUMS), Math.max(20, height - top - 6)];
  const cellWidth = Math.min(LARGEST, w / columns) * s.zoom.k;
  const cellHeight = Math.min(LARGEST, h / rows) * s.zoom.k;
  const seenX = Math.min(w, cellWidth * columns);
  const seenY = Math.min(h, cellHeight * rows);
  return {
    left,
    top,
    cellWidth,
    cellHeight,
    shiftX: Math.max(0, Math.min(s.zoom.x, cellWidth * columns - seenX)),
    shiftY: Math.max(0, Math.min(s.zoom.y, cellHeight * rows - seenY)),
    width: seenX,
    height: seenY,
  };
}

/** Whether the names of the columns are too wide to lie. */
function columnsStand(s: MatrixState, width: number): boolean {
  const cell = Math.min(LARGEST, width / s.matrix.columns) * s.zoom.k;
  return widest(s.matrix.meta.columns) > cell - 2;
}

/** Row and column under a point: -1 in the names, null outside. */
export function cellAt(
  s: MatrixState,
  box: Box,
  x: number,
  y: number,
): { row: number; column: number } | null {
  const column = x < box.left ? -1 : Math.floor((x - box.left + box.shiftX) / box.cellWidth);
  const row = y < box.top ? -1 : Math.floor((y - box.top + box.shiftY) / box.cellHeight);
  if (column >= s.matrix.columns || row >= s.matrix.rows || (row < 0 && column < 0)) return null;
  if (x > box.left + box.width || y > box.top + box.height) return null;
  return { row, column };
}

/** The weights as a picture of one pixel per cell; masked cells stay clear. */
export function heat(matrix: Matrix, ramp: Ramp, top: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, matrix.columns);
  canvas.height = Math.max(1, matrix.rows);
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const scale = (ramp.length - 1) / (top || 1);
  for (let r = 0; r < matrix.rows; r++)
    for (let c = 0; c < matrix.columns; c++)
      if (!matrix.isMasked(r, c))
        pixels[r * matrix.columns + c] =
          ramp[Math.min(ramp.length - 1, Math.round(matrix.weight(r, c) * scale))];
  context.putImageData(image, 0, 0);
  return canvas;
}

function hatched(context: CanvasRenderingContext2D, ink: Ink): CanvasPattern | string {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const t = tile.getContext("2d");
  if (!t) return ink.panel;
  t.fillStyle = ink.page;
  t.fillRect(0, 0, 6, 6);
  t.strokeStyle = ink.line;
  t.beginPath();
  for (const at of [-3, 3, 9]) {
    t.moveTo(at - 3, 9);
    t.lineTo(at + 9, -3);
  }
  t.stroke();
  return context.createPattern(tile, "repeat") ?? ink.panel;
}

export function drawMatrix(
  context: CanvasRenderingContext2D,
  s: MatrixState,
  box: Box,
  picture: HTMLCanvasElement,
): void {
  const { rows, columns } = s.matrix;
  const { left, top, cellWidth, cellHeight, shiftX, shiftY, width, height } = box;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.fillStyle = hatched(context, s.ink);
  context.fillRect(left, top, width, height);
  context.imageSmoothingEnabled = cellWidth < 1 || cellHeight < 1;
  context.drawImage(picture, left - shiftX, top - shiftY, columns * cellWidth, rows * cellHeight);
  // A light line under the coloured one: it must be seen on dark cells and on bright ones.
  for (const [style, line] of [
    ["#ffffff", 4],
    [s.ink.accent, 2],
  ] as const) {
    context.strokeStyle = style;
    context.lineWidth = line;
    if (s.row >= 0)
      context.strokeRect(left + 1, top - shiftY + s.row * cellHeight, width - 2, Math.max(2, cellHeight));
    if (s.column >= 0)
      context.strokeRect(left - shiftX + s.column * cellWidth, top + 1, Math.max(2, cellWidth), height - 2);
  }
  context.restore();
  drawNames(context, s, box);
}

/** Names that do not fit are left out; the marked one is always there, with room around it. */
export function isNamed(i: number, marked: number, every: number): boolean {
  return i === marked || (i % every === 0 && (marked < 0 || Math.abs(i - marked) >= every));
}

function drawNames(context: CanvasRenderingContext2D, s: MatrixState, box: Box): void {
  const { meta, rows, columns, sums } = s.matrix;
  const { left, top, cellWidth, cellHeight, shiftX, shiftY, width, height } = box;
  const stand = columnsStand(s, width);
  context.font = FONT;
  context.textBaseline = "middle";
  const everyRow = Math.max(1, Math.ceil((READABLE + 3) / cellHeight));
  for (let r = 0; r < rows; r++) {
    const y = top - shiftY + (r + 0.5) * cellHeight;
    if (y < top || y > top + height || !isNamed(r, s.row, everyRow)) continue;
    context.textAlign = "right";
    context.fillStyle = s.forced.includes(r) ? s.ink.accent : s.ink.text;
    context.font = r === s.row ? `bold ${FONT}` : FONT;
    context.fillText(printed(meta.rows[r]), left - 6, y, left - 22);
    if (cellHeight >= READABLE) {
      context.textAlign = "left";
      context.font = "11px system-ui, sans-serif";
      context.fillStyle = Math.abs(sums[r] - 1) > 0.005 && sums[r] > 0 ? s.ink.accent : s.ink.muted;
      context.fillText(sums[r].toFixed(2), left + width + 5, y);
    }
  }
  context.font = FONT;
  const everyColumn = Math.max(1, Math.ceil((READABLE + 3) / cellWidth));
  for (let c = 0; c < columns; c++) {
    const x = left - shiftX + (c + 0.5) * cellWidth;
    if (x < left || x > left + width || !isNamed(c, s.column, everyColumn)) continue;
    const isHidden = s.hidden.includes(c);
    context.save();
    context.translate(x, top - 5);
    if (stand) context.rotate(-Math.PI / 2);
    context.textAlign = stand ? "left" : "center";
    context.textBaseline = stand ? "middle" : "bottom";
    context.font = c === s.column ? `bold ${FONT}` : FONT;
    context.fillStyle = isHidden ? s.ink.muted : s.ink.text;
    const name = printed(meta.columns[c]);
    context.fillText(name, 0, 0, stand ? top - 26 : undefined);
    if (isHidden) {
      const length = Math.min(context.measureText(name).width, top - 26);
      context.fillRect(stand ? 0 : -length / 2, stand ? -0.5 : -8, length, 1.5);
    }
    context.restore();
  }
  context.fillStyle = s.ink.muted;
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "top";
  context.textAlign = "left";
  context.fillText("looked at →", left, 2);
  if (cellHeight >= READABLE) context.fillText("sum", left + width + 5, 2);
  context.save();
  context.translate(10, top + Math.min(height, 120) / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(meta.kind === "cross" ? "← written" : "← looking", 0, 0);
  context.restore();
}

/** A colour that reads on a cell of this share of the scale. */
export function cellColour(ramp: Ramp, share: number): string {
  return toCss(ramp[Math.max(0, Math.min(ramp.length - 1, Math.round(share * (ramp.length - 1))))]);
}
