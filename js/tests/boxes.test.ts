import { describe, expect, it } from "vitest";
import {
  type Box,
  countOf,
  cursorOf,
  dragged,
  equalBoxes,
  freeName,
  gripAt,
  middle,
  type Part,
  placeTag,
  type Size,
  span,
  withBox,
} from "../src/parts/boxes";

const size: Size = [20, 30];
const box: Box = [5, 10, 15, 22];

describe("a new box", () => {
  it("holds every pixel that the drag touched, in either direction", () => {
    expect(span(3.2, 4.9, 8.1, 6.0, size)).toEqual([4, 3, 6, 9]);
    expect(span(8.1, 6.0, 3.2, 4.9, size)).toEqual([4, 3, 6, 9]);
  });
  it("stays inside the picture and has at least one pixel", () => {
    expect(span(-9, -9, 99, 99, size)).toEqual([0, 0, 20, 30]);
    expect(span(40, 25, 50, 28, size)).toEqual([19, 29, 20, 30]);
    expect(span(2, 2, 2, 2, size)).toEqual([2, 2, 3, 3]);
  });
  it("from the keyboard lies in the middle", () => {
    expect(middle(size)).toEqual([6, 10, 13, 20]);
    expect(middle([1, 2])).toEqual([0, 0, 1, 1]);
  });
});

describe("grips", () => {
  it("are corners, sides and the inside", () => {
    expect(gripAt(box, 10, 5, 1)).toBe("nw");
    expect(gripAt(box, 22.5, 15.5, 1)).toBe("se");
    expect(gripAt(box, 16, 4.2, 1)).toBe("n");
    expect(gripAt(box, 21.5, 10, 1)).toBe("e");
    expect(gripAt(box, 16, 10, 1)).toBe("move");
    expect(gripAt(box, 16, 17, 1)).toBeNull();
    expect(gripAt(box, 8, 10, 1)).toBeNull();
  });
  it("leave a small box an inside to be moved by", () => {
    expect(gripAt([5, 5, 7, 7], 6, 6, 4)).toBe("move");
  });
  it("show what they do", () => {
    expect(cursorOf(null)).toBe("crosshair");
    expect(cursorOf("move")).toBe("move");
    expect(cursorOf("nw")).toBe("nw-resize");
  });
});

describe("dragging", () => {
  it("moves the box in whole pixels and keeps its size at the border", () => {
    expect(dragged(box, "move", 2.4, -1.6, size)).toEqual([3, 12, 13, 24]);
    expect(dragged(box, "move", 99, 99, size)).toEqual([10, 18, 20, 30]);
    expect(dragged(box, "move", -99, -99, size)).toEqual([0, 0, 10, 12]);
  });
  it("resizes by a side or a corner, and the others stay", () => {
    expect(dragged(box, "e", 3, 8, size)).toEqual([5, 10, 15, 25]);
    expect(dragged(box, "nw", -2, -3, size)).toEqual([2, 8, 15, 22]);
    expect(dragged(box, "s", 0, 99, size)).toEqual([5, 10, 20, 22]);
  });
  it("never turns a box inside out", () => {
    expect(dragged(box, "n", 0, 50, size)).toEqual([14, 10, 15, 22]);
    expect(dragged(box, "se", -50, -50, size)).toEqual([5, 10, 6, 11]);
  });
});

describe("parts", () => {
  const parts: Part[] = [
    { name: "eye", boxes: [box, null, null] },
    { name: "nose", boxes: [null, null, null] },
  ];
  it("take a box without changing what was", () => {
    const next = withBox(parts, 1, 2, box);
    expect(next[1].boxes).toEqual([null, null, box]);
    expect(parts[1].boxes).toEqual([null, null, null]);
    expect(next[0]).toBe(parts[0]);
    expect(countOf(withBox(parts, 0, 0, null)[0])).toBe(0);
  });
  it("have names of their own", () => {
    expect(freeName(parts, "mouth")).toBe("mouth");
    expect(freeName(parts, "eye")).toBe("eye 2");
    expect(freeName([...parts, { name: "eye 2", boxes: [] }], "eye")).toBe("eye 3");
  });
  it("are compared box by box", () => {
    expect(equalBoxes(box, [...box])).toBe(true);
    expect(equalBoxes(box, null)).toBe(false);
    expect(equalBoxes(null, null)).toBe(true);
    expect(equalBoxes(box, [5, 10, 15, 21])).toBe(false);
  });
});

describe("names", () => {
  const canvas: Size = [100, 100];
  it("stand above the box, or below where there is no room above", () => {
    expect(placeTag([40, 10, 60, 30], [], [15, 30], canvas, 5)).toEqual([20, 10, 35, 40]);
    expect(placeTag([10, 10, 60, 30], [], [15, 30], canvas, 5)).toEqual([65, 10, 80, 40]);
    expect(placeTag([0, 10, 100, 30], [], [15, 30], canvas, 5)).toEqual([0, 10, 15, 40]);
  });
  it("keep off other boxes and inside the picture", () => {
    expect(placeTag([40, 90, 60, 99], [[10, 60, 38, 99]], [15, 30], canvas, 5)).toEqual([65, 70, 80, 100]);
    const between: Box[] = [
      [0, 0, 38, 99],
      [62, 0, 99, 99],
    ];
    expect(placeTag([40, 10, 60, 30], between, [15, 30], canvas, 5)).toEqual([20, 10, 35, 40]);
  });
});
