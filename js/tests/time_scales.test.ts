import { describe, expect, it } from "vitest";
import { named } from "../src/parts/tokens";
import { numbers, ranges } from "../src/views/time_scales/charts";
import { heatColour, shareOf } from "../src/views/time_scales/heat";
import { GUTTER, layOut, neighbour, tokenAt } from "../src/views/time_scales/layout";
import { tauText } from "../src/views/time_scales/meta";

describe("layout", () => {
  const tokens = [..."ab\ncdefgh"];
  const layout = layOut(tokens, 2, GUTTER + 3 * 11 + 5);

  it("breaks lines at line ends and where there is no room", () => {
    expect(layout.places.map(({ line }) => line)).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
    expect(layout.lines).toBe(3);
    expect(layout.places[3].x).toBe(GUTTER);
  });

  it("finds the token at every place, and none beside the text", () => {
    layout.places.forEach((p, i) => {
      expect(tokenAt(layout, p.x + p.width / 2, p.line * layout.pitch + 20)).toBe(i);
    });
    expect(tokenAt(layout, 2, 5)).toBeNull();
    expect(tokenAt(layout, GUTTER + 4 * 11, 5)).toBeNull();
  });

  it("goes up and down, and stays at the edges", () => {
    expect(neighbour(layout, 4, 1)).toBe(7);
    expect(neighbour(layout, 4, -1)).toBe(1);
    expect(neighbour(layout, 0, -1)).toBe(0);
  });

  it("gives a token that is wider than the line a line of its own", () => {
    const wide = layOut(["a", "abcdefghijklmnop", "b"], 1, 80);
    expect(wide.places.map(({ line }) => line)).toEqual([0, 1, 2]);
    expect(layOut([], 1, 80).lines).toBe(0);
  });
});

describe("colours", () => {
  it("are logarithmic from a thousandth to one", () => {
    expect([1, 0.1, 0.01, 0.001].map((d) => Number(shareOf(d)?.toFixed(6)))).toEqual([
      1, 0.666667, 0.333333, 0,
    ]);
    expect(shareOf(3)).toBe(1);
    for (const nothing of [0, 0.0009, Number.NaN]) expect(heatColour(nothing)).toBeNull();
    expect(heatColour(1)).toBe("rgb(253, 231, 37)");
  });
});

describe("lists of cells", () => {
  it("are read and written", () => {
    expect(numbers("3, 5-7 9")).toEqual([3, 5, 6, 7, 9]);
    expect(numbers("7 7, x, -3, 2-1")).toEqual([7]);
    expect(ranges([3, 5, 6, 7, 9])).toBe("3, 5-7, 9");
    expect(numbers(ranges([0, 1, 2, 40]))).toEqual([0, 1, 2, 40]);
  });
});

describe("words", () => {
  it("says what cannot be seen, and what is not known", () => {
    expect([" ", "\n", "a"].map(named)).toEqual(["␣", "↵", "a"]);
    expect([3.12, 273.2, null].map((tau) => tauText(tau, 301))).toEqual(["3.1", "273", "> 300"]);
  });
});
