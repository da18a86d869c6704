// Attention over the patches of a picture: one picture for each token that looks.
import { type Ramp, unpack } from "../../parts/colours";
import { type Matrix, printed } from "./meta";

/** The picture that the model read, as a canvas. */
export function pictureOf(matrix: Matrix): HTMLCanvasElement | null {
  const { grid } = matrix.meta;
  if (!grid || !matrix.picture) return null;
  const [height, width] = grid.picture;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return null;
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let channel = 0; channel < 3; channel++)
      image.data[4 * i + channel] = matrix.picture[3 * i + channel];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A row's weights as a clear-to-opaque map of one pixel per patch. */
export function mapOf(matrix: Matrix, row: number, ramp: Ramp): HTMLCanvasElement | null {
  const { grid } = matrix.meta;
  if (!grid) return null;
  const canvas = document.createElement("canvas");
  canvas.width = grid.width;
  canvas.height = grid.height;
  const context = canvas.getContext("2d");
  if (!context) return null;
  const cells = Array.from({ length: grid.width * grid.height }, (_, i) =>
    matrix.weight(row, grid.before + i),
  );
  const top = Math.max(1e-9, ...cells);
  const image = context.createImageData(grid.width, grid.height);
  cells.forEach((weight, i) => {
    const share = weight / top;
    const [r, g, b] = unpack(ramp[Math.round(share * (ramp.length - 1))]);
    image.data.set([r, g, b, Math.round(255 * (0.2 + 0.55 * share))], 4 * i); // where nobody looks the picture is seen
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

const SIDE = 104;
const GAP = 8;
const CAPTION = 18;

/** The row whose picture was clicked, of all that drawPictures drew. */
export function pictureAt(
  canvas: HTMLCanvasElement,
  rows: number,
  perRow: number,
  event: MouseEvent,
): number | null {
  const high = canvas.clientHeight / Math.ceil(rows / perRow);
  const row = Math.floor(event.offsetY / high) * perRow + Math.floor(event.offsetX / (SIDE + GAP));
  return row < rows ? row : null;
}

/** All words with their maps, in rows of as many as fit; gives back the height and how many in a row. */
export function drawPictures(
  canvas: HTMLCanvasElement,
  matrix: Matrix,
  ramp: Ramp,
  chosen: number,
  width: number,
  ink: { text: string; accent: string },
): number {
  const picture = pictureOf(matrix);
  const { grid, rows: names } = matrix.meta;
  if (!picture || !grid) return 1;
  const high = (SIDE * picture.height) / picture.width;
  const perRow = Math.max(1, Math.floor(width / (SIDE + GAP)));
  const lines = Math.ceil(names.length / perRow);
  const ratio = globalThis.devicePixelRatio || 1;
  const height = lines * (high + CAPTION + 6);
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  if (!context) return perRow;
  context.scale(ratio, ratio);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "top";
  names.forEach((name, row) => {
    const x = (row % perRow) * (SIDE + GAP);
    const y = Math.floor(row / perRow) * (high + CAPTION + 6);
    context.fillStyle = row === chosen ? ink.accent : ink.text;
    context.fillText(printed(name), x, y, SIDE);
    context.imageSmoothingEnabled = picture.width > SIDE;
    context.drawImage(picture, x, y + CAPTION, SIDE, high);
    const map = mapOf(matrix, row, ramp);
    if (map) {
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "high";
      context.drawImage(map, x, y + CAPTION, SIDE, high);
    }
    if (row === chosen) {
      context.strokeStyle = ink.accent;
      context.lineWidth = 2;
      context.strokeRect(x + 1, y + CAPTION + 1, SIDE - 2, high - 2);
    }
  });
  return perRow;
}
