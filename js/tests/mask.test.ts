import { describe, expect, it } from "vitest";
import { History, Mask } from "../src/parts/mask";

const rows = (mask: Mask) =>
  Array.from({ length: mask.height }, (_, y) =>
    [...mask.pixels.slice(y * mask.width, (y + 1) * mask.width)].join(""),
  );

describe("Mask", () => {
  it("travels as one bit per pixel, most significant bit first, as numpy packs", () => {
    const mask = new Mask(2, 5, Uint8Array.from([1, 0, 0, 0, 1, 1, 1, 0, 0, 0]));
    const packed = mask.pack();
    expect(packed.bits.byteLength).toBe(2);
    expect(packed.bits.getUint8(0)).toBe(0b10001110);
    expect(packed.bits.getUint8(1)).toBe(0b00000000);
    expect(Mask.read(packed, 2, 5).equals(mask)).toBe(true);
  });
  it("is empty where the kernel holds a mask of another size", () => {
    const packed = new Mask(2, 2, Uint8Array.from([1, 1, 1, 1])).pack();
    expect(Mask.read(packed, 3, 3).pixels.some(Boolean)).toBe(false);
    expect(Mask.read(null, 3, 3).pixels.some(Boolean)).toBe(false);
  });
  it("a dot of one pixel covers the pixel under the pointer", () => {
    const mask = new Mask(3, 3);
    mask.line(1.2, 1.9, 1.2, 1.9, 1, 1);
    expect(rows(mask)).toEqual(["000", "010", "000"]);
  });
  it("a quick stroke leaves no gap", () => {
    const mask = new Mask(3, 20);
    mask.line(0.5, 1.5, 19.5, 1.5, 1, 1);
    expect(rows(mask)[1]).toBe("1".repeat(20));
    expect(rows(mask)[0]).toBe("0".repeat(20));
  });
  it("a brush is round", () => {
    const mask = new Mask(9, 9);
    mask.line(4.5, 4.5, 4.5, 4.5, 7, 1);
    const area = mask.pixels.reduce((n, x) => n + x, 0);
    expect(area).toBeGreaterThan(30);
    expect(area).toBeLessThan(45);
    expect(mask.pixels[1 * 9 + 1]).toBe(0);
  });
  it("the eraser takes away, also at the border and beyond", () => {
    const mask = new Mask(4, 4);
    mask.rectangle(-5, -5, 9, 9, 1);
    expect(mask.pixels.every((x) => x === 1)).toBe(true);
    mask.line(-1, -1, 2, 2, 2, 0);
    expect(mask.pixels[0]).toBe(0);
    expect(mask.pixels[15]).toBe(1);
  });
});

describe("History", () => {
  it("undoes and redoes in order, and a new stroke ends the future", () => {
    const history = new History<number>();
    history.push(0);
    history.push(1);
    expect(history.undo(2)).toBe(1);
    expect(history.undo(1)).toBe(0);
    expect(history.undo(0)).toBe(0);
    expect(history.redo(0)).toBe(1);
    history.push(1);
    expect(history.canRedo).toBe(false);
  });
});
