// 8-bit pictures on their way between kernel and canvas. The other half is nbviz/views/parts/pixels.py.

/** Height, width and channels (1 or 3) of a picture. */
export type Shape = [height: number, width: number, channels: number];

export interface PackedPixels {
  shape: number[];
  pixels: DataView;
}

/** The pixels that the kernel holds; null where there are not `count` of them. */
export function readPixels(packed: PackedPixels | null | undefined, count: number): Uint8Array | null {
  const view = packed?.pixels;
  if (!view || view.byteLength !== count) return null;
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
}

/** One picture (H, W) or (H, W, 3), or with `count` a pile of them. */
export function packPixels(
  [height, width, channels]: Shape,
  pixels: Uint8Array,
  count?: number,
): PackedPixels {
  const one = channels === 1 ? [height, width] : [height, width, channels];
  return {
    shape: count === undefined ? one : [count, ...one],
    pixels: new DataView(pixels.slice().buffer),
  };
}

/** Grey or colour pixels as RGB. */
export function toRgb(pixels: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return pixels;
  const rgb = new Uint8Array(3 * pixels.length);
  for (let i = 0; i < pixels.length; i++) rgb.fill(pixels[i], 3 * i, 3 * i + 3);
  return rgb;
}

/** Draw pixels on a canvas of their size. */
export function paintPixels(
  canvas: HTMLCanvasElement,
  [height, width, channels]: Shape,
  pixels: Uint8Array,
): void {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[channels * i + (channels === 3 ? c : 0)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}
