import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { toCss } from "../src/parts/colours";
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

  it("shows the class of what is selected: the line around it is outside its frame", () => {
    const [frame, dark] = [0xff2b5ed5, "#14161a"]; // a packed colour, and that of the line in a light theme
    const wall: Wall = {
      shape: [3, 3],
      cells: Int32Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8]),
      frames: new Uint32Array(9).fill(frame),
      selected: new Set([4, 5]), // the middle one and the one to its right
    };
    const view = new Viewport();
    view.extent = [0, 0, 3, 3];
    [view.width, view.height] = [328, 328]; // 100 pixels a cell, 14 around: larger than in the wall's own picture
    const filled: { colour: string; box: number[] }[] = [];
    const g = {
      fillStyle: "",
      setTransform: vi.fn(),
      drawImage: vi.fn(),
      fillRect: (...box: number[]) => filled.push({ colour: g.fillStyle, box }),
    };
    const sheet = { image: {} as ImageBitmap, columns: 3, width: 28, height: 28 };
    const ink = { dark: false, background: [255, 255, 255] as [number, number, number] };
    new WallPainter().paint(g as never, wall, view, (index) => ({ sheet, index }), ink, 1);

    const [x0, y0, x1, y1] = [114, 114, 314, 214]; // both selected pictures
    const lines = filled.filter(({ colour }) => colour === dark).map(({ box }) => box);
    const covers = ([x, y, w, h]: number[]) =>
      x < x1 - 0.01 && x + w > x0 + 0.01 && y < y1 - 0.01 && y + h > y0;
    expect(lines.some(covers)).toBe(false);
    expect(Math.min(...lines.map(([x]) => x))).toBeCloseTo(x0 - 3);
    expect(Math.max(...lines.map(([x, , w]) => x + w))).toBeCloseTo(x1 + 3);
    expect(lines.filter(([, , w]) => w > 50)).toHaveLength(4); // above and below both, none between them

    // Frame, then a line of the page's colour, then the picture, each smaller than the one before.
    const last = filled.map(({ colour }) => colour).lastIndexOf(toCss(frame));
    const [around, line, picture] = [
      filled[last].box,
      filled[last + 1].box,
      g.drawImage.mock.calls.at(-1)!.slice(5) as number[],
    ];
    expect(filled[last + 1].colour).toBe("rgb(255, 255, 255)");
    expect(line[2]).toBeLessThan(around[2] - 10);
    expect(picture[2]).toBeCloseTo(line[2] - 8);
    expect(picture[0]).toBeCloseTo(line[0] + 4);
  });
});
