// The two pictures of a scatter plot: the points (written as pixels) and what moves with the mouse (drawn
// on a second canvas above it, so that hovering and lassoing never redraw the points).
import { missingColour, pack, type Rgb, toCss } from "./colours";
import { FULL, makeStamps, mix, reach, Shape, STEPS, type Stamp, stampPixels } from "./glyphs";
import type { Viewport } from "./viewport";

export const SELECTED = 1;
export const MARKED = 2;

export interface Points {
  /** x, y pairs; a point with a coordinate that is not finite is not drawn. */
  xy: Float32Array;
  colours: Uint32Array;
  /** Shape numbers, or null when all are discs. */
  shapes: Uint8Array | null;
  /** SELECTED and MARKED bits. */
  flags: Uint8Array;
  selectedCount: number;
}

export interface Ink {
  dark: boolean;
  background: Rgb;
}

/** How strongly unselected points still show while there is a selection. */
const FADED = Math.round(0.26 * FULL);
/** Up to here every point gets a rim in the page's colour, which keeps overlapping points apart. */
const RIMS_UP_TO = 6000;
/** Beyond, a point is a plain square of a few pixels: nobody sees that its edge is not smooth. */
const DOTS_BEYOND = 200_000;
/** More are painted beyond the view too, by this share of its height, for a pan to show at once. */
const SLIDE_BEYOND = 20_000;
const MARGIN = 0.4;

/** Radius of a point in CSS pixels: smaller where there are many, a little larger when zoomed in. */
export function pointRadius(count: number, k: number): number {
  const radius = 3.9 * (2000 / Math.max(count, 500)) ** 0.27;
  return Math.min(Math.max(radius * Math.max(k, 1) ** 0.3, 0.75), 7);
}

export class PointPainter {
  private image: ImageData | null = null;
  private at: { scale: number; x: number; y: number; pad: number; beyond: number } | null = null;
  private stamps = new Map<string, Stamp[]>();

  /**
   * Draw all points on `context`, whose canvas is the view at `ratio` device pixels per CSS pixel.
   * `ground` is what they lie on, of the size of that canvas; without it the page's colour.
   */
  paint(
    context: CanvasRenderingContext2D,
    points: Points,
    view: Viewport,
    ink: Ink,
    ratio: number,
    ground: ImageData | null = null,
  ): void {
    const count = points.xy.length / 2;
    const radius = pointRadius(count, view.zoom.k) * ratio;
    const rim = count <= RIMS_UP_TO ? 0.8 * ratio : 0;
    const bold = Math.max(radius * 1.15, 2.6 * ratio); // selected points can be found among a million
    const edge = reach(1.4 * bold, 1.3 * ratio);
    const { width, height } = context.canvas;
    const many = count > DOTS_BEYOND;
    const beyond = count > SLIDE_BEYOND && !ground ? Math.round(MARGIN * height) : 0;
    const pad = 2 * edge + beyond; // no pixel of a point near the border falls outside the buffer: no test per pixel
    const image = this.buffer(width + 2 * pad, height + 2 * pad);
    const pixels = new Uint32Array(image.data.buffer);
    const stride = image.width;
    const background = pack(ink.background);
    pixels.fill(background);
    if (ground) {
      const from = new Uint32Array(ground.data.buffer);
      for (let y = 0; y < height; y++)
        pixels.set(from.subarray(y * width, (y + 1) * width), (y + pad) * stride + pad);
    }

    const a = view.affine();
    const [scale, ox, oy] = [
      a.scale * ratio * STEPS,
      (a.x * ratio + pad) * STEPS,
      (a.y * ratio + pad) * STEPS,
    ];
    const [left, right] = [edge * STEPS, (stride - edge) * STEPS];
    const bottom = (image.height - edge) * STEPS;
    const { xy, colours, shapes, flags } = points;
    const fade = points.selectedCount > 0 ? FADED : FULL;

    const dots = (wanted: number, side: number, strength: number) => {
      // Signed numbers: opaque colours as unsigned ones are beyond the engine's small integers.
      const [ink, page] = [
        new Int32Array(colours.buffer, colours.byteOffset, count),
        new Int32Array(pixels.buffer),
      ];
      const [s, x0, y0] = [scale / STEPS, ox / STEPS, oy / STEPS];
      const [most, lowest] = [right / STEPS, bottom / STEPS];
      for (let i = 0; i < count; i++) {
        if (flags[i] !== wanted) continue;
        const px = x0 + s * xy[2 * i];
        const py = y0 - s * xy[2 * i + 1];
        if (!(px >= edge && px < most && py >= edge && py < lowest)) continue;
        const fill = strength === FULL ? ink[i] : mix(background, ink[i], strength);
        let at = (py | 0) * stride + (px | 0);
        if (side === 1) {
          page[at] = fill;
          continue;
        }
        for (let row = 0; row < side; row++, at += stride)
          for (let column = 0; column < side; column++) page[at + column] = fill;
      }
    };
    const pass = (wanted: number, r: number, outlineWidth: number, outline: number, strength: number) => {
      const cross = (wanted & MARKED) !== 0;
      const kinds = [0, 1, 2, 3, 4].map((shape) =>
        shapes || shape === 0 || cross ? this.stampsFor(shape, r, outlineWidth, stride) : [],
      );
      let set = cross ? kinds[Shape.cross] : kinds[0];
      for (let i = 0; i < count; i++) {
        if (flags[i] !== wanted) continue;
        const px = ox + scale * xy[2 * i];
        const py = oy - scale * xy[2 * i + 1];
        if (!(px >= left && px < right && py >= left && py < bottom)) continue; // also drops NaN
        const qx = px | 0;
        const qy = py | 0;
        if (shapes && !cross) set = kinds[shapes[i]];
        const fill = strength === FULL ? colours[i] : mix(background, colours[i], strength);
        const stamp = set[STEPS * (qy % STEPS) + (qx % STEPS)];
        stampPixels(pixels, ((qy / STEPS) | 0) * stride + ((qx / STEPS) | 0), stamp, fill, outline);
      }
    };
    // Crosses above discs, selected above all.
    const side = Math.max(1, Math.round(Math.sqrt(Math.PI) * radius)); // a square of the disc's area
    if (many) dots(0, side, fade);
    else pass(0, radius, rim, background, fade);
    const arms = Math.max(radius * 1.4, 2.3 * ratio); // a smaller cross is a blot
    pass(MARKED, arms, many ? 0 : Math.min(1.2 * ratio, 0.35 * arms), background, fade);
    if (points.selectedCount > 0) {
      const line = pack(ink.dark ? [255, 255, 255] : [20, 22, 26]);
      if (points.selectedCount > DOTS_BEYOND / 10 && many) dots(SELECTED, side + 1, FULL);
      else pass(SELECTED, bold, 1.1 * ratio, line, FULL);
      pass(SELECTED | MARKED, bold * 1.3, 1.1 * ratio, line, FULL);
    }
    this.at = { scale: a.scale * ratio, x: a.x * ratio, y: a.y * ratio, pad, beyond };
    context.putImageData(image, -pad, -pad, pad, pad, width, height);
  }

