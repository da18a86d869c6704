import { describe, expect, it } from "vitest";
import {
  isChanged,
  isUniform,
  toggled,
  UNCHANGED,
  withForced,
  withUniform,
} from "../src/views/attention_heatmap/changes";
import { listen, NO_ZOOM, type Zoom, zoomed } from "../src/views/attention_heatmap/gestures";
import { type AttentionMeta, readMatrix } from "../src/views/attention_heatmap/meta";
import { type Place, spokenOf, tipOf } from "../src/views/attention_heatmap/words";

const of = (values: Record<string, unknown>) => (name: string) =>
  ({ ...UNCHANGED, ...values })[name as "hidden"];

describe("changes of attention", () => {
  it("knows whether anything is changed", () => {
    expect(isChanged(of({}))).toBe(false);
    for (const change of [
      { temperature: 2 },
      { hidden: [1] },
      { uniform: [[0]] },
      { uniform_all: true },
      { force: { "0": "a" } },
    ])
      expect(isChanged(of(change))).toBe(true);
  });

  it("makes one head uniform and knows a whole layer", () => {
    expect(withUniform([[0, 1]], 1, 2, true)).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(withUniform([[0, 1]], 0, 1, false)).toEqual([]);
    expect(isUniform(of({ uniform: [[1]] }), 1, 3)).toBe(true);
    expect(isUniform(of({ uniform: [[1]] }), 0, 3)).toBe(false);
    expect(isUniform(of({ uniform_all: true }), 0, 3)).toBe(true);
  });

  it("hides and shows columns, and forgets what was forced further on", () => {
    expect(toggled([4, 2], 3)).toEqual([2, 3, 4]);
    expect(toggled([2, 3, 4], 3)).toEqual([2, 4]);
    expect(withForced({ "1": "a", "5": "b" }, 3, "c")).toEqual({ "1": "a", "3": "c" });
    expect(withForced({ "1": "a", "5": "b" }, 5, null)).toEqual({ "1": "a" });
  });
});

describe("a place in words", () => {
  const meta = { size: [2, 2], rows: ["a", "b"], columns: ["x", " "], exact: true, top: 1 };
  const matrix = readMatrix(meta as unknown as AttentionMeta, [
    Float32Array.of(0.25, 0.75, 1, 0),
    Uint8Array.of(0b00010000),
    Float32Array.of(1, 1),
  ]);

  it("tells weights, sums and masks", () => {
    expect(tipOf(matrix, { row: 0, column: 1 }, true)).toBe("“a” → “·”: 0.750");
    expect(tipOf(matrix, { row: 1, column: 1 }, true)).toBe("“b” → “·”: masked, may not look");
    expect(tipOf(matrix, { row: 1, column: -1 }, true)).toBe("row 1: “b”, sum 1.000");
    expect(tipOf(matrix, { row: -1, column: 0 }, true)).toBe("column 0: “x” (Shift and click hides it)");
    expect(tipOf(matrix, { row: -1, column: 0 }, false)).toBe("column 0: “x”");
    expect(spokenOf(matrix, { row: 0, column: 0 })).toBe("“a” looks at “x” 0.250");
    expect(spokenOf(matrix, { row: -1, column: 0 })).toBe("at “x”");
    expect(spokenOf(matrix, { row: -1, column: -1 })).toBe("");
  });
});

describe("gestures on the matrix", () => {
  it("keeps the point under the pointer when it zooms, and ends at the whole matrix", () => {
    const box = { left: 50, top: 20, shiftX: 0, shiftY: 0 };
    const near = zoomed(NO_ZOOM, 2, box, 150, 70);
    expect(near).toEqual({ k: 2, x: 100, y: 50 }); // 100 px right of the edge is now 200 px less 100
    expect(zoomed(near, 1e-9, { ...box, shiftX: 100, shiftY: 50 }, 0, 0).k).toBe(1);
    expect(zoomed(NO_ZOOM, 1e9, box, 60, 30).k).toBe(400);
  });

  it("marks, unmarks and hides by keys and clicks", () => {
    const canvas = document.createElement("canvas");
    canvas.setPointerCapture = () => {};
    let marked: Place = { row: -1, column: -1 };
    let at: Place | null = { row: 1, column: 2 };
    let zoom: Zoom = { ...NO_ZOOM };
    const hidden: number[] = [];
    const controller = new AbortController();
    listen(canvas, {
      signal: controller.signal,
      zoom: () => zoom,
      onMove: (next) => {
        zoom = next;
      },
      onZoom: (factor) => {
        zoom = { ...zoom, k: factor };
      },
      onHover: () => {},
      onLeave: () => {},
      at: () => at,
      marked: () => marked,
      onMark: (row, column) => {
        marked = { row, column };
      },
      onHide: (column) => hidden.push(column),
      size: () => ({ rows: 3, columns: 4 }),
    });
    const click = (shiftKey = false, dx = 0) => {
      canvas.dispatchEvent(new PointerEvent("pointerdown", { clientX: 0, clientY: 0 }));
      canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: dx, clientY: 0 }));
      canvas.dispatchEvent(new PointerEvent("pointerup", { clientX: dx, clientY: 0, shiftKey }));
    };
    const key = (name: string) => canvas.dispatchEvent(new KeyboardEvent("keydown", { key: name }));
    click();
    expect(marked).toEqual({ row: 1, column: 2 });
    click();
    expect(marked).toEqual({ row: -1, column: -1 });
    click(false, 20); // a drag marks nothing
    expect(marked).toEqual({ row: -1, column: -1 });
    for (const name of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight"]) key(name);
    expect(marked).toEqual({ row: 2, column: 0 });
    key("h");
    at = { row: -1, column: 3 };
    click(true);
    expect(hidden).toEqual([0, 3]);
    key("+");
    expect(zoom.k).toBe(1.5);
    key("Escape");
    expect(marked).toEqual({ row: -1, column: -1 });
    controller.abort();
    key("ArrowDown");
    expect(marked).toEqual({ row: -1, column: -1 });
  });
});
