import { describe, expect, it } from "vitest";
import type { MapMeta } from "../src/views/occlusion_painter/controls";
import { cellAt, cellBox, cellColours, readMap } from "../src/views/occlusion_painter/map";

const meta: MapMeta = {
  rows: 2,
  columns: 2,
  window: [4, 2],
  stride: [3, 5],
  target: "cup",
  clean: { probability: 0.9, logit: 2, class: 0, activation: null },
  layer: null,
  unit: null,
  partial: true,
  path: "incremental",
  notes: [],
  classNames: { 0: "cup", 7: "dog" },
};

const map = readMap(meta, [
  Int32Array.of(0, 0, 3, 3),
  Int32Array.of(0, 5, 0, 5),
  Float32Array.of(0.9, 0.5, 0.1, Number.NaN),
  Float32Array.of(2, 1, -2, Number.NaN),
  Int32Array.of(0, 0, 7, -1),
  Float32Array.of(Number.NaN, Number.NaN, Number.NaN, Number.NaN),
]);

describe("the map of a sliding window", () => {
  it("draws a cell around the middle of its window, as wide as the stride", () => {
    expect(cellBox(map, 0)).toEqual([1 - 2.5, 2 - 1.5, 5, 3]);
    expect(cellBox(map, 3)).toEqual([6 - 2.5, 5 - 1.5, 5, 3]);
  });
  it("finds the cell whose window has its middle nearest", () => {
    for (let cell = 0; cell < 4; cell++)
      expect(cellAt(map, map.left[cell] + 1.4, map.top[cell] + 2.3)).toBe(cell);
  });
  it("leaves cells without a value uncoloured", () => {
    for (const quantity of ["probability", "logit", "class"] as const) {
      const colours = cellColours(map, quantity, false);
      expect(colours[3]).toBeNull();
      expect(colours.slice(0, 3).every(Boolean)).toBe(true);
    }
  });
  it("shows the change of the logit, so that no change is the middle of the scale", () => {
    expect([...map.values.logit.slice(0, 3)]).toEqual([0, -1, -4]);
  });
  it("gives equal classes one colour and different classes two", () => {
    const [a, b, c] = cellColours(map, "class", false);
    expect(a).toBe(b);
    expect(a).not.toBe(c);
  });
});
