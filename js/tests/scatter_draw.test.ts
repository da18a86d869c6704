import { describe, expect, it } from "vitest";
import { pack, unpack } from "../src/parts/colours";
import { FULL, makeStamps, mix, reach, Shape, STEPS } from "../src/parts/glyphs";
import {
  type Ink,
  MARKED,
  PointPainter,
  type Points,
  pointRadius,
  SELECTED,
} from "../src/parts/scatter_draw";
import { dequantise, extentOf, Viewport } from "../src/parts/viewport";

const RED = pack([255, 0, 0]);
const BLUE = pack([0, 0, 255]);
const WHITE = pack([255, 255, 255]);
const ink: Ink = { dark: false, background: [255, 255, 255] };

// happy-dom draws nothing, but pixels written into an ImageData are ours to look at.
globalThis.ImageData ??= class {
  readonly data: Uint8ClampedArray;
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint8ClampedArray(4 * width * height);
  }
} as never;

/** Paint, and read single pixels of the canvas back. */
function painted(
  points: Partial<Points> & { xy: Float32Array },
  view: Viewport,
  ratio = 1,
  ground: ImageData | null = null,
) {
  const n = points.xy.length / 2;
  const flags = points.flags ?? new Uint8Array(n);
  const all: Points = {
    colours: new Uint32Array(n).fill(RED),
    shapes: null,
    selectedCount: flags.filter((f) => f & SELECTED).length,
    ...points,
    flags,
  };
  let pixel: (x: number, y: number) => number = () => Number.NaN;
  const context = {
    canvas: { width: view.width * ratio, height: view.height * ratio },
    putImageData(image: ImageData, dx: number, dy: number) {
      const pixels = new Uint32Array(image.data.buffer);
      pixel = (x, y) => pixels[(y - dy) * image.width + (x - dx)];
    },
  };
  new PointPainter().paint(context as never, all, view, ink, ratio, ground);
  return pixel;
}

function viewOf(xy: Float32Array, width = 200, height = 100): Viewport {
  return Object.assign(new Viewport(), { width, height, extent: extentOf(xy) });
}

describe("the ground under the points", () => {
  const xy = Float32Array.of(-1, -1, 1, 1);
  const ground = () => {
    const image = new ImageData(200, 100);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i++) pixels[i] = pack([i % 200, Math.floor(i / 200), 7]);
    return image;
  };

  it("lies where it belongs, pixel for pixel, and the points on it", () => {
    const view = viewOf(xy);
    const pixel = painted({ xy, colours: Uint32Array.of(RED, BLUE) }, view, 1, ground());
    for (const [x, y] of [[0, 0], [199, 0], [3, 99], [120, 40]]) // biome-ignore format: four places
      expect(unpack(pixel(x, y))).toEqual([x, y, 7]);
    const [px, py] = view.toScreen(1, 1).map(Math.round);
    expect(pixel(px, py)).toBe(BLUE);
  });

  it("is the page's colour without one", () => {
    expect(painted({ xy }, viewOf(xy))(120, 40)).toBe(WHITE);
  });
});

describe("the viewport", () => {
  const view = Object.assign(new Viewport(), { width: 300, height: 100, extent: [-4, 2, 6, 12] });

  it("shows all data in its middle, with one scale for x and y", () => {
    const [left, bottom] = view.toScreen(-4, 2);
    const [right, top] = view.toScreen(6, 12);
    expect(right - left).toBeCloseTo(bottom - top, 9);
    expect([(left + right) / 2, (top + bottom) / 2]).toEqual([150, 50]);
    expect(top).toBeGreaterThan(0);
    expect(top).toBeLessThan(20);
  });

  it("zooms about the pointer and pans with it", () => {
    const under = view.toData(220, 30);
    view.zoomAt(3, 220, 30);
    view.pan(11, -7);
    view.zoomAt(0.5, 231, 23);
    const [x, y] = view.toScreen(...under);
    expect([x, y].map((v) => Math.round(1e6 * v) / 1e6)).toEqual([231, 23]);
    expect(view.zoom.k).toBeCloseTo(1.5);
    view.reset();
    expect(view.toScreen(1, 7).map(Math.round)).toEqual([150, 50]);
  });

  it("stops zooming at its limits without moving the picture", () => {
    view.zoomAt(1e9, 10, 10);
    const before = view.toScreen(0, 5);
    view.zoomAt(2, 10, 10);
    expect(view.toScreen(0, 5)).toEqual(before);
    view.reset();
  });

  it("keeps the user's zoom while the data grow", () => {
    view.zoomAt(4, 200, 50);
    const before = view.toScreen(6, 12);
    view.extent = [-40, 20, 60, 120]; // the same picture, ten times as large
    const after = view.toScreen(60, 120);
    expect(after[0]).toBeCloseTo(before[0], 6);
    expect(after[1]).toBeCloseTo(before[1], 6);
  });

  it("reads quantised positions back within half a step", () => {
    const back = dequantise(Uint16Array.of(0, 0, 65535, 65535, 32768, 16384), [-4, 2, 6, 12]);
    const step = 10 / 65535;
    [-4, 2, 6, 12, 1, 4.5].forEach((v, i) => {
      expect(Math.abs(back[i] - v)).toBeLessThanOrEqual(step);
    });
  });

  it("ignores places that are not finite", () => {
    expect(extentOf([Number.NaN, 99, 1, 2, 3, Infinity, -1, 0])).toEqual([-1, 0, 1, 2]);
    expect(extentOf([])).toEqual([-0.5, -0.5, 0.5, 0.5]);
  });
});

