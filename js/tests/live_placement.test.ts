import { describe, expect, it } from "vitest";
import { packPixels, readPixels, toRgb } from "../src/parts/pixels";
import { inside, lengthened, TRAIL } from "../src/views/live_placement/marker";
import { type Place, readPlaced, shiftWords } from "../src/views/live_placement/meta";
import { readColour, Sheet, Stroke, usualBrush } from "../src/views/live_placement/sheet";
import { shrunk } from "../src/views/live_placement/upload";

const sum = (sheet: Sheet) => sheet.pixels.reduce((total, value) => total + value, 0);

describe("Stroke", () => {
  it("covers as much as the brush is wide, whether or not it meets the pixels' grid", () => {
    for (const y of [10, 10.3, 10.5, 10.8]) {
      const sheet = Sheet.blank([20, 40, 1], [0]);
      new Stroke(sheet, [255], 3).line(5, y, 35, y);
      let middle = 0; // a column far from the round ends
      for (let row = 0; row < 20; row++) middle += sheet.pixels[row * 40 + 20];
      expect(middle / 255).toBeCloseTo(3, 1);
    }
  });
  it("has soft edges and a full middle", () => {
    const sheet = Sheet.blank([9, 9, 1], [0]);
    new Stroke(sheet, [255], 3).line(4.5, 4.5, 4.5, 4.5);
    expect(sheet.pixels[4 * 9 + 4]).toBe(255);
    expect(sheet.pixels.some((value) => value > 0 && value < 255)).toBe(true);
    expect(sheet.pixels[0]).toBe(0);
    expect(sum(sheet) / 255).toBeCloseTo(Math.PI * 1.5 ** 2, 0);
  });
  it("of the usual brush is one full column of a small sheet, wherever the hand is on it", () => {
    for (const x of [3.01, 3.5, 3.99]) {
      const sheet = Sheet.blank([8, 8, 1], [0]);
      new Stroke(sheet, [255], usualBrush([8, 8, 1])).line(x, 1.5, x, 6.5);
      for (let row = 1; row < 7; row++)
        expect([...sheet.pixels.slice(8 * row, 8 * row + 8)]).toEqual([0, 0, 0, 255, 0, 0, 0, 0]);
    }
    const middle = Sheet.blank([8, 8, 1], [0]); // between two columns
    new Stroke(middle, [255], usualBrush([8, 8, 1])).line(4, 4, 4, 8);
    expect([...middle.pixels.slice(40, 48)]).toEqual([0, 0, 0, 0, 255, 0, 0, 0]);
    expect(middle.pixels[8 * 7 + 4]).toBe(255); // the lower edge belongs to the last row
  });
  it("is usually a twelfth of the sheet wide, and a pixel at least", () => {
    expect(
      [
        [8, 8, 1],
        [28, 28, 1],
        [12, 40, 3],
        [224, 300, 3],
      ].map(usualBrush),
    ).toEqual([1, 2.3, 1, 18.7]);
  });
  it("is no denser where its parts overlap", () => {
    const [once, twice] = [Sheet.blank([9, 30, 1], [0]), Sheet.blank([9, 30, 1], [0])];
    new Stroke(once, [200], 2).line(4, 4.2, 26, 4.2);
    const stroke = new Stroke(twice, [200], 2);
    stroke.line(4, 4.2, 15, 4.2);
    stroke.line(15, 4.2, 26, 4.2);
    stroke.line(26, 4.2, 4, 4.2);
    expect(twice.pixels).toEqual(once.pixels);
  });
  it("rubs out with the background, and knows colours", () => {
    const blank = Sheet.blank([8, 8, 3], [10, 20, 30]);
    const sheet = blank.copy();
    new Stroke(sheet, [255, 0, 9], 3).line(1, 4, 7, 4);
    expect([...sheet.pixels.slice(3 * (4 * 8 + 4), 3 * (4 * 8 + 4) + 3)]).toEqual([255, 0, 9]);
    new Stroke(sheet, [10, 20, 30], 9).line(1, 4, 7, 4);
    expect(sheet.equals(blank)).toBe(true);
  });
  it("does not leave the sheet", () => {
    const sheet = Sheet.blank([4, 4, 1], [0]);
    new Stroke(sheet, [255], 2).line(-20, -20, 30, 2);
    expect(sheet.pixels.length).toBe(16);
  });
});

