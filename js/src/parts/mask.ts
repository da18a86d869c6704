// A painted mask: one byte per pixel while it is worked on, one bit on the way to the kernel.
// The other half is nbviz/views/parts/pixels.py.

export interface PackedMask {
  height: number;
  width: number;
  bits: DataView;
}

export class Mask {
  readonly pixels: Uint8Array;

  constructor(
    readonly height: number,
    readonly width: number,
    pixels?: Uint8Array,
  ) {
    this.pixels = pixels ?? new Uint8Array(height * width);
  }

  /** From what the kernel holds; an empty mask where it holds none of this size. */
  static read(packed: PackedMask | null | undefined, height: number, width: number): Mask {
    const mask = new Mask(height, width);
    if (packed?.height !== height || packed.width !== width || !packed.bits) return mask;
    const bits = new Uint8Array(packed.bits.buffer, packed.bits.byteOffset, packed.bits.byteLength);
    for (let i = 0; i < mask.pixels.length; i++) mask.pixels[i] = (bits[i >> 3] >> (7 - (i & 7))) & 1;
    return mask;
  }

  pack(): PackedMask {
    const bits = new Uint8Array(Math.ceil(this.pixels.length / 8));
    for (let i = 0; i < this.pixels.length; i++) if (this.pixels[i]) bits[i >> 3] |= 128 >> (i & 7);
    return { height: this.height, width: this.width, bits: new DataView(bits.buffer) };
  }

  copy(): Mask {
    return new Mask(this.height, this.width, this.pixels.slice());
  }

  equals(other: Mask): boolean {
    return (
      other.height === this.height &&
      other.width === this.width &&
      this.pixels.every((value, i) => value === other.pixels[i])
    );
  }

  /** Set the pixels whose centre lies within `diameter` of the line from a to b. */
  line(ax: number, ay: number, bx: number, by: number, diameter: number, value: 0 | 1): void {
    const r = Math.max(diameter / 2, 0.5);
    const [x0, x1] = [Math.floor(Math.min(ax, bx) - r), Math.ceil(Math.max(ax, bx) + r)];
    const [y0, y1] = [Math.floor(Math.min(ay, by) - r), Math.ceil(Math.max(ay, by) + r)];
    const length = (bx - ax) ** 2 + (by - ay) ** 2;
    for (let y = Math.max(0, y0); y < Math.min(this.height, y1); y++) {
      for (let x = Math.max(0, x0); x < Math.min(this.width, x1); x++) {
        const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
        const along = length ? Math.max(0, Math.min(1, (px * (bx - ax) + py * (by - ay)) / length)) : 0;
        const distance = Math.hypot(px - along * (bx - ax), py - along * (by - ay));
        const touched = x === Math.floor(bx) && y === Math.floor(by);
        if (distance <= r || touched) this.pixels[y * this.width + x] = value;
      }
    }
  }

  /** Set the pixels of a rectangle between two corners. */
  rectangle(ax: number, ay: number, bx: number, by: number, value: 0 | 1): void {
    const [x0, x1] = [Math.floor(Math.min(ax, bx)), Math.ceil(Math.max(ax, bx))];
    const [y0, y1] = [Math.floor(Math.min(ay, by)), Math.ceil(Math.max(ay, by))];
    for (let y = Math.max(0, y0); y < Math.min(this.height, y1); y++)
      for (let x = Math.max(0, x0); x < Math.min(this.width, x1); x++)
        this.pixels[y * this.width + x] = value;
  }
}

/** Undo and redo. */
export class History<T> {
  private past: T[] = [];
  private future: T[] = [];

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  get canRedo(): boolean {
    return this.future.length > 0;
  }

  /** Remember `state`, which is about to change. */
  push(state: T): void {
    this.past.push(state);
    if (this.past.length > 100) this.past.shift();
    this.future = [];
  }

  undo(now: T): T {
    const before = this.past.pop();
    if (before === undefined) return now;
    this.future.push(now);
    return before;
  }

  redo(now: T): T {
    const after = this.future.pop();
    if (after === undefined) return now;
    this.past.push(now);
    return after;
  }
}
