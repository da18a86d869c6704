// What is drawn, pixel by pixel: strokes with soft edges, as a scanned pen leaves them.
import type { Shape } from "../../parts/pixels";

export class Sheet {
  readonly pixels: Uint8Array;

  constructor(
    readonly shape: Shape,
    pixels?: Uint8Array,
  ) {
    this.pixels = pixels ?? new Uint8Array(shape[0] * shape[1] * shape[2]);
  }

  static blank(shape: Shape, background: readonly number[]): Sheet {
    const sheet = new Sheet(shape);
    for (let i = 0; i < sheet.pixels.length; i++) sheet.pixels[i] = background[i % shape[2]];
    return sheet;
  }

  copy(): Sheet {
    return new Sheet(this.shape, this.pixels.slice());
  }

  equals(other: Sheet): boolean {
    return (
      other.pixels.length === this.pixels.length && this.pixels.every((value, i) => value === other.pixels[i])
    );
  }

  /** Light for dark and dark for light: between the ends that the samples have. */
  inverted(background: readonly number[], ink: readonly number[]): Sheet {
    const channels = this.shape[2];
    const ends = channels === 1 ? background[0] + ink[0] : 255;
    return new Sheet(
      this.shape,
      this.pixels.map((value) => Math.min(255, Math.max(0, ends - value))),
    );
  }
}

/** Diameter of the brush to begin with: a twelfth of the shorter side, and a pixel at least. */
export function usualBrush(shape: readonly number[]): number {
  return Math.max(1, Math.round((10 * Math.min(shape[0], shape[1])) / 12) / 10);
}

const FINE = 1.5; // pixels

/** Where a brush of this diameter goes for the hand at `value`: a fine one follows the pixels' middles. */
export function brushAt(value: number, size: number, diameter: number): number {
  return diameter < FINE ? Math.floor(value === size ? size - 1 : value) + 0.5 : value;
}

/**
 * One stroke of a round brush, from pen down to pen up. Where its parts overlap it is no denser, and its edge
 * falls off over one pixel: what lies half under the brush is half covered. Of a brush of about one pixel that
 * would leave two grey lines between two columns, so it goes from middle to middle and leaves one full line.
 */
export class Stroke {
  private readonly base: Uint8Array;
  private readonly cover: Float32Array;

  constructor(
    private readonly sheet: Sheet,
    private readonly colour: readonly number[],
    private readonly diameter: number,
  ) {
    this.base = sheet.pixels.slice();
    this.cover = new Float32Array(sheet.shape[0] * sheet.shape[1]);
  }

  /** Go in a straight line from a to b, in pixels of the sheet; the middle of the first pixel is 0.5. */
  line(fromX: number, fromY: number, toX: number, toY: number): void {
    const [height, width, channels] = this.sheet.shape;
    const at = (value: number, size: number) => brushAt(value, size, this.diameter);
    const [ax, ay, bx, by] = [at(fromX, width), at(fromY, height), at(toX, width), at(toY, height)];
    const { pixels } = this.sheet;
    const r = this.diameter / 2;
    const length = (bx - ax) ** 2 + (by - ay) ** 2;
    const from = (a: number, b: number) => Math.max(0, Math.floor(Math.min(a, b) - r - 1));
    const to = (a: number, b: number, size: number) => Math.min(size, Math.ceil(Math.max(a, b) + r + 1));
    // A brush finer than a pixel is not as wide as its edge: it is fainter.
    const most = Math.min(1, this.diameter);
    for (let y = from(ay, by); y < to(ay, by, height); y++) {
      for (let x = from(ax, bx); x < to(ax, bx, width); x++) {
        const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
        const along = length ? Math.max(0, Math.min(1, (px * (bx - ax) + py * (by - ay)) / length)) : 0;
        const distance = Math.hypot(px - along * (bx - ax), py - along * (by - ay));
        const cover = Math.min(most, Math.max(0, r + 0.5 - distance));
        const i = y * width + x;
        if (cover <= this.cover[i]) continue;
        this.cover[i] = cover;
        for (let c = 0; c < channels; c++) {
          const value = channels * i + c;
          pixels[value] = Math.round(this.base[value] * (1 - cover) + this.colour[c] * cover);
        }
      }
    }
  }
}

/** "#rrggbb" as three numbers; null for anything else. */
export function readColour(text: string): [number, number, number] | null {
  if (!/^#[0-9a-f]{6}$/i.test(text)) return null;
  return [1, 3, 5].map((i) => Number.parseInt(text.slice(i, i + 2), 16)) as [number, number, number];
}