describe("stamps", () => {
  it.each([1.3, 4, 9.5])("of a disc of radius %d cover its area", (radius) => {
    for (const stamp of makeStamps(Shape.disc, radius, 0, 1000)) {
      const area = stamp.fill.reduce((sum, v) => sum + v, 0) / FULL;
      expect(Math.abs(area / (Math.PI * radius ** 2) - 1)).toBeLessThan(0.08);
    }
  });

  it("reach no further than the painter pads its buffer", () => {
    for (const shape of Object.values(Shape)) {
      for (const [radius, outline] of [
        [0.75, 0],
        [4, 0.8],
        [9, 2],
      ]) {
        const stride = 1001;
        for (const { offset } of makeStamps(shape, radius, outline, stride)) {
          for (const at of offset) {
            const y = Math.round(at / stride);
            expect(Math.max(Math.abs(y), Math.abs(at - y * stride))).toBeLessThanOrEqual(
              reach(radius, outline),
            );
          }
        }
      }
    }
  });

  it("lie where their number says, a quarter of a pixel apart", () => {
    const stamps = makeStamps(Shape.disc, 3, 0, 101);
    const centre = (i: number) => {
      const { offset, fill } = stamps[i];
      const row = (at: number) => Math.round(at / 101);
      const mass = fill.reduce((sum, v) => sum + v, 0);
      const sum = (of: (at: number) => number) => offset.reduce((s, at, j) => s + of(at) * fill[j], 0) / mass;
      return [sum((at) => at - 101 * row(at)), sum(row)];
    };
    for (let i = 0; i < STEPS * STEPS; i++) {
      const [x, y] = centre(i);
      expect(x).toBeCloseTo(((i % STEPS) + 0.5) / STEPS - 0.5, 1);
      expect(y).toBeCloseTo((Math.floor(i / STEPS) + 0.5) / STEPS - 0.5, 1);
    }
  });

  it("have a different outline for every shape", () => {
    const looks = Object.values(Shape).map((shape) => makeStamps(shape, 5, 0, 101)[5].offset.join());
    expect(new Set(looks).size).toBe(5);
  });

  it("blend like the definition of opacity", () => {
    for (const a of [0, 1, 40, 64, 127, FULL]) {
      const blended = unpack(mix(pack([250, 3, 100]), pack([0, 255, 200]), a));
      const exact = [250, 3, 100].map((v, i) => v + (([0, 255, 200][i] - v) * a) / FULL);
      blended.forEach((v, i) => {
        expect(Math.abs(v - exact[i])).toBeLessThanOrEqual(1);
      });
    }
    expect(mix(RED, BLUE, FULL)).toBe(BLUE);
    expect(mix(RED, BLUE, 0)).toBe(RED);
  });
});