  /**
   * Show what was painted last from where the view has gone since, to the nearest pixel. False, and nothing
   * is done, where that is not enough: the view was zoomed, or has left what was painted.
   */
  slide(context: CanvasRenderingContext2D, view: Viewport, ratio: number): boolean {
    const { at, image } = this;
    const to = view.affine();
    if (!at || !image || Math.abs(to.scale * ratio - at.scale) > 1e-9 * at.scale) return false;
    const [dx, dy] = [Math.round(to.x * ratio - at.x), Math.round(to.y * ratio - at.y)];
    if (Math.abs(dx) > at.beyond || Math.abs(dy) > at.beyond) return false;
    const { width, height } = context.canvas;
    context.putImageData(image, dx - at.pad, dy - at.pad, at.pad - dx, at.pad - dy, width, height);
    return true;
  }

  private buffer(width: number, height: number): ImageData {
    if (this.image?.width !== width || this.image.height !== height) {
      this.image = new ImageData(width, height);
      this.stamps.clear(); // stamps hold offsets for one row length
    }
    return this.image;
  }

  private stampsFor(shape: number, radius: number, outline: number, stride: number): Stamp[] {
    const r = Math.round(radius * 8) / 8; // few different sizes while zooming
    const key = `${shape} ${r} ${outline}`;
    let stamps = this.stamps.get(key);
    if (!stamps) {
      if (this.stamps.size > 60) this.stamps.clear();
      stamps = makeStamps(shape, r, outline, stride);
      this.stamps.set(key, stamps);
    }
    return stamps;
  }
}

/** `count` points before their colours are known. */
export function plainColours(count: number, dark: boolean): Uint32Array {
  return new Uint32Array(count).fill(missingColour(dark));
}

export interface Overlay {
  hovered: number | null;
  focused: number | null;
  /** The lasso so far, in CSS pixels of the view. */
  lasso: readonly [number, number][] | null;
}

export function paintOverlay(
  context: CanvasRenderingContext2D,
  overlay: Overlay,
  points: Points,
  view: Viewport,
  ink: Ink,
  ratio: number,
): void {
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  const line = ink.dark ? "#ffffff" : "#14161a";
  const radius = pointRadius(points.xy.length / 2, view.zoom.k);
  const ring = (index: number, r: number, width: number) => {
    const [x, y] = view.toScreen(points.xy[2 * index], points.xy[2 * index + 1]);
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.lineWidth = width + 2;
    context.strokeStyle = toCss(pack(ink.background));
    context.stroke();
    context.lineWidth = width;
    context.strokeStyle = line;
    context.stroke();
  };
  if (overlay.hovered !== null) ring(overlay.hovered, radius + 3, 1.5);
  if (overlay.focused !== null) ring(overlay.focused, radius + 5, 2.5);
  if (overlay.lasso && overlay.lasso.length > 1) {
    context.beginPath();
    for (const [x, y] of overlay.lasso) context.lineTo(x, y);
    context.closePath();
    context.fillStyle = ink.dark ? "rgba(255, 255, 255, 0.08)" : "rgba(20, 60, 120, 0.07)";
    context.fill();
    context.setLineDash([5, 3]);
    context.lineWidth = 1.25;
    context.strokeStyle = line;
    context.stroke();
    context.setLineDash([]);
  }
}
