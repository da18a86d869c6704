import { describe, expect, it } from "vitest";
import type { Frame } from "../src/channel";
import { classPalette, unpack } from "../src/parts/colours";
import type { Control } from "../src/parts/controls";
import { listControls } from "../src/views/outlier_explorer/controls";
import { groundPixels } from "../src/views/outlier_explorer/ground";
import {
  arraysOf,
  listed,
  lossText,
  neighboursOf,
  reportOf,
  rowsOf,
  sortKey,
} from "../src/views/outlier_explorer/report";
import { sampleAt, sentence } from "../src/views/outlier_explorer/sample";

// Four samples, rows 10, 20, 30 and 40 of the data; two neighbours each.
const ARRAYS: [string, Frame["arrays"][number]][] = [
  ["positions", Uint16Array.of(0, 0, 1, 1, 2, 2, 3, 3)],
  ["rows", Int32Array.of(10, 20, 30, 40)],
  ["flags", Uint8Array.of(0, 1, 2, 3)], // neither, outlier, error, both
  ["same", Uint16Array.of(2, 0, 1, 0)],
  ["neighbours", Uint16Array.of(1, 2, 0, 2, 3, 0, 2, 1)],
  ["loss", Float32Array.of(0.1, 0.2, 3, Number.NaN)],
  ["order loss", Int32Array.of(2, 1, 0, 3)],
  ["order hit", Int32Array.of(1, 3, 2, 0)],
];
const overlap = { table: [[1, 1], [1, 1]], odds: "1.0", p: "p = 1", words: "" }; // biome-ignore format: a table

function frame(change: object = {}): Frame {
  const report = { k: 2, mostHit: 0, hit: 0.4, keys: ["loss", "hit"], outliers: 2, overlap, ...change };
  const meta = { layer: "fc", arrays: ARRAYS.map(([name]) => name), report };
  return { generation: 1, request: 1, kind: "result", meta, arrays: ARRAYS.map(([, array]) => array) };
}
const report = (change: object = {}) => reportOf(frame(change))!;
type Choice = Extract<Control, { kind: "choice" }>;
const NONE = new Int32Array(0);

it("offers to list what can be told, and what was asked for", () => {
  const offered = (measured: ReturnType<typeof report>, show: string) =>
    listControls(measured, show).flatMap((one) => (one.name === "show" ? (one as Choice).options : []));
  const values = (...from: Parameters<typeof offered>) => offered(...from).map(({ value }) => value);
  expect(values(report(), "all").length).toBe(7);
  expect(values(report({ overlap: null }), "all")).toEqual(["all", "outliers"]);
  expect(values(report({ overlap: null }), "errors")).toEqual(["all", "outliers", "errors"]);
});

describe("a report", () => {
  it("is read by the names of its arrays", () => {
    expect([...arraysOf(frame()).rows]).toEqual([10, 20, 30, 40]);
    expect(report().points.get(30)).toBe(2);
    expect(neighboursOf(report(), 2)).toEqual([3, 0]);
    const bare = frame();
    bare.meta = { ...bare.meta, report: undefined };
    expect(reportOf(bare)).toBeNull();
  });

  it("lists worst first, by the key that was measured", () => {
    expect([...listed(report(), "loss", "all", NONE)]).toEqual([2, 1, 0, 3]);
    expect(sortKey(report(), "disagreement")).toBe("hit");
    expect([...listed(report(), "disagreement", "all", NONE)]).toEqual([1, 3, 2, 0]);
  });

  it("keeps those of a group, and of a selection by row number", () => {
    const of = (show: string, among = NONE) => [...listed(report(), "hit", show, among)];
    expect(of("outliers")).toEqual([1, 3]);
    expect(of("errors")).toEqual([3, 2]);
    expect(of("wrong outliers")).toEqual([3]);
    expect(of("right outliers")).toEqual([1]);
    expect(of("wrong others")).toEqual([2]);
    expect(of("right others")).toEqual([0]);
    expect(of("all", Int32Array.of(40, 10, 99))).toEqual([3, 0]);
    expect(of("errors", Int32Array.of(10))).toEqual([]);
    expect([...rowsOf(report(), "errors")]).toEqual([30, 40]);
  });

  it("has no errors without predictions", () => {
    const blind = report({ overlap: null });
    expect([...listed(blind, "hit", "right others", NONE)]).toEqual([]);
    expect([...listed(blind, "hit", "outliers", NONE)]).toEqual([1, 3]);
  });
});

describe("a sample", () => {
  const classes = (codes: number[]) => {
    const column = new Uint16Array(50).fill(65535);
    codes.forEach((code, i) => {
      column[10 * (i + 1)] = code;
    });
    return { kind: "classes" as const, names: ["cat", "dog"], codes: column };
  };
  const naming = {
    columns: { label: classes([0, 0, 0, 1]), prediction: classes([0, 0, 1, 0]) },
    palette: classPalette(2, false),
    nameOf: (row: number) => `sample ${row}`,
    lossUnit: "nats",
  };

  it("is told in one sentence", () => {
    expect(sentence(sampleAt(report(), 2, naming))).toBe(
      "sample 30, label cat, wrongly predicted dog, loss 3.00 nats, 1 of 2 neighbours of its class",
    );
    const last = sampleAt(report(), 3, naming);
    expect(sentence(last)).toBe(
      "sample 40, label dog, wrongly predicted cat, 0 of 2 neighbours of its class, outlier",
    );
    expect(last.neighbours.map(({ row, label }) => [row, label.name])).toEqual([
      [30, "cat"],
      [20, "cat"],
    ]);
  });

  it("without a prediction has none", () => {
    const { label } = naming.columns;
    const sample = sampleAt(report(), 0, { ...naming, columns: { label } });
    expect(sample.prediction).toBeNull();
    expect(sample.disagreement).toBeNull();
  });

  it("has a loss of few digits", () => {
    expect([0, 2.0349, 1234.5, Number.POSITIVE_INFINITY, Number.NaN].map(lossText)).toEqual([
      "0.00",
      "2.03",
      "1235",
      "∞",
      "–",
    ]);
  });
});

describe("the ground", () => {
  it("is upright, of the classes' colours, and paler where it is less sure", () => {
    const palette = classPalette(2, false);
    const pixels = groundPixels(
      { width: 2, height: 2 },
      [0, 1, 1, 65535],
      [255, 0, 128, 255],
      palette,
      false,
    );
    const at = (i: number) => [...pixels.subarray(4 * i, 4 * i + 4)];
    expect(at(2)).toEqual([...unpack(palette.colours[0]), 87]); // bottom left was first
    expect(at(3)[3]).toBe(0);
    expect(at(0)).toEqual([...unpack(palette.colours[1]), 44]);
    expect(at(1).slice(0, 3)).toEqual(unpack(palette.missing));
    const dark = groundPixels({ width: 1, height: 1 }, [0], [255], palette, true);
    expect(dark[3]).toBe(102);
  });
});
