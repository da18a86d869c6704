import { describe, expect, it } from "vitest";
import { isNamed } from "../src/views/attention_heatmap/matrix";
import { type AttentionMeta, type Overview, printed, readMatrix } from "../src/views/attention_heatmap/meta";
import { orderOf } from "../src/views/attention_heatmap/overview";
import { largest } from "../src/views/attention_heatmap/side";

const meta = (size: [number, number], extra: Partial<AttentionMeta> = {}): AttentionMeta => ({
  groups: ["self-attention"],
  group: "self-attention",
  kind: "self",
  layers: 1,
  heads: 1,
  layerNames: ["a"],
  rows: Array.from({ length: size[0] }, (_, i) => `r${i}`),
  columns: Array.from({ length: size[1] }, (_, i) => `c${i}`),
  size,
  top: 0.5,
  exact: true,
  drawn: "layer 0, head 0",
  written: "",
  unchanged: "",
  likeliest: [],
  effect: null,
  notes: [],
  grid: null,
  ...extra,
});

describe("the matrix", () => {
  it("reads exact weights and masks packed with the highest bit first, as numpy packs them", () => {
    const weights = Float32Array.from([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
    const m = readMatrix(meta([2, 3]), [
      weights,
      Uint8Array.from([0b01000100]),
      Float32Array.from([0.6, 1.5]),
    ]);
    expect(m.weight(1, 2)).toBeCloseTo(0.6, 6);
    const masked = [0, 1].map((r) => [0, 1, 2].map((c) => m.isMasked(r, c)));
    expect(masked).toEqual([
      [false, true, false],
      [false, false, true],
    ]);
    expect(m.picture).toBeNull();
  });

  it("reads bytes in 255ths of the largest weight", () => {
    const m = readMatrix(meta([1, 2], { exact: false }), [
      Uint8Array.from([255, 51]),
      Uint8Array.from([0]),
      Float32Array.from([1]),
    ]);
    expect(m.weight(0, 0)).toBeCloseTo(0.5, 9);
    expect(m.weight(0, 1)).toBeCloseTo(0.1, 9);
  });

  it("names every nth row, and the marked one with room around it", () => {
    const named = (marked: number) =>
      Array.from({ length: 10 }, (_, i) => i).filter((i) => isNamed(i, marked, 3));
    expect(named(-1)).toEqual([0, 3, 6, 9]);
    expect(named(4)).toEqual([0, 4, 9]);
  });
});

it("prints blanks, and word pieces without their marks", () => {
  expect([" ", "\n", "##ing", "Ġthe", "▁a", "Ġ", "", "x y"].map(printed)).toEqual([
    "·",
    "↵",
    "ing",
    "the",
    "a",
    "·",
    "∅",
    "x y",
  ]);
});

describe("heads", () => {
  const overview: Overview = {
    key: "k",
    layers: 2,
    heads: 2,
    height: 1,
    width: 1,
    scores: { entropy: [3, 1, null, 2], induction: [0.1, 0.9, 0.9, null] },
    pictures: new DataView(new ArrayBuffer(4)),
  };
  it("stand by layer, or by a score: sharp ones first, strong ones first, unknown ones last", () => {
    expect(orderOf(overview, "")).toEqual([0, 1, 2, 3]);
    expect(orderOf(overview, "entropy")).toEqual([1, 3, 0, 2]);
    expect(orderOf(overview, "induction")).toEqual([1, 2, 0, 3]);
  });
});

it("lists the largest weights, ties in order, nothing that is next to nothing", () => {
  const values = [0.2, 0.001, 0.5, 0.2];
  expect(largest(4, (i) => values[i], 3)).toEqual([
    [2, 0.5],
    [0, 0.2],
    [3, 0.2],
  ]);
  expect(largest(4, (i) => values[i], 9)).toHaveLength(3);
});
