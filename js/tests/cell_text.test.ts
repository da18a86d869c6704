import { describe, expect, it } from "vitest";
import { layOut, stepAt, stepInRow } from "../src/views/cell_text/layout";
import { scoreOf, scoresOf, short } from "../src/views/cell_text/meta";
import { panelsOf, percent } from "../src/views/gate_saturation/meta";

const rowsOf = (tokens: string[], columns: number, boundaries: number[] = []) => {
  const { starts, texts } = layOut(tokens, columns, boundaries);
  return starts.slice(0, -1).map((start, i) => texts.slice(start, starts[i + 1]).join(""));
};

describe("layout", () => {
  it("breaks lines as written and at the edge", () => {
    expect(rowsOf([..."ab\ncdefgh\n"], 4)).toEqual(["ab↵", "cdef", "gh↵"]);
  });

  it("starts a row with each sequence", () => {
    expect(rowsOf([..."abcd"], 10, [2])).toEqual(["ab", "cd"]);
  });

  it("sets words apart that carry no blanks, and leaves those that do", () => {
    expect([...layOut(["the", "cat"], 20).column]).toEqual([0, 4]);
    expect([...layOut(["the", " cat"], 20).column]).toEqual([0, 3]);
  });

  it("finds the step at a place, and none where nothing stands", () => {
    const layout = layOut([..."ab\ncd"], 10);
    expect(stepAt(layout, 1, 1)).toBe(4);
    expect(stepAt(layout, 0, 5)).toBeNull();
    expect(stepAt(layout, 7, 0)).toBeNull();
  });

  it("goes up and down by rows", () => {
    const layout = layOut([..."abcd\ne\nfghi"], 10);
    expect(stepInRow(layout, 3, 1)).toBe(6); // the end of the short row
    expect(stepInRow(layout, 0, -1)).toBe(0);
    expect(stepInRow(layout, 6, 1)).toBe(8);
  });

  it("keeps a token longer than the row on a row of its own", () => {
    expect(rowsOf(["a", "x".repeat(30), "b"], 10)).toEqual(["a", "x".repeat(30), "b"]);
  });
});

describe("scores", () => {
  // biome-ignore lint/suspicious/noExplicitAny: only the names matter here
  const meta = { names: ["one", "two"] } as any;
  const scores = scoresOf(meta, [
    Float32Array.of(0.5, -0.5, 0.2, -0.2),
    Float32Array.of(0.9, 0.1, Number.NaN, Number.NaN),
    Float32Array.of(0.4, -0.4, 0.1, -0.1),
    Float32Array.of(0.8, 0.3, Number.NaN, Number.NaN),
    Uint16Array.of(0, 1),
    new Float32Array(0),
  ]);

  it("turns the AUC of a cell that is low where the annotation is true", () => {
    expect(scoreOf(scores, "one", 1)).toMatchObject({ sign: -1 });
    expect(scoreOf(scores, "one", 1).auc).toBeCloseTo(0.9);
    expect(scoreOf(scores, "one", 1).heldOutAuc).toBeCloseTo(0.7);
    expect(scoreOf(scores, "two", 1).sign).toBe(-1);
    expect(scoreOf(scores, "two", 0).auc).toBeNaN();
  });

  it("prints numbers as tables do", () => {
    expect([0.975, -0.3, 1, Number.NaN].map(short)).toEqual([".97", "−.30", "1.00", "–"]);
  });
});

describe("gates", () => {
  it("number their cells over the whole model", () => {
    const row = { open: 0, closed: 0, neither: 0, meanOpen: 0, meanClosed: 0 };
    const panel = { gate: "f", label: "", tip: "", open: "", closed: "", layers: ["a", "b"] };
    const [found] = panelsOf(
      {
        panels: [
          {
            ...panel,
            rows: [
              { ...row, layer: "a", cells: 2 },
              { ...row, layer: "b", cells: 1 },
            ],
          },
        ],
        layers: [
          { name: "a", from: 3, cells: 2 },
          { name: "b", from: 9, cells: 1 },
        ],
        steps: 4,
        thresholds: [0.1, 0.9],
      },
      Float32Array.of(0, 1, 0.5, 0.25, 1, 0),
    );
    expect([...found.cells]).toEqual([3, 4, 9]);
    expect([...found.layers]).toEqual([0, 0, 1]);
    expect(found.index.nearest(0.98, 0.01, 0.1)).toBe(2);
  });

  it("tell shares in per cent", () => {
    expect([0, 0.004, 0.5, 1].map(percent)).toEqual(["0 %", "0.4 %", "50 %", "100 %"]);
  });
});
