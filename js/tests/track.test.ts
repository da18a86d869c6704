import { describe, expect, it } from "vitest";
import { glyph, named, printed } from "../src/parts/tokens";
import {
  cellName,
  countCells,
  levelOf,
  snapped,
  stepsInWords,
  type Track,
  type TrackMeta,
  thresholdOf,
  toGlobal,
  toShown,
  valueAt,
} from "../src/parts/track";
import { positionControl } from "../src/parts/track_controls";

function trackOf(levels: Uint8Array, cells: number, extra: Partial<TrackMeta> = {}): Track {
  const steps = levels.length / cells;
  const meta: TrackMeta = {
    key: "k",
    first: 0,
    steps,
    total: steps,
    tokens: Array.from({ length: steps }, () => "a"),
    layers: [{ name: "lstm.0", from: 0, cells }],
    quantity: "tanh(c)",
    signed: true,
    scale: 1,
    boundaries: [],
    ...extra,
  };
  return { meta, cells, levels };
}

describe("levels", () => {
  it("express a threshold in whole steps, at least one", () => {
    const signed = { signed: true, scale: 1 };
    expect(levelOf(0.3, signed)).toBe(38);
    expect(thresholdOf(38, signed)).toBe(0.296875);
    expect(levelOf(0, signed)).toBe(1);
    expect(levelOf(1, signed)).toBe(127);
    expect(levelOf(0.9, { signed: false, scale: 2 })).toBe(115);
    expect([snapped(0.3, signed), snapped(7, signed)]).toEqual([0.296875, 127 / 128]);
  });

  it("stand for the middle of what they cover", () => {
    const track = trackOf(Uint8Array.from([0, 127, 128, 255]), 1);
    expect([0, 1, 2, 3].map((t) => valueAt(track, 0, t))).toEqual([
      -127.5 / 128,
      -0.5 / 128,
      0.5 / 128,
      127.5 / 128,
    ]);
  });
});

describe("cells", () => {
  const track = trackOf(new Uint8Array(10), 5, {
    layers: [
      { name: "lstm.0", from: 8, cells: 2 },
      { name: "lstm.1", from: 20, cells: 3 },
    ],
  });
  it("have a layer, a number in it and one over the whole model", () => {
    expect(countCells(track.meta)).toBe(5);
    expect(cellName(track.meta, 3)).toBe("lstm.1 · 1");
    expect([0, 1, 2, 3, 4].map((c) => toGlobal(track.meta, c))).toEqual([8, 9, 20, 21, 22]);
    expect([8, 9, 20, 21, 22, 3, 11].map((c) => toShown(track.meta, c))).toEqual([0, 1, 2, 3, 4, -1, -1]);
  });
});

describe("the part that is drawn", () => {
  it("is told in words, and a long text can be moved through", () => {
    const whole = trackOf(new Uint8Array(1500), 1).meta;
    const part = trackOf(new Uint8Array(50), 1, { first: 100, total: 250 }).meta;
    expect(stepsInWords(whole)).toBe("1,500 steps");
    expect(stepsInWords(part)).toBe("steps 100 to 150 of 250");
    expect(positionControl(whole, 50)).toBeNull();
    expect(positionControl(undefined, 50)).toBeNull();
    expect(positionControl(part, 50)).toMatchObject({ name: "position", max: 249, step: 50 });
  });
});

describe("tokens", () => {
  const tokens = ["\n", "\t", "\r", " ", "def", "a\nb"];
  it("show what cannot be seen, and a space where it stands alone", () => {
    expect(tokens.map(printed)).toEqual(["↵", "⇥", "␍", " ", "def", "a↵b"]);
    expect(tokens.map(glyph)).toEqual(["↵", "⇥", "␍", "·", "def", "a↵b"]);
    expect(tokens.map(named)).toEqual(["↵", "⇥", "␍", "␣", "def", "a↵b"]);
  });
});
