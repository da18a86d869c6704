// Small pictures of one data point, as lists of pixels to blend: much faster than canvas paths (a path per
// point is 157 ms a frame at 100,000 points, this is a few), and with more than one point per pixel just as good.

/** Shapes 0-3 tell classes apart beyond 20 colours; the cross marks points that deserve a look. */
export const Shape = { disc: 0, square: 1, triangle: 2, diamond: 3, cross: 4 } as const;

/** Signed distance (negative inside) of (x, y) to a shape of about the area of a disc of radius r; y points down. */
const DISTANCE: ((x: number, y: number, r: number) => number)[] = [
  (x, y, r) => Math.hypot(x, y) - r,
  (x, y, r) => Math.max(Math.abs(x), Math.abs(y)) - 0.87 * r,
  (x, y, r) => Math.max(0.87 * Math.abs(x) - 0.5 * y - 0.65 * r, y - 0.7 * r),
  (x, y, r) => (Math.abs(x) + Math.abs(y)) * Math.SQRT1_2 - 0.9 * r,
  (x, y, r) => {
    const u = Math.abs(x + y) * Math.SQRT1_2;
    const v = Math.abs(x - y) * Math.SQRT1_2;
    const half = Math.max(0.27 * r, 0.55); // half the width of an arm
    return Math.min(Math.max(u - 1.3 * r, v - half), Math.max(v - 1.3 * r, u - half));
  },
];

/** Positions are rounded to a quarter of a pixel: without it slow movement jitters. */
export const STEPS = 4;

/** Full coverage. 7 bits, so that a product with two colour channels at once fits a 32-bit integer. */
export const FULL = 128;

/** One glyph at one sub-pixel place: pixel i lies at `offset[i]` from the centre and is covered 0..FULL. */
export interface Stamp {
  offset: Int32Array;
  /** Coverage by the outline (drawn first, under the fill). */
  outline: Uint8Array;
  fill: Uint8Array;
}

/** How far a stamp reaches from its centre pixel, at most. */
export function reach(radius: number, outline: number): number {
  return Math.ceil(1.5 * radius + outline + 1.5);
}

/**
 * The STEPS x STEPS stamps of a shape, number `STEPS * ySub + xSub`, for a buffer with rows of `stride` pixels.
 * `radius` and `outline` are in device pixels.
 */
export function makeStamps(shape: number, radius: number, outline: number, stride: number): Stamp[] {
  const distance = DISTANCE[shape];
  const size = reach(radius, outline);
  const cover = (d: number) => Math.round(FULL * Math.min(Math.max(0.5 - d, 0), 1));
  const stamps: Stamp[] = [];
  for (let sub = 0; sub < STEPS * STEPS; sub++) {
    const fx = ((sub % STEPS) + 0.5) / STEPS - 0.5;
    const fy = (Math.floor(sub / STEPS) + 0.5) / STEPS - 0.5;
    const pixels: [number, number, number][] = [];
    for (let y = -size; y <= size; y++) {
      for (let x = -size; x <= size; x++) {
        const d = distance(x - fx, y - fy, radius);
        const fill = cover(d);
        const under = outline > 0 && fill < FULL ? cover(d - outline) : 0;
        if (fill || under) pixels.push([y * stride + x, under, fill]);
      }
    }
    stamps.push({
      offset: Int32Array.from(pixels, (p) => p[0]),
      outline: Uint8Array.from(pixels, (p) => p[1]),
      fill: Uint8Array.from(pixels, (p) => p[2]),
    });
  }
  return stamps;
}

/** `over` painted with coverage `a` (0..FULL) on `under`, both packed; red and blue share one multiplication. */
export function mix(under: number, over: number, a: number): number {
  const b = FULL - a;
  const rb = (((under & 0xff00ff) * b + (over & 0xff00ff) * a) >>> 7) & 0xff00ff;
  const g = (((under & 0x00ff00) * b + (over & 0x00ff00) * a) >>> 7) & 0x00ff00;
  return (0xff000000 | rb | g) >>> 0;
}

export function stampPixels(
  pixels: Uint32Array,
  centre: number,
  stamp: Stamp,
  fill: number,
  outline: number,
): void {
  const { offset } = stamp;
  for (let i = 0; i < offset.length; i++) {
    const at = centre + offset[i];
    const f = stamp.fill[i];
    if (f === FULL) {
      pixels[at] = fill;
      continue;
    }
    const o = stamp.outline[i];
    const under = o ? mix(pixels[at], outline, o) : pixels[at];
    pixels[at] = f ? mix(under, fill, f) : under;
  }
}
