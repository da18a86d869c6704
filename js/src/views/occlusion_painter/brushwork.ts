// What the hand does to the mask: strokes, rectangles, undo. Sending the mask is the view's.
import { History, Mask } from "../../parts/mask";
import type { Tool } from "../../parts/paint_board";

export interface BrushworkOptions {
  size: () => [height: number, width: number];
  /** Diameter of the brush in pixels of the picture. */
  brush: () => number;
  /** The mask has changed. */
  onChange: () => void;
}

export class Brushwork {
  mask = new Mask(0, 0);
  tool: Tool = "brush";
  readonly history = new History<Mask>();
  private start: [number, number] | null = null;
  private last: [number, number] | null = null;
  private erasing = false;

  constructor(private readonly options: BrushworkOptions) {}

  /** The hand is on the picture: what the kernel holds is older. */
  get isBusy(): boolean {
    return this.start !== null;
  }

  /** The rectangle that is being dragged, as left, top, width and height. */
  get dragged(): [number, number, number, number] | null {
    if (!this.start || !this.last || this.tool !== "rectangle") return null;
    const [[x, y], [toX, toY]] = [this.start, this.last];
    return [x, y, toX - x, toY - y];
  }

  down(x: number, y: number, event: PointerEvent): void {
    this.history.push(this.mask.copy());
    this.erasing = this.tool === "eraser" || event.altKey;
    this.start = this.last = [x, y];
    this.drag(x, y);
  }

  drag(x: number, y: number): void {
    if (!this.start) return;
    if (this.tool !== "rectangle") {
      this.mask.line(...(this.last ?? [x, y]), x, y, this.options.brush(), this.erasing ? 0 : 1);
      this.options.onChange();
    }
    this.last = [x, y];
  }

  up(x: number, y: number): void {
    if (this.start && this.tool === "rectangle") {
      this.mask.rectangle(...this.start, x, y, this.erasing ? 0 : 1);
      this.options.onChange();
    }
    this.start = this.last = null;
  }

  /** One touch of the brush. */
  dab(x: number, y: number): void {
    this.history.push(this.mask.copy());
    this.mask.line(x, y, x, y, this.options.brush(), this.tool === "eraser" ? 0 : 1);
    this.options.onChange();
  }

  /** Cover a rectangle. */
  cover(left: number, top: number, width: number, height: number): void {
    this.history.push(this.mask.copy());
    this.mask.rectangle(left, top, left + width, top + height, 1);
  }

  undo(): void {
    this.change(this.history.undo(this.mask.copy()));
  }

  redo(): void {
    this.change(this.history.redo(this.mask.copy()));
  }

  clear(): void {
    this.history.push(this.mask.copy());
    this.change(new Mask(...this.options.size()));
  }

  private change(mask: Mask): void {
    this.mask = mask;
    this.options.onChange();
  }
}

const UNSENT = "rgba(86, 180, 233, 0.45)";

/** Tint what is painted and not yet in the picture that the kernel sent, which shows the mask `drawn`. */
export function paintUnsent(g: CanvasRenderingContext2D, work: Brushwork, drawn: Mask): void {
  g.fillStyle = UNSENT;
  if (!work.mask.equals(drawn)) fillMask(g, work.mask);
  if (work.dragged) g.fillRect(...work.dragged);
}

function fillMask(g: CanvasRenderingContext2D, mask: Mask): void {
  for (let y = 0; y < mask.height; y++) {
    for (let x = 0; x < mask.width; ) {
      let end = x;
      while (end < mask.width && mask.pixels[y * mask.width + end]) end++;
      if (end > x) g.fillRect(x, y, end - x, 1);
      x = Math.max(end, x + 1);
    }
  }
}
