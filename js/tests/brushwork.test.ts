import { beforeEach, describe, expect, it } from "vitest";
import { Mask } from "../src/parts/mask";
import { Brushwork, paintUnsent } from "../src/views/occlusion_painter/brushwork";
import { type KeyOptions, onKey } from "../src/views/occlusion_painter/keys";

const press = (key: string, extra: KeyboardEventInit = {}) =>
  new KeyboardEvent("keydown", { key, cancelable: true, ...extra });
const pointer = (altKey = false) => new PointerEvent("pointerdown", { altKey });
const painted = (mask: Mask) => mask.pixels.reduce((sum, value) => sum + value, 0);

let changes = 0;
let work: Brushwork;
beforeEach(() => {
  changes = 0;
  work = new Brushwork({ size: () => [8, 10], brush: () => 1, onChange: () => changes++ });
  work.mask = new Mask(8, 10);
});

describe("brushwork", () => {
  it("paints along the way of the hand, and takes a whole stroke back at once", () => {
    work.down(1.5, 2.5, pointer());
    expect(work.isBusy).toBe(true);
    work.drag(5.5, 2.5);
    work.up(5.5, 2.5);
    expect(work.isBusy).toBe(false);
    expect(Array.from(work.mask.pixels.slice(20, 30))).toEqual([0, 1, 1, 1, 1, 1, 0, 0, 0, 0]);
    expect(changes).toBe(2);
    work.undo();
    expect(painted(work.mask)).toBe(0);
    work.redo();
    expect(painted(work.mask)).toBe(5);
  });

  it("erases with the eraser, and with Alt", () => {
    work.cover(0, 0, 10, 8);
    expect(painted(work.mask)).toBe(80);
    work.tool = "eraser";
    work.down(3.5, 3.5, pointer());
    work.up(3.5, 3.5);
    work.tool = "brush";
    work.down(6.5, 6.5, pointer(true));
    work.up(6.5, 6.5);
    expect(painted(work.mask)).toBe(78);
  });

  it("changes nothing before a rectangle is let go, and shows it meanwhile", () => {
    work.tool = "rectangle";
    work.down(2, 1, pointer());
    work.drag(6, 5);
    expect([changes, painted(work.mask)]).toEqual([0, 0]);
    expect(work.dragged).toEqual([2, 1, 4, 4]);
    const filled: number[][] = [];
    const g = { fillRect: (...box: number[]) => filled.push(box) } as unknown as CanvasRenderingContext2D;
    paintUnsent(g, work, new Mask(8, 10));
    expect(filled).toEqual([[2, 1, 4, 4]]);
    work.up(6, 5);
    expect([changes, painted(work.mask), work.dragged]).toEqual([1, 16, null]);
    paintUnsent(g, work, new Mask(8, 10));
    expect(filled.slice(1)).toEqual([1, 2, 3, 4].map((y) => [2, y, 4, 1]));
  });

  it("clears, and brings back what was cleared", () => {
    work.dab(4.5, 4.5);
    work.clear();
    expect(painted(work.mask)).toBe(0);
    work.undo();
    expect(painted(work.mask)).toBe(1);
  });
});

describe("the keys of the painter", () => {
  let moved: number[][];
  let covered: number;
  let at: [number, number];
  let slide: boolean;
  const options = (): KeyOptions => ({
    work,
    isSlide: () => slide,
    setTool: (tool) => {
      work.tool = tool;
    },
    cursor: () => at,
    setCursor: (x, y) => {
      at = [x, y];
    },
    brush: () => 4,
    moveWindow: (...by) => moved.push(by),
    coverWindow: () => covered++,
  });
  beforeEach(() => {
    [moved, covered, at, slide] = [[], 0, [5, 4], false];
  });

  it("moves the brush by half of it, paints, and undoes", () => {
    for (const key of ["ArrowRight", "ArrowDown", " "]) onKey(press(key), options());
    expect(at).toEqual([7, 6]);
    expect(painted(work.mask)).toBeGreaterThan(0);
    onKey(press("z", { ctrlKey: true }), options());
    expect(painted(work.mask)).toBe(0);
    onKey(press("Z", { ctrlKey: true, shiftKey: true }), options());
    expect(painted(work.mask)).toBeGreaterThan(0);
  });

  it("moves and uses the window while it slides, and leaves other keys to the page", () => {
    slide = true;
    onKey(press("ArrowLeft"), options());
    onKey(press("Enter"), options());
    onKey(press("e"), options());
    expect([moved, covered, work.tool]).toEqual([[[-1, 0]], 1, "brush"]);
    const other = press("c", { ctrlKey: true });
    onKey(other, options());
    expect(other.defaultPrevented).toBe(false);
    const taken = press("Enter");
    onKey(taken, options());
    expect(taken.defaultPrevented).toBe(true);
  });
});