describe("the painted points", () => {
  const xy = Float32Array.of(-1, 0, 0, 0, 1, 0, Number.NaN, 0);

  it.each([1, 2])("lie where the viewport says, at %d device pixels per CSS pixel", (ratio) => {
    const view = viewOf(xy);
    const pixel = painted({ xy, colours: Uint32Array.of(RED, BLUE, RED, BLUE) }, view, ratio);
    [RED, BLUE, RED].forEach((colour, i) => {
      const [x, y] = view.toScreen(xy[2 * i], xy[2 * i + 1]);
      expect(pixel(Math.floor(x * ratio), Math.floor(y * ratio))).toBe(colour);
      expect(pixel(Math.floor(x * ratio), Math.floor(y * ratio) + 20 * ratio)).toBe(WHITE);
    });
  });

  it("fade, but the selected ones, which are outlined", () => {
    const view = viewOf(xy);
    const pixel = painted({ xy, flags: Uint8Array.of(0, SELECTED, 0, 0) }, view);
    const at = (i: number) => view.toScreen(xy[2 * i], 0).map(Math.floor) as [number, number];
    expect(pixel(...at(1))).toBe(RED);
    const [red, green] = unpack(pixel(...at(0)));
    expect(red).toBe(255);
    expect(green).toBeGreaterThan(150); // most of the way to white
    const [x, y] = at(1);
    const across = Array.from({ length: 12 }, (_, d) => unpack(pixel(x, y + d))[0]);
    expect(Math.min(...across)).toBeLessThan(90); // a dark line around red
  });

  it("are crosses where marked: open between the arms", () => {
    const view = viewOf(xy);
    const disc = painted({ xy }, view);
    const cross = painted({ xy, flags: Uint8Array.of(0, MARKED, 0, 0) }, view);
    const [x, y] = view.toScreen(0, 0).map(Math.floor);
    // How far red reaches from the middle, to the right and along the diagonal.
    const reds = (pixel: typeof disc, down: number) => {
      let d = 0;
      while (pixel(x + d, y + down * d) === RED) d++;
      return d;
    };
    expect(reds(cross, 0)).toBeGreaterThan(0);
    expect(reds(cross, 0)).toBeLessThan(reds(disc, 0) - 1);
    expect(reds(cross, 1)).toBeGreaterThan(reds(disc, 1));
  });

  it("beyond the edge are left out, also far outside", () => {
    const view = viewOf(xy);
    view.zoomAt(2000, 100, 50);
    const pixel = painted({ xy }, view);
    expect(pixel(100, 50)).toBe(RED); // the middle point only
    expect([pixel(0, 50), pixel(199, 50)]).toEqual([WHITE, WHITE]);
  });

  it("get smaller with their number and never vanish", () => {
    const radii = [10, 2000, 20_000, 100_000, 1e6, 1e8].map((n) => pointRadius(n, 1));
    expect(radii).toEqual([...radii].sort((a, b) => b - a));
    expect(radii.at(-1)).toBeGreaterThanOrEqual(0.75);
  });
});

describe("a pan of many points", () => {
  const n = 200_001;
  const xy = Float32Array.from({ length: 2 * n }, (_, i) => (i % 2 ? Math.floor(i / 1000) : (i * 7) % 613));
  const all: Points = {
    xy,
    colours: Uint32Array.from({ length: n }, (_, i) => (i % 3 ? RED : BLUE)),
    shapes: null,
    flags: new Uint8Array(n),
    selectedCount: 0,
  };

  /** A canvas of 200 x 100 whose pixels can be compared. */
  function canvas() {
    const shown = new Uint32Array(200 * 100);
    const context = {
      canvas: { width: 200, height: 100 },
      putImageData(image: ImageData, dx: number, dy: number, x: number, y: number, w: number, h: number) {
        const pixels = new Uint32Array(image.data.buffer);
        for (let row = y; row < y + h; row++)
          for (let column = x; column < x + w; column++)
            shown[(row + dy) * 200 + column + dx] = pixels[row * image.width + column];
      },
    };
    return { shown, context: context as never };
  }

  function close(): Viewport {
    const view = viewOf(xy);
    view.zoomAt(4);
    return view;
  }

  it("shows what painting anew would show", () => {
    const [slid, anew] = [canvas(), canvas()];
    const view = close();
    const painter = new PointPainter();
    painter.paint(slid.context, all, view, ink, 1);
    const before = slid.shown.slice();
    for (const [dx, dy] of [
      [13, -7],
      [-30, 29],
      [52, 10],
    ]) {
      view.pan(dx, dy);
      expect(painter.slide(slid.context, view, 1)).toBe(true);
    }
    new PointPainter().paint(anew.context, all, view, ink, 1);
    expect(slid.shown).not.toEqual(before);
    expect(slid.shown).toEqual(anew.shown);
  });

  it("is painted anew where it leaves what was painted, or is zoomed", () => {
    const { context } = canvas();
    const view = close();
    const painter = new PointPainter();
    expect(painter.slide(context, view, 1)).toBe(false);
    painter.paint(context, all, view, ink, 1);
    view.pan(41, 0);
    expect(painter.slide(context, view, 1)).toBe(false);
    view.pan(-41, 0);
    expect(painter.slide(context, view, 1)).toBe(true);
    view.zoomAt(1.1);
    expect(painter.slide(context, view, 1)).toBe(false);
  });

  it("of few points is painted anew: they lie a quarter of a pixel apart", () => {
    const { context } = canvas();
    const few = Float32Array.of(0, 0, 1, 1);
    const points = { ...all, xy: few, colours: all.colours.slice(0, 2), flags: new Uint8Array(2) };
    const view = viewOf(few);
    const painter = new PointPainter();
    painter.paint(context, points, view, ink, 1);
    view.pan(1, 0);
    expect(painter.slide(context, view, 1)).toBe(false);
  });
});
