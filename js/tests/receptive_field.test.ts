import { describe, expect, it } from "vitest";
import { controlsOf, factsOf } from "../src/views/receptive_field/controls";
import { fieldWindow, meanWindow, place, ticks } from "../src/views/receptive_field/draw";
import { decoded, type Field, type FieldMeta, hasPlace } from "../src/views/receptive_field/read";
import { short } from "../src/views/receptive_field/thumbs";
import { sentence } from "../src/views/receptive_field/words";

const META: FieldMeta = {
  layer: "conv3",
  unit: 5,
  size: 9,
  extent: 13,
  theoretical: { size: [18, 18], whole: false },
  positions: [7, 7],
  picture: [28, 28],
  tile: 32,
  images: [
    {
      row: 3,
      name: "sample 3",
      label: "",
      activation: 2,
      place: [1, 1],
      centre: [6, 6],
      box: [-3, -3, 15, 15],
    },
    {
      row: 8,
      name: "sample 8",
      label: "",
      activation: 1,
      place: [2, 2],
      centre: [10, 10],
      box: [1, 1, 19, 19],
    },
  ],
  window: 5,
  n: 784,
  done: 900,
  total: 900,
  notes: [],
  mean: { size: [55, 55], step: 1, most: 2.54 },
  maps: { size: [28, 28], step: 1, most: 5.08 },
};
const field = (meta: Partial<FieldMeta> = {}) => ({ meta: { ...META, ...meta } }) as Field;

describe("the fields around the middle pixel", () => {
  it("centres an odd side on the pixel, and lets an even one reach further up and left", () => {
    expect(fieldWindow(3, 3)).toEqual([-1.5, -1.5, 1.5, 1.5]);
    expect(fieldWindow(18, 18)).toEqual([-9.5, -9.5, 8.5, 8.5]);
    expect(fieldWindow(1, 9)).toEqual([-4.5, -0.5, 4.5, 0.5]);
  });

  it("shows as much of the mean map as a window can reach, or all of it", () => {
    expect(meanWindow(field(), false)).toEqual([-12.5, -12.5, 12.5, 12.5]);
    expect(meanWindow(field(), true)).toEqual([-27.5, -27.5, 27.5, 27.5]);
    const signal = { picture: [1, 60], mean: { size: [1, 119], step: 1, most: 1 } } as Partial<FieldMeta>;
    expect(meanWindow(field({ ...signal, theoretical: { size: [1, 9], whole: false } }), false)).toEqual([
      -7.5, -0.5, 7.5, 0.5,
    ]);
  });

  it("keeps pixels square, but for a signal", () => {
    const square = place([0, 0, 28, 28], 400, 300);
    expect(square.scaleX).toBe(square.scaleY);
    expect(square.y + 28 * square.scaleY).toBeLessThanOrEqual(300);
    const strip = place([0, 0, 120, 1], 400, 300);
    expect(strip.scaleY).toBeGreaterThan(10 * strip.scaleX);
  });

  it("puts round ticks on both sides of zero", () => {
    expect(ticks(12.5)).toEqual([-10, -5, 0, 5, 10]);
    expect(ticks(2.5)).toEqual([-2, -1, 0, 1, 2]);
    expect(ticks(447)).toContain(200);
  });
});

describe("values and words", () => {
  it("tells no value from no change", () => {
    expect(decoded(254, META.mean)).toBeCloseTo(2.54);
    expect(decoded(0, META.mean)).toBe(0);
    expect(decoded(255, META.mean)).toBeNaN();
    expect(decoded(undefined, META.mean)).toBeNaN();
    expect(decoded(0, { ...META.mean, most: null })).toBeNaN();
    expect(short(7.6)).toBe("7.60");
    expect(short(12345.6)).toBe("12,346");
  });

  it("says what the two sizes mean", () => {
    expect(sentence(META)).toBe("On these images the unit looks at 25 % of what it could see.");
    expect(sentence({ ...META, size: 0, done: 0 })).toContain("follows");
    expect(sentence({ ...META, size: 0 })).toContain("looks at nothing");
    expect(sentence({ ...META, theoretical: { size: [28, 28], whole: true } })).toContain("of the image");
    expect(sentence({ ...META, images: META.images.slice(1) })).toContain("On this image");
    expect(hasPlace(META)).toBe(true);
    expect(hasPlace({ ...META, positions: [1, 1] })).toBe(false);
  });

  it("marks what is unfinished", () => {
    expect(factsOf(META).map(({ text }) => text)).toEqual([
      "2 images × 784 windows of noise, 5 × 5 px",
      "900 of 1,568 run",
    ]);
    expect(factsOf({ ...META, done: 30 })[1].text).toBe("30 of 900 run so far");
  });

  it("offers the units that the layer has", () => {
    const specimen = { layers: [{ name: "conv3", units: 6 }], samples: 2 };
    const values: Record<string, unknown> = { layer: "conv3", unit: 5 };
    const controls = controlsOf(specimen, META, (name) => values[name]);
    expect(controls.find(({ name }) => name === "unit")).toMatchObject({ min: 0, max: 5 });
    expect(controls.find(({ name }) => name === "next")).toMatchObject({ disabled: true });
    expect(controls.find(({ name }) => name === "previous")).toMatchObject({ disabled: false });
    expect(
      controlsOf({ ...specimen, samples: 1 }, META, (name) => values[name]).map(({ name }) => name),
    ).not.toContain("n_images");
  });
});
