import { polygonContains } from "d3-polygon";
import { describe, expect, it } from "vitest";
import { HitIndex } from "../src/parts/hit";
import { combine } from "../src/parts/selection";
import { extentOf } from "../src/parts/viewport";

/** A small linear congruential generator: the same points in every run. */
function points(n: number, seed = 1): Float32Array {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Float32Array.from({ length: 2 * n }, () => 20 * (next() + next() + next()) - 30);
}

function nearestByBruteForce(xy: Float32Array, x: number, y: number, radius: number): number | null {
  let best: number | null = null;
  let least = radius;
  for (let i = 0; i < xy.length / 2; i++) {
    const d = Math.hypot(xy[2 * i] - x, xy[2 * i + 1] - y);
    if (d <= least) [best, least] = [i, d];
  }
  return best;
}

describe("the hit index", () => {
  const xy = points(3000);
  xy[2 * 17] = Number.NaN;
  xy[2 * 18 + 1] = Infinity;
  const index = new HitIndex(xy, extentOf(xy));

  it("finds the same nearest point as a search through all of them", () => {
    let found = 0;
    const queries = points(500, 7);
    for (let q = 0; q < 500; q++) {
      for (const radius of [0.3, 2, 80]) {
        const [x, y] = [1.3 * queries[2 * q], 1.3 * queries[2 * q + 1]]; // some outside the extent
        const expected = nearestByBruteForce(xy, x, y, radius);
        expect(index.nearest(x, y, radius)).toBe(expected);
        if (expected !== null) found++;
      }
    }
    expect(found).toBeGreaterThan(700); // the queries do hit
  });

  it("finds exactly the points inside a lasso", () => {
    // A ring cut open: inside means between the radii 5 and 12, which a bounding box or hull gets wrong.
    const circle = (r: number, turn: number): [number, number][] =>
      Array.from({ length: 400 }, (_, k) => [
        r * Math.cos((turn * 2 * Math.PI * k) / 399),
        r * Math.sin((turn * 2 * Math.PI * k) / 399),
      ]);
    const lassoed = new Set(index.inside([...circle(12, 1), ...circle(5, -1)]));
    for (let i = 0; i < xy.length / 2; i++) {
      const r = Math.hypot(xy[2 * i], xy[2 * i + 1]);
      if (Math.abs(r - 5) < 0.01 || Math.abs(r - 12) < 0.01) continue; // the polygon is not quite a circle
      expect(lassoed.has(i), `point ${i} at ${r}`).toBe(r > 5 && r < 12);
    }
    expect(lassoed.size).toBeGreaterThan(100);
  });

  it("finds what a test of every point finds, also for outlines that cross themselves and leave the data", () => {
    const corners = points(30 * 12, 3);
    let most = 0;
    for (let q = 0; q < 30; q++) {
      const polygon: [number, number][] = Array.from({ length: 3 + (q % 10) }, (_, k) => [
        1.2 * corners[2 * (12 * q + k)],
        1.2 * corners[2 * (12 * q + k) + 1],
      ]);
      if (q % 3 === 0) polygon[1] = [polygon[0][0], polygon[1][1]]; // an upright edge
      if (q % 4 === 0) polygon[2] = [polygon[2][0], polygon[1][1]]; // and a level one
      const expected: number[] = [];
      for (let i = 0; i < xy.length / 2; i++)
        if (polygonContains(polygon, [xy[2 * i], xy[2 * i + 1]])) expected.push(i);
      expect(Array.from(index.inside(polygon)), `polygon ${q}`).toEqual(expected);
      most = Math.max(most, expected.length);
    }
    expect(most).toBeGreaterThan(300);
  });

  it("finds nothing in a lasso of fewer than three corners", () => {
    expect(index.inside([]).length).toBe(0);
    expect(index.inside([[-30, -30], [30, 30]]).length).toBe(0); // biome-ignore format: one polygon
  });

  it("survives points in one place, in a line, and none at all", () => {
    for (const degenerate of [[], [2, 2, 2, 2, 2, 2], [0, 1, 5, 1, 9, 1], [Number.NaN, 1]]) {
      const some = Float32Array.from(degenerate);
      const small = new HitIndex(some, extentOf(some));
      expect(small.nearest(4, 1.5, 3)).toBe(nearestByBruteForce(some, 4, 1.5, 3));
    }
  });

  it("reaches every neighbour with one of the arrow keys, on the diagonal too", () => {
    for (let turn = 0; turn < 16; turn++) {
      const angle = (turn * Math.PI) / 8;
      const two = Float32Array.of(0, 0, Math.round(4 * Math.cos(angle)), Math.round(4 * Math.sin(angle)));
      const index = new HitIndex(two, extentOf(two));
      const arrows = [[1, 0], [-1, 0], [0, 1], [0, -1]]; // biome-ignore format: four directions
      expect(arrows.some(([dx, dy]) => index.towards(0, dx, dy) === 1)).toBe(true);
    }
  });

  it("reaches neighbours with the arrow keys, and stays at the edge", () => {
    //  2
    //  0 1     3
    const plus = Float32Array.of(0, 0, 1, 0, 0, 1, 5, 0.2);
    const grid = new HitIndex(plus, extentOf(plus));
    expect(grid.towards(0, 1, 0)).toBe(1);
    expect(grid.towards(1, 1, 0)).toBe(3);
    expect(grid.towards(0, 0, 1)).toBe(2);
    expect(grid.towards(1, -1, 0)).toBe(0);
    expect(grid.towards(0, -1, 0)).toBeNull();
  });
});

describe("a selection", () => {
  const selected = Int32Array.of(2, 5, 10);

  it("is replaced, extended or reduced, and stays sorted and without repetition", () => {
    const chosen = Int32Array.of(10, 3, 3);
    expect([...combine(selected, chosen, "replace")]).toEqual([3, 10]);
    expect([...combine(selected, chosen, "add")]).toEqual([2, 3, 5, 10]);
    expect([...combine(selected, chosen, "remove")]).toEqual([2, 5]);
    expect([...selected]).toEqual([2, 5, 10]);
  });
});
