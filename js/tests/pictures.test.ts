// The samples' pictures: small ones from the sprite at once, sharper ones from the kernel, sixteen at a time.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createPictures, type Pictures } from "../src/parts/pictures";
import { FakeModel, SPRITE } from "./fake_model";

let model: FakeModel;
let end: AbortController;
let asked: { rows: number[]; size: number }[];
let pictures: Pictures;
const rows = () => asked.map((message) => message.rows);
const soon = () => new Promise<void>((done) => queueMicrotask(done));
const answer = (rows: number[], png = [new DataView(new ArrayBuffer(8))]) =>
  model.emit("msg:custom", { type: "pictures", to: "card", rows, columns: 4, width: 96, height: 64 }, png);

function open(traits: Record<string, unknown>): void {
  model = new FakeModel({ specimen: { n: 30, pictures: 224 }, thumbnails: {}, ...traits });
  pictures = createPictures(model as never, end.signal, (message) => asked.push(message as never));
}

beforeEach(() => {
  end = new AbortController();
  asked = [];
});
afterEach(() => {
  end.abort();
  vi.restoreAllMocks();
});

describe("pictures of samples", () => {
  it("come from the sprite where its tiles have enough pixels", async () => {
    open({ thumbnails: SPRITE }); // of 4 x 4 pixels
    expect(pictures.of(3, 5)).toMatchObject({ index: 3, sprite: { tileWidth: 4, columns: 6 } });
    expect(pictures.of(30, 5)).toBeNull();
    await soon();
    expect(rows()).toEqual([[30]]);
  });

  it("are asked for where the tile is too small, and shown when they come", async () => {
    open({ thumbnails: SPRITE });
    const changed = vi.fn();
    pictures.follow(changed);
    expect([7, 8, 7].map((row) => pictures.of(row, 44)?.sprite.tileWidth)).toEqual([4, 4, 4]);
    await soon();
    expect(asked).toEqual([{ type: "pictures", to: "card", rows: [8, 7], size: 96 }]);
    answer([8, 7]);
    expect(changed).toHaveBeenCalledTimes(1);
    expect(pictures.of(7, 84)).toMatchObject({ index: 1, sprite: { tileWidth: 96, count: 2 } });
    expect(pictures.of(9, 44)?.sprite.tileWidth).toBe(4);
  });

  it("that are small themselves are not asked for again", async () => {
    open({ specimen: { n: 30, pictures: 4 }, thumbnails: SPRITE });
    pictures.of(7, 84);
    await soon();
    expect(asked).toEqual([]);
  });

  it("of a view that has none are not asked for", async () => {
    open({ specimen: { n: 30, pictures: 0 } });
    expect([pictures.exist(), pictures.of(7, 84)]).toEqual([false, null]);
    await soon();
    expect(asked).toEqual([]);
  });

  it("are asked for one question after the other, what was wanted last first", async () => {
    open({});
    expect(pictures.exist()).toBe(true);
    for (let row = 0; row < 20; row++) pictures.of(row, 44);
    await soon();
    pictures.of(25, 44);
    pictures.of(19, 44); // is on its way
    await soon();
    expect(rows()).toEqual([Array.from({ length: 16 }, (_, i) => i + 4)]);
    answer(rows()[0]);
    expect(rows()[1]).toEqual([0, 1, 2, 3, 25]);
    answer(rows()[1], []); // there are none of these
    for (const row of [0, 4]) pictures.of(row, 44);
    await soon();
    expect(asked.length).toBe(2);
  });

  it("are asked for again if the answer was lost", async () => {
    const now = vi.spyOn(performance, "now").mockReturnValue(1000);
    open({});
    pictures.of(3, 44);
    await soon();
    now.mockReturnValue(5900);
    pictures.of(3, 44);
    await soon();
    expect(rows()).toEqual([[3]]);
    now.mockReturnValue(6100);
    pictures.of(3, 44);
    await soon();
    expect(rows()).toEqual([[3], [3]]);
  });

  it("are forgotten when there are too many, those that were not looked at for longest first", async () => {
    const revoked = vi.spyOn(URL, "revokeObjectURL");
    open({});
    answer([1, 2]);
    for (let i = 0; i < 398; i++) answer([10 + i]);
    pictures.of(1, 44);
    expect(revoked).not.toHaveBeenCalled();
    answer([500]);
    expect(pictures.of(2, 44)).toBeNull();
    expect(revoked).not.toHaveBeenCalled(); // the first is in the same sheet
    expect(pictures.of(1, 44)).not.toBeNull();
    answer([501]);
    expect(revoked).toHaveBeenCalledTimes(1);
  });

  it("of a part of the samples have their rows beside the sprite", () => {
    const some = new DataView(Int32Array.of(4, 9, 12).buffer);
    open({ thumbnails: { ...SPRITE, rows: some } });
    expect(pictures.of(9, 4)).toMatchObject({ index: 1, sprite: { count: 3 } });
    expect(pictures.of(1, 4)).toBeNull();
  });

  it("end with the view", async () => {
    open({});
    pictures.of(3, 44);
    end.abort();
    await soon();
    answer([3]);
    expect([asked, pictures.of(3, 44)]).toEqual([[], null]);
  });
});