describe("Sheet", () => {
  it("is inverted between the ends that the samples have, and back", () => {
    const sheet = new Sheet([1, 3, 1], Uint8Array.from([0, 4, 16]));
    const turned = sheet.inverted([0], [16]);
    expect([...turned.pixels]).toEqual([16, 12, 0]);
    expect(turned.inverted([0], [16]).equals(sheet)).toBe(true);
  });
  it("reads colours", () => {
    expect(readColour("#D55e00")).toEqual([213, 94, 0]);
    expect(readColour("orange")).toBeNull();
  });
});

describe("pixels", () => {
  it("travel with their shape, without an axis for one channel", () => {
    const packed = packPixels([2, 2, 1], Uint8Array.from([1, 2, 3, 4]));
    expect(packed.shape).toEqual([2, 2]);
    expect(readPixels(packed, 4)).toEqual(Uint8Array.from([1, 2, 3, 4]));
    expect(readPixels(packed, 5)).toBeNull();
    expect(readPixels(null, 0)).toBeNull();
    expect(packPixels([1, 1, 3], new Uint8Array(6), 2).shape).toEqual([2, 1, 1, 3]);
  });
  it("are shown as RGB", () => {
    expect([...toRgb(Uint8Array.from([7, 9]), 1)]).toEqual([7, 7, 7, 9, 9, 9]);
  });
});

describe("trail", () => {
  it("grows by new places and forgets the oldest", () => {
    let trail: Place[] = [];
    for (let i = 0; i < TRAIL + 5; i++) trail = lengthened(trail, [i, 0]);
    expect(trail.length).toBe(TRAIL);
    expect(trail.at(-1)).toEqual([TRAIL + 4, 0]);
    expect(lengthened(trail, [TRAIL + 4, 0])).toBe(trail);
  });
  it("points at places outside the picture from its edge", () => {
    expect(inside([50, 40], 100, 80)).toEqual({ x: 50, y: 40, outside: false });
    const far = inside([500, 40], 100, 80);
    expect(far.outside).toBe(true);
    expect(far.x).toBeLessThan(100);
  });
});

describe("frames", () => {
  it("hold no place while nothing has landed", () => {
    const frame = (landed: boolean) => ({
      generation: 1,
      request: 1,
      kind: "result" as const,
      meta: { landed, seen: [] },
      arrays: [
        new Uint16Array(4),
        new Int32Array(2),
        Float32Array.from([1, 2, 3, 4]),
        new Int32Array(0),
        new Float32Array(0),
        new Uint8Array(0),
      ],
    });
    expect(readPlaced(frame(true)).place).toEqual([1, 2]);
    expect(readPlaced(frame(false)).place).toBeNull();
    expect(readPlaced(frame(false)).kept).toEqual([[3, 4]]);
    expect(readPlaced(frame(true)).seen).toBeNull();
  });
  it("say how far the drawing was moved", () => {
    expect(shiftWords([0, 0])).toBe("not moved");
    expect(shiftWords([3, 0])).toBe("moved 3 px down");
    expect(shiftWords([-2, -1])).toBe("moved 2 px up and 1 px to the left");
  });
});

describe("uploads", () => {
  it("are shrunk, never enlarged", () => {
    expect(shrunk(4000, 2000, 512)).toEqual([512, 256]);
    expect(shrunk(28, 30, 512)).toEqual([28, 30]);
    expect(shrunk(5000, 1, 512)).toEqual([512, 1]);
  });
});
