// The wall: thumbnails on a grid, drawn on a canvas that can be zoomed and panned.
// Far away, all of it is one picture that was put together once; near, tiles are drawn one by one, larger ones
// where the kernel has sent them.
import { pack, type Rgb, toCss } from "../../parts/colours";
import type { Viewport } from "../../parts/viewport";

/** Pictures in one image, row after row. */
export interface Sheet {
  image: ImageBitmap;
  columns: number;
  width: number;
  height: number;
}

/** Where one picture is to be found. */
export interface Tile {
  sheet: Sheet;
  index: number;
}

export interface Wall {
  /** Rows and columns of the grid. */
  shape: [number, number];
  /** Sample in each cell, counted along the rows from the lowest; -1 for an empty one. */
  cells: Int32Array;
  /** Packed colour of the frame of each cell's picture; 0 for none. */
  frames: Uint32Array;
  selected: ReadonlySet<number>;
}

export interface Ink {
  dark: boolean;
  background: Rgb;
}

/** Share of a cell's side that is frame, on each side, and that parts the frame from the picture. */
const [FRAME, PARTING] = [0.08, 0.04];
/** Pixels of a cell in the picture of the whole wall, at most, and of that picture's longer side. */
const [CELL_PIXELS, WALL_PIXELS] = [40, 4096];
const FADED = 0.3;

/** The picture of a tile into a box, its sides in their own ratio, with a line of the page's colour around it. */
function drawTile(
  g: Context,
  { sheet, index }: Tile,
  [x, y, side]: [number, number, number],
  line: number,
  background: Rgb,
): void {
  const scale = side / Math.max(sheet.width, sheet.height);
  const [w, h] = [sheet.width * scale, sheet.height * scale];
  if (line) {
    g.fillStyle = toCss(pack(background));
    g.fillRect(x + (side - w) / 2 - line, y + (side - h) / 2 - line, w + 2 * line, h + 2 * line);
  }
  g.drawImage(
    sheet.image,
    (index % sheet.columns) * sheet.width,
    Math.floor(index / sheet.columns) * sheet.height,
    sheet.width,
    sheet.height,
    x + (side - w) / 2,
    y + (side - h) / 2,
    w,
    h,
  );
}

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export class WallPainter {
  private far: OffscreenCanvas | null = null;

  /** The pictures or their frames have changed. */
  forget(): void {
    this.far = null;
  }

  /** Cells inside the view: first and last column, first and last row. */
  static visible(wall: Wall, view: Viewport): [number, number, number, number] {
    const [x0, y1] = view.toData(0, 0);
    const [x1, y0] = view.toData(view.width, view.height);
    const [height, width] = wall.shape;
    const inside = (v: number, size: number) => Math.min(Math.max(Math.floor(v), 0), size - 1);
    return [inside(x0, width), inside(x1, width), inside(y0, height), inside(y1, height)];
  }

  paint(
    g: CanvasRenderingContext2D,
    wall: Wall,
    view: Viewport,
    tileOf: (row: number) => Tile | null,
    ink: Ink,
    ratio: number,
  ): void {
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.globalAlpha = 1;
    g.fillStyle = toCss(pack(ink.background));
    g.fillRect(0, 0, view.width, view.height);
    const { scale } = view.affine();
    const [height, width] = wall.shape;
    const far = this.farPixels(wall);
    if (scale * ratio <= far) {
      this.far ??= this.compose(wall, tileOf, far, ink.background);
      g.imageSmoothingEnabled = true;
      g.imageSmoothingQuality = "high"; // many pixels become one: without it thin strokes vanish
      const [x, y] = view.toScreen(0, height);
      g.drawImage(this.far, x, y, width * scale, height * scale);
    } else this.paintCells(g, wall, view, tileOf, ratio, ink, false);
    if (wall.selected.size === 0) return;
    g.globalAlpha = 1 - FADED;
    g.fillStyle = toCss(pack(ink.background));
    g.fillRect(0, 0, view.width, view.height);
    g.globalAlpha = 1;
    this.paintCells(g, wall, view, tileOf, ratio, ink, true);
    paintOutline(g, wall, view, ink);
  }

  /** The visible cells one by one, or only the selected ones. */
  private paintCells(
    g: CanvasRenderingContext2D,
    wall: Wall,
    view: Viewport,
    tileOf: (row: number) => Tile | null,
    ratio: number,
    ink: Ink,
    onlySelected: boolean,
  ): void {
    const { scale } = view.affine();
    const width = wall.shape[1];
    const [x0, x1, y0, y1] = WallPainter.visible(wall, view);
    g.imageSmoothingQuality = "medium";
    for (let row = y0; row <= y1; row++) {
      for (let column = x0; column <= x1; column++) {
        const sample = wall.cells[row * width + column];
        if (sample < 0 || (onlySelected && !wall.selected.has(sample))) continue;
        const [x, y] = view.toScreen(column, row + 1);
        const tile = tileOf(sample);
        // Pixels of a small picture are shown as what they are, once they are enlarged by much.
        g.imageSmoothingEnabled =
          !tile || (scale * ratio) / Math.max(tile.sheet.width, tile.sheet.height) < 2;
        paintCell(g, tile, wall.frames[row * width + column], x, y, scale, ink.background);
      }
    }
  }

  private farPixels({ shape }: Wall): number {
    return Math.max(1, Math.min(CELL_PIXELS, Math.floor(WALL_PIXELS / Math.max(...shape))));
  }

  private compose(
    wall: Wall,
    tileOf: (row: number) => Tile | null,
    side: number,
    background: Rgb,
  ): OffscreenCanvas {
    const [height, width] = wall.shape;
    const canvas = new OffscreenCanvas(width * side, height * side);
    const g = canvas.getContext("2d")!;
    wall.cells.forEach((sample, cell) => {
      if (sample < 0) return;
      const [x, y] = [(cell % width) * side, (height - 1 - Math.floor(cell / width)) * side];
      paintCell(g, tileOf(sample), wall.frames[cell], x, y, side, background);
    });
    return canvas;
  }
}

