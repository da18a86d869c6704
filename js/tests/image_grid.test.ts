import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Viewport } from "../src/parts/viewport";
import { Sheets } from "../src/views/image_grid/sheets";
import { type Wall, WallPainter } from "../src/views/image_grid/wall";

const png = new DataView(new ArrayBuffer(4));

beforeEach(() => {
  vi.stubGlobal(
    "createImageBitmap",
    vi.fn(async () => ({})),
  );
});
afterEach(() => vi.unstubAllGlobals());

function sheets(ownSize = 84) {
  const ask = vi.fn();
  const onChange = vi.fn();
  const signal = new AbortController().signal;
  return { ask, onChange, made: new Sheets({ signal, ownSize: () => ownSize, ask, onChange }) };
}

describe("the sheets of pictures", () => {
  it("ask for larger pictures once small ones are enlarged, each once, one question at a time", async () => {
    const { ask, made } = sheets();
    await made.setAll({ png, columns: 2, width: 20, height: 16 }, Int32Array.of(5, 8, 11));
    expect(made.tileOf(8)).toMatchObject({ index: 1 });
    expect(made.tileOf(9)).toBeNull();
    made.want([5, 8], 22);
    expect(ask).not.toHaveBeenCalled(); // 20 pixels are enough for 22
    made.want([5, 8], 60);
    expect(ask).toHaveBeenCalledExactlyOnceWith([5, 8], 64);
    made.want([5, 8, 11], 60);
    expect(ask).toHaveBeenCalledTimes(1); // not before the answer
    await made.received({ rows: [5, 8], columns: 2, width: 64, height: 51 }, png);
    expect(made.tileOf(8)).toMatchObject({ index: 1, sheet: { width: 64 } });
    made.want([5, 8, 11], 60);
    expect(ask).toHaveBeenLastCalledWith([11], 64);
    await made.received({ rows: [11], columns: 0, width: 0, height: 0 }, undefined); // there is none
    made.want([5, 8, 11], 60);
    expect(ask).toHaveBeenCalledTimes(2); // and it is not asked for again
    made.want([5], 200);
    expect(ask).toHaveBeenLastCalledWith([5], 84); // never more than the picture has
  });

  it("ask for nothing where the small pictures are the samples' own", async () => {
    const { ask, made } = sheets(28);
    await made.setAll({ png, columns: 2, width: 28, height: 28 }, Int32Array.of(0, 1));
    made.want([0, 1], 500);
    expect(ask).not.toHaveBeenCalled();
  });

  it("ask for all that is seen where there are no small ones, but not for a whole wall", async () => {
    const { ask, made } = sheets();
    await made.setAll({}, new Int32Array(0));
    made.want(
      Array.from({ length: 2000 }, (_, i) => i),
      8,
    );
    expect(ask).not.toHaveBeenCalled();
    made.want(
      Array.from({ length: 100 }, (_, i) => i),
      40,
    );
    expect(ask.mock.calls[0][0]).toHaveLength(64);
  });
});

describe("the wall", () => {
  it("knows which cells are seen", () => {
    const wall: Wall = {
      shape: [10, 20],
      cells: new Int32Array(200),
      frames: new Uint32Array(200),
      selected: new Set(),
    };
    const view = new Viewport();
    view.extent = [0, 0, 20, 10];
    [view.width, view.height] = [428, 228]; // 20 pixels a cell, 14 around
    expect(WallPainter.visible(wall, view)).toEqual([0, 19, 0, 9]);
    view.zoomAt(4, 14, 14); // about the upper left corner: 80 pixels a cell
    expect(WallPainter.visible(wall, view)).toEqual([0, 5, 7, 9]);
  });
});
