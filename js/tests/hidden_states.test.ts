import { describe, expect, it } from "vitest";
import { levelOf, thresholdOf } from "../src/parts/track";
import { keyed } from "../src/views/hidden_states/keys";
import { cellAt, type Place, stepsInSight, valueOfY, yOf } from "../src/views/hidden_states/lines";
import type { HiddenTrack as Track } from "../src/views/hidden_states/meta";
import { countOn, type Sign, selectCells, signOf } from "../src/views/hidden_states/select";

/** A small linear congruential generator: the same states in every run. */
function random(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function trackOf(levels: Uint8Array, cells: number, extra: Partial<Track["meta"]> = {}): Track {
  const steps = levels.length / cells;
  return {
    meta: {
      key: "k",
      first: 0,
      steps,
      total: steps,
      tokens: Array.from({ length: steps }, (_, i) => String.fromCharCode(97 + (i % 26))),
      layers: [{ name: "lstm.0", from: 0, cells }],
      quantity: "tanh(c)",
      signed: true,
      scale: 1,
      boundaries: [],
      best: 0,
      ...extra,
    },
    cells,
    levels,
    next: new Uint16Array(0),
    nextShare: new Uint8Array(0),
    loss: new Float32Array(0),
  };
}

/** The rule in the words of the paper, on values: on at every step of the span, off around it. */
function bruteForce(
  values: number[][],
  [a, b]: [number, number],
  theta: number,
  [left, right]: [number, number],
  sign: Sign,
  starts: number[] = [],
): string[] {
  const found: string[] = [];
  const steps = values[0].length;
  let low = a - left;
  let high = b + right;
  for (const start of [0, ...starts]) if (start <= a) low = Math.max(low, start);
  for (const start of [...starts, steps]) if (start >= b) high = Math.min(high, start);
  values.forEach((line, cell) => {
    for (const s of sign === "both" ? [1, -1] : [sign === "positive" ? 1 : -1]) {
      let fits = true;
      for (let t = low; t < high; t++) if (s * line[t] >= theta !== (t >= a && t < b)) fits = false;
      if (fits) found.push(`${cell}:${s}`);
    }
  });
  return found;
}

describe("selection", () => {
  it("is the paper's rule, for both signs, all margins, spans at the ends and boundaries", () => {
    const next = random(7);
    let selected = 0;
    for (let round = 0; round < 300; round++) {
      const [cells, steps] = [12, 9];
      const values = Array.from({ length: cells }, () =>
        Array.from({ length: steps }, () => (next() < 0.6 ? 1 : -1) * (0.15 + 0.8 * next())),
      );
      const bytes = Uint8Array.from(values.flat(), (v) =>
        v >= 0 ? 128 + Math.floor(128 * v) : 127 - Math.floor(-128 * v),
      );
      const starts = next() < 0.5 ? [] : [3, 6];
      const track = trackOf(bytes, cells, { boundaries: starts });
      const a = Math.floor(next() * steps);
      const b = Math.min(steps, a + 1 + Math.floor(next() * 2));
      const margins: [number, number] = [Math.floor(next() * 3), Math.floor(next() * 3)];
      const sign = (["positive", "negative", "both"] as const)[Math.floor(next() * 3)];
      const theta = thresholdOf(levelOf(0.3, track.meta), track.meta);
      const found = selectCells(track, [a, b], theta, margins, sign);
      const names = found.cells.map((cell, i) => `${cell}:${found.signs[i]}`);
      expect(names).toEqual(bruteForce(values, [a, b], theta, margins, sign, starts));
      selected += names.length;
    }
    expect(selected).toBeGreaterThan(100);
  });

  it("selects nothing for a span that is not drawn", () => {
    const track = trackOf(new Uint8Array(40).fill(255), 4, { first: 100, total: 500 });
    expect(selectCells(track, [95, 97], 0.3, [0, 0], "positive").cells).toEqual([]);
    expect(selectCells(track, [100, 102], 0.3, [0, 0], "positive").cells).toEqual([0, 1, 2, 3]);
  });

  it("counts the selected cells that are on at each step", () => {
    const track = trackOf(Uint8Array.from([255, 128, 255, 0, 127, 0]), 2);
    const counts = countOn(track, { cells: [0, 1], signs: [1, -1] }, 0.5);
    expect([...counts]).toEqual([2, 0, 2]);
  });
});

describe("cells chosen by hand", () => {
  const track = trackOf(Uint8Array.from([255, 0, 0, 255]), 2);
  it("count on the side of the brush, or on the one that was asked for", () => {
    expect([0, 1].map((cell) => signOf(track, cell, [1, 2], "both"))).toEqual([-1, 1]);
    expect([0, 1].map((cell) => signOf(track, cell, null, "both"))).toEqual([1, 1]);
    expect(signOf(track, 0, [5, 6], "both")).toBe(1); // a brush that is not drawn
    expect(signOf(track, 0, [0, 1], "negative")).toBe(-1);
  });
});

describe("keys", () => {
  const { meta } = trackOf(new Uint8Array(40), 4, { first: 100 });
  const brush = { span: [102, 104] as [number, number], zeros: [1, 0] as [number, number], threshold: 0.25 };
  const press = (key: string, shiftKey = false, from: Parameters<typeof keyed>[1] = brush) =>
    keyed({ key, shiftKey }, from, meta);

  it("move and widen the brush, and not beyond what is drawn", () => {
    expect(press("ArrowRight")).toEqual({ span: [103, 105], pinned: [] });
    expect(press("ArrowRight", true)).toEqual({ span: [102, 105], pinned: [] });
    expect(press("ArrowLeft", true)).toEqual({ span: [102, 103], pinned: [] });
    expect(press("ArrowLeft", true, { ...brush, span: [102, 103] })).toEqual({
      span: [102, 103],
      pinned: [],
    });
    expect(press("ArrowRight", false, { ...brush, span: [107, 110] })).toEqual({
      span: [107, 110],
      pinned: [],
    });
    expect(press("ArrowLeft", false, { ...brush, span: null })).toEqual({ span: [100, 101], pinned: [] });
  });

  it("move threshold and handles, clear, and leave other keys alone", () => {
    expect(press("ArrowUp")).toEqual({ threshold: 34 / 128 });
    expect(press("ArrowDown", false, { ...brush, threshold: 1 / 128 })).toEqual({ threshold: 1 / 128 });
    expect(press("ArrowUp", false, { ...brush, threshold: 1 })).toEqual({ threshold: 127 / 128 });
    expect(press(",")).toEqual({ zeros: [2, 0] });
    expect(press("<", true)).toEqual({ zeros: [0, 0] });
    expect(press(".")).toEqual({ zeros: [1, 1] });
    expect(press(">", true)).toEqual({ zeros: [1, 0] });
    expect(press("Escape")).toEqual({ span: [], pinned: [] });
    expect(press("x")).toBeNull();
  });
});

describe("lines", () => {
  const place: Place = { width: 100, top: 10, height: 200, step: 10, offset: 0 };
  const track = trackOf(Uint8Array.from([255, 255, 255, 0, 0, 0]), 2);
  it("lie where their value is, and back", () => {
    expect(yOf(1, track, place)).toBe(10);
    expect(yOf(-1, track, place)).toBe(210);
    expect(valueOfY(yOf(0.4, track, place), track, place)).toBeCloseTo(0.4, 12);
  });
  it("are found near the pointer, and only there", () => {
    expect(cellAt(track, place, 15, 14)).toBe(0);
    expect(cellAt(track, place, 15, 206)).toBe(1);
    expect(cellAt(track, place, 15, 110)).toBeNull();
  });
  it("are drawn for the steps in sight and one more on both sides", () => {
    const long = trackOf(new Uint8Array(1000), 1);
    expect(stepsInSight(long, { ...place, offset: 200 })).toEqual([19, 31]);
  });
});
