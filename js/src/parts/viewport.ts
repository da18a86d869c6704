// Where a data point lies on the screen. Two steps: a fit, which shows all data with one scale for x and y
// (distances in a projection mean something, so they are not stretched), and on top of it the user's zoom and
// pan. The fit follows the data while t-SNE runs; the user's zoom stays.

export type Extent = [x0: number, y0: number, x1: number, y1: number];

/** The user's zoom `k` about the middle of the view, then the shift (x, y) in CSS pixels. */
export interface Zoom {
  k: number;
  x: number;
  y: number;
}

export const NO_ZOOM: Readonly<Zoom> = { k: 1, x: 0, y: 0 };
const ZOOM_LIMITS = [0.5, 2000];
const MARGIN = 14; // CSS pixels around the data

/** screen = scale * data + (x, y), with y pointing up in the data and down on the screen. */
export interface Affine {
  scale: number;
  x: number;
  y: number;
}

/** Extent of the finite points of `xy` (pairs); a unit square when there are none. */
export function extentOf(xy: ArrayLike<number>): Extent {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < xy.length; i += 2) {
    const x = xy[i];
    const y = xy[i + 1];
    if (!Number.isFinite(x + y)) continue;
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
  }
  return x0 > x1 ? [-0.5, -0.5, 0.5, 0.5] : [x0, y0, x1, y1];
}

/** Quantised pairs back in data units. */
export function dequantise(xy: Uint16Array, [x0, y0, x1, y1]: Extent): Float32Array {
  const out = new Float32Array(xy.length);
  const sx = (x1 - x0) / 65535;
  const sy = (y1 - y0) / 65535;
  for (let i = 0; i < xy.length; i += 2) {
    out[i] = x0 + xy[i] * sx;
    out[i + 1] = y0 + xy[i + 1] * sy;
  }
  return out;
}

/** An extent of no width and no height would be an infinite scale. */
export function widen([x0, y0, x1, y1]: Extent): Extent {
  return x1 > x0 || y1 > y0 ? [x0, y0, x1, y1] : [x0 - 0.5, y0 - 0.5, x1 + 0.5, y1 + 0.5];
}

export class Viewport {
  width = 1;
  height = 1;
  extent: Extent = [-0.5, -0.5, 0.5, 0.5];
  zoom: Zoom = { ...NO_ZOOM };

  affine(): Affine {
    const [x0, y0, x1, y1] = this.extent;
    const { k, x, y } = this.zoom;
    const fit = Math.min(
      Math.max(this.width - 2 * MARGIN, 1) / (x1 - x0),
      Math.max(this.height - 2 * MARGIN, 1) / (y1 - y0),
    );
    const scale = fit * k;
    return {
      scale,
      x: this.width / 2 + x - (scale * (x0 + x1)) / 2,
      y: this.height / 2 + y + (scale * (y0 + y1)) / 2,
    };
  }

  toScreen(x: number, y: number): [number, number] {
    const a = this.affine();
    return [a.x + a.scale * x, a.y - a.scale * y];
  }

  toData(px: number, py: number): [number, number] {
    const a = this.affine();
    return [(px - a.x) / a.scale, (a.y - py) / a.scale];
  }

  pan(dx: number, dy: number): void {
    this.zoom.x += dx;
    this.zoom.y += dy;
  }

  /** Zoom by `factor`, keeping the data under the screen point (px, py) where it is. */
  zoomAt(factor: number, px = this.width / 2, py = this.height / 2): void {
    const { k, x, y } = this.zoom;
    const next = Math.min(Math.max(k * factor, ZOOM_LIMITS[0]), ZOOM_LIMITS[1]);
    const cx = px - this.width / 2;
    const cy = py - this.height / 2;
    this.zoom = { k: next, x: cx - ((cx - x) * next) / k, y: cy - ((cy - y) * next) / k };
  }

  /** Shift just enough that the screen point lies inside the view. */
  reveal(px: number, py: number): void {
    const inside = (v: number, size: number) =>
      Math.min(Math.max(v, MARGIN), Math.max(size - MARGIN, MARGIN));
    this.pan(inside(px, this.width) - px, inside(py, this.height) - py);
  }

  reset(): void {
    this.zoom = { ...NO_ZOOM };
  }
}
