import { describe, expect, it } from "vitest";
import { percent, strength } from "../src/views/invariance_explorer/controls";
import {
  distancesOf,
  type ExplorerMeta,
  readData,
  steadyRange,
  tileOf,
} from "../src/views/invariance_explorer/meta";
import { shownTiles } from "../src/views/invariance_explorer/picture";

const meta: ExplorerMeta = {
  row: 0,
  name: "",
  transform: "translate",
  axis: "vertical",
  values: [-2, -1, 0, 1],
  total: 4,
  span: [-2, 1],
  asGiven: 0,
  layers: ["conv1", "fc1"],
  norm: [2, 0],
  target: 3,
  targetName: "3",
  trueClass: 3,
  clean: 1,
  border: "edge",
  size: [2, 1],
  tile: [2, 1],
  channels: 1,
  notes: [],
};
const data = readData({
  generation: 1,
  request: 0,
  kind: "result",
  meta,
  arrays: [
    Float32Array.of(4, 2, 0, 2, 1, 1, 0, 1),
    Float32Array.of(0, 1, 1, 0.2),
    Float32Array.of(1, 1, 1, 0.6),
    Int32Array.of(5, 3, 3, 8),
    Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  ],
});

describe("what the kernel sends", () => {
  it("is read row by row", () => {
    expect([...data.distance[1]]).toEqual([1, 1, 0, 1]);
    expect([...tileOf(data, 2)]).toEqual([5, 6]);
  });

  it("has no relative distance where the features are zero", () => {
    expect([...distancesOf(data, 0, true)]).toEqual([2, 1, 0, 1]);
    expect([...distancesOf(data, 0, false)]).toEqual([4, 2, 0, 2]);
    expect([...distancesOf(data, 1, true)].every(Number.isNaN)).toBe(true);
    expect([...distancesOf(data, 1, false)]).toEqual([1, 1, 0, 1]);
  });

  it("tells over which range the answer stays", () => {
    expect(steadyRange(data)).toEqual([-1, 0]);
    expect(steadyRange({ ...data, topClass: Int32Array.of(3, 3, 3, 3) })).toEqual([-2, 1]);
    expect(steadyRange({ ...data, target: -1 })).toBeNull();
  });
});

describe("words", () => {
  it("say what was done to the picture", () => {
    expect([0, -2, 1].map((value) => strength(meta, value))).toEqual(["as given", "2 px up", "1 px down"]);
    expect(strength({ ...meta, axis: "horizontal" }, -1)).toBe("1 px left");
    expect(strength({ ...meta, size: [1, 30] }, 3)).toBe("3 steps later");
    expect(strength({ ...meta, transform: "scale", asGiven: 1 }, 1.25)).toBe("× 1.25");
    expect(strength({ ...meta, transform: "rotate" }, 90)).toBe("90° counter-clockwise");
  });

  it("do not round a doubt away", () => {
    expect([0, 0.004, 0.5, 0.996, 1].map(percent)).toEqual(["0 %", "0.4 %", "50 %", "99.6 %", "100 %"]);
  });
});

describe("the strip", () => {
  it("is evenly spaced, with the picture as given in it", () => {
    expect(shownTiles(5, 2, 10)).toEqual([0, 1, 2, 3, 4]);
    expect(shownTiles(17, 8, 6)).toEqual([2, 5, 8, 11, 14]);
    expect(shownTiles(3, 0, 0)).toEqual([0]);
  });
});
