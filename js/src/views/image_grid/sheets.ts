// The pictures of the wall: small ones of all samples in one sheet, larger ones of those that are looked at.
import type { Sheet, Tile } from "./wall";

/** Larger pictures that are kept, and that are asked for at once. */
const [KEEP, AT_ONCE] = [600, 64];
/** A picture is asked for larger when a pixel of the small one covers more than this many of the screen's. */
const ENOUGH = 1.25;

async function sheetOf(
  png: DataView,
  head: { columns: number; width: number; height: number },
): Promise<Sheet> {
  const bytes = new Uint8Array(png.buffer as ArrayBuffer, png.byteOffset, png.byteLength);
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  return { image, columns: head.columns, width: head.width, height: head.height };
}

export interface SheetsOptions {
  signal: AbortSignal;
  /** Longer side of the samples' own pictures, in pixels. */
  ownSize(): number;
  ask(rows: number[], size: number): void;
  /** Pictures have come: `all` when it is the sheet of all. */
  onChange(all: boolean): void;
}

export class Sheets {
  private all: Sheet | null = null;
  private place = new Map<number, number>(); // row of a sample → its tile in the sheet of all
  private larger = new Map<number, Tile>();
  private answered = new Map<number, number>(); // row → size that was asked for, whatever has come
  private waiting = false;

  constructor(private readonly options: SheetsOptions) {}

  tileOf(row: number): Tile | null {
    const larger = this.larger.get(row);
    if (larger) return larger;
    const index = this.place.get(row);
    return this.all && index !== undefined ? { sheet: this.all, index } : null;
  }

  /** How many samples have a picture here, and how many of these a larger one. */
  get count(): string {
    return `${this.all ? this.place.size : 0} ${this.larger.size}`;
  }

  /** The small pictures of all `rows`; null where the kernel could not make them. */
  // biome-ignore lint/suspicious/noExplicitAny: as it travels
  async setAll(packed: any, rows: Int32Array): Promise<void> {
    this.all = null;
    this.larger.clear();
    this.answered.clear();
    if (packed?.png) {
      const sheet = await sheetOf(packed.png, packed);
      if (this.options.signal.aborted) return;
      this.place = new Map(Array.from(rows, (row, index) => [row, index]));
      this.all = sheet;
    }
    this.options.onChange(true);
  }

  /** Ask for those of the visible `rows` whose small pictures are too small for `pixels` of the screen. */
  want(rows: number[], pixels: number): void {
    const { ownSize, ask } = this.options;
    const small = this.all ? Math.max(this.all.width, this.all.height) : 0;
    const size = Math.min(ownSize(), Math.max(32, 2 ** Math.ceil(Math.log2(pixels))), 192);
    if (this.waiting || (small > 0 && (size <= small || pixels < ENOUGH * small))) return;
    const missing = rows.filter((row) => (this.answered.get(row) ?? 0) < size).slice(0, AT_ONCE);
    if (missing.length === 0 || rows.length > KEEP / 2) return;
    this.waiting = true;
    for (const row of missing) this.answered.set(row, size);
    ask(missing, size);
  }

  /** The kernel's answer: a sheet of the pictures asked for, or none. */
  async received(
    message: { rows: number[]; columns: number; width: number; height: number },
    png: DataView | undefined,
  ): Promise<void> {
    this.waiting = false;
    if (png) {
      const sheet = await sheetOf(png, message);
      message.rows.forEach((row, index) => {
        this.larger.delete(row); // and in again, as the newest
        this.larger.set(row, { sheet, index });
      });
      for (const row of this.larger.keys()) {
        if (this.larger.size <= KEEP) break;
        this.larger.delete(row);
        this.answered.delete(row);
      }
    }
    if (!this.options.signal.aborted) this.options.onChange(false);
  }
}
