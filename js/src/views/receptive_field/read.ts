// What the kernel sends, as nbviz/views/receptive_field_frame.py packs it, ready to be drawn.
import type { Frame } from "../../channel";
import { missingColour, unpack, VIRIDIS } from "../../parts/colours";

export interface MapMeta {
  /** Rows and columns of the values. */
  size: [rows: number, columns: number];
  /** Side of the square of pixels that a value stands for. */
  step: number;
  /** The largest value; null while there is none. */
  most: number | null;
}

export interface ImageMeta {
  row: number;
  name: string;
  label: string;
  activation: number;
  /** Of the largest activation in the feature map. */
  place: [row: number, column: number];
  /** Pixel in the middle of the unit's field. */
  centre: [row: number, column: number];
  /** Top, left, bottom, right of its theoretical field; it may reach out of the image. */
  box: [number, number, number, number] | null;
}

export interface FieldMeta {
  layer: string;
  unit: number;
  size: number;
  extent: number;
  theoretical: { size: [height: number, width: number]; whole: boolean };
  /** Rows and columns of the layer's feature map; one position for a dense layer. */
  positions: [rows: number, columns: number];
  picture: [height: number, width: number];
  tile: number;
  images: ImageMeta[];
  window: number;
  n: number;
  done: number;
  total: number;
  notes: string[];
  mean: MapMeta;
  maps: MapMeta;
}

/** One frame with its pictures decoded. */
export interface Field {
  meta: FieldMeta;
  generation: number;
  kind: string;
  /** All pictures below each other; it may be smaller than they are. */
  strip: ImageBitmap;
  mean: Uint8Array;
  maps: Uint8Array;
}

/** Whether the unit is at some place of a feature map; one of a dense layer is nowhere. */
export function hasPlace({ positions }: FieldMeta): boolean {
  return positions[0] * positions[1] > 1;
}

const MISSING = 255;
const LARGEST = 254;

/** The value of a code; NaN where there is none. */
export function decoded(code: number | undefined, map: MapMeta): number {
  return code === undefined || code === MISSING || map.most === null
    ? Number.NaN
    : (code / LARGEST) * map.most;
}

/** Decodes the pictures of frames. Frames of one computation share them: they are decoded once. */
export function createReader(show: (field: Field) => void): (frame: Frame) => void {
  let bytes = new Uint8Array(0);
  let strip: ImageBitmap | null = null;
  let newest = 0;
  return async (frame) => {
    const number = ++newest;
    const [coded, mean, maps] = frame.arrays as Uint8Array[];
    const known = strip !== null && coded.length === bytes.length && coded.every((b, i) => b === bytes[i]);
    if (!known) {
      const bitmap = await createImageBitmap(new Blob([coded.slice()]));
      if (number !== newest) {
        bitmap.close();
        return; // a newer frame came meanwhile
      }
      strip = bitmap;
      bytes = coded.slice();
    }
    const { generation, kind } = frame;
    show({ meta: frame.meta as FieldMeta, generation, kind, strip: strip!, mean, maps });
  };
}

/** A map as a picture, one pixel per value. With `clear`, 0 (no change at all) and missing are see-through. */
export function mapPicture(
  codes: Uint8Array,
  map: MapMeta,
  dark: boolean,
  clear: boolean,
): HTMLCanvasElement {
  const [rows, columns] = map.size;
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const missing = missingColour(dark);
  for (let i = 0; i < pixels.length; i++) {
    const code = codes[i];
    const nothing = code === MISSING || code === 0;
    pixels[i] =
      clear && nothing ? 0 : code === MISSING ? missing : VIRIDIS[Math.round((code * 255) / LARGEST)];
  }
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  return canvas;
}

export function missingCss(dark: boolean): string {
  return `rgb(${unpack(missingColour(dark)).join(", ")})`;
}
