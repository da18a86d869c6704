// The regions behind the points: the class predicted for the points nearest to each place.
import { type Palette, unpack } from "../../parts/colours";
import type { Viewport } from "../../parts/viewport";
import type { RegionMeta } from "./report";

/** The strongest that the ground may be: points must stand out from ground of their own colour. */
const STRENGTH = { light: 0.34, dark: 0.4 };

/** RGBA pixels, top row first; `classes` and `opacity` begin at the bottom, where y is smallest. */
export function groundPixels(
  { width, height }: { width: number; height: number },
  classes: ArrayLike<number>,
  opacity: ArrayLike<number>,
  palette: Palette,
  dark: boolean,
): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(4 * width * height);
  const strength = dark ? STRENGTH.dark : STRENGTH.light;
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const from = row * width + column;
      const to = 4 * ((height - 1 - row) * width + column);
      out.set(unpack(palette.colours[classes[from]] ?? palette.missing), to);
      out[to + 3] = strength * opacity[from];
    }
  return out;
}

/** What draws the ground under a scatter. */
export function groundPainter(
  regions: RegionMeta,
  pixels: Uint8ClampedArray<ArrayBuffer>,
): (context: CanvasRenderingContext2D, view: Viewport) => void {
  const picture = document.createElement("canvas");
  Object.assign(picture, { width: regions.width, height: regions.height });
  picture.getContext("2d")!.putImageData(new ImageData(pixels, regions.width, regions.height), 0, 0);
  const [x0, y0, x1, y1] = regions.extent;
  return (context, view) => {
    const [left, top] = view.toScreen(x0, y1);
    const [right, bottom] = view.toScreen(x1, y0);
    context.imageSmoothingEnabled = true;
    context.drawImage(picture, left, top, right - left, bottom - top);
  };
}