/** A frame with its picture; a block of the frame's colour while there is none. */
function paintCell(
  g: Context,
  tile: Tile | null,
  frame: number,
  x: number,
  y: number,
  side: number,
  background: Rgb,
): void {
  const gap = side > CELL_PIXELS ? 1 : 0; // far away it would only make the colours pale
  const line = frame ? PARTING * side : 0; // a dark frame around a black picture would not be seen
  const border = Math.max(frame ? FRAME * side + line : 0, gap);
  if (frame) {
    g.fillStyle = toCss(frame);
    g.fillRect(x + gap / 2, y + gap / 2, side - gap, side - gap);
  }
  if (tile) drawTile(g, tile, [x + border, y + border, side - 2 * border], line, background);
}

/** A line around what is selected: outside of it, so that the frames stay to be seen. */
function paintOutline(g: Context, wall: Wall, view: Viewport, ink: Ink): void {
  const { scale } = view.affine();
  const [height, width] = wall.shape;
  const isSelected = (column: number, row: number) => {
    const inside = column >= 0 && row >= 0 && column < width && row < height;
    return inside && wall.selected.has(wall.cells[row * width + column]);
  };
  const line = Math.min(3, Math.max(1, scale / 10));
  const [x0, x1, y0, y1] = WallPainter.visible(wall, view);
  g.fillStyle = ink.dark ? "#ffffff" : "#14161a";
  for (let row = y0; row <= y1; row++) {
    for (let column = x0; column <= x1; column++) {
      if (!isSelected(column, row)) continue;
      const [x, y] = view.toScreen(column, row + 1);
      // Along each side, and at each corner, that no selected picture lies beyond.
      for (const down of [-1, 0, 1])
        for (const right of [-1, 0, 1]) {
          if ((!down && !right) || isSelected(column + right, row - down)) continue;
          const [left, w] = right < 0 ? [x - line, line] : right > 0 ? [x + scale, line] : [x, scale];
          const [top, h] = down < 0 ? [y - line, line] : down > 0 ? [y + scale, line] : [y, scale];
          g.fillRect(left, top, w, h);
        }
    }
  }
}
