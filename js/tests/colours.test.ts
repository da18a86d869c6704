import { describe, expect, it } from "vitest";
import {
  classPalette,
  colourClasses,
  colourValues,
  contrast,
  divergingRamp,
  domainOf,
  luminance,
  missingColour,
  pack,
  parseColour,
  type Rgb,
  signedDomainOf,
  toCss,
  unpack,
  VIRIDIS,
} from "../src/parts/colours";

const PAGES: [string, boolean, Rgb][] = [
  ["light", false, [255, 255, 255]],
  ["dark", true, [22, 24, 28]],
];

describe("packed colours", () => {
  it("are the bytes of an ImageData pixel", () => {
    const bytes = new Uint8Array(Uint32Array.of(pack([1, 2, 250])).buffer);
    expect([...bytes]).toEqual([1, 2, 250, 255]);
    expect(unpack(pack([1, 2, 250]))).toEqual([1, 2, 250]);
    expect(toCss(pack([1, 2, 250]))).toBe("rgb(1, 2, 250)");
  });

  it("are read from what getComputedStyle gives", () => {
    expect(parseColour("rgb(1, 2, 3)")).toEqual({ rgb: [1, 2, 3], alpha: 1 });
    expect(parseColour("rgba(1, 2, 3, 0.5)")).toEqual({ rgb: [1, 2, 3], alpha: 0.5 });
    expect(parseColour("rgb(1 2 3 / 0.25)")).toEqual({ rgb: [1, 2, 3], alpha: 0.25 });
    expect(parseColour("#ff8000")).toEqual({ rgb: [255, 128, 0], alpha: 1 });
    expect(parseColour("transparent")?.alpha).toBe(0);
    expect(parseColour("")).toBeNull();
  });

  it("have the luminance and contrast WCAG defines", () => {
    expect(luminance([0, 0, 0])).toBe(0);
    expect(luminance([255, 255, 255])).toBeCloseTo(1, 6);
    expect(luminance([255, 0, 0])).toBeCloseTo(0.2126, 4);
    expect(contrast([119, 119, 119], [255, 255, 255])).toBeCloseTo(4.48, 2);
  });
});

describe("class palettes", () => {
  it.each(PAGES)("are readable on a %s page", (_, dark, page) => {
    const { colours } = classPalette(20, dark);
    for (const colour of colours) expect(contrast(unpack(colour), page)).toBeGreaterThan(dark ? 2.9 : 1.75);
  });

  it.each(PAGES)(
    "have 20 different colours on a %s page, none of them that of a missing value",
    (_, dark) => {
      const { colours, missing } = classPalette(20, dark);
      expect(new Set([...colours, missing]).size).toBe(21);
    },
  );

  it("keep a class's colour while the number of classes stays on the same side of 8", () => {
    expect(classPalette(20, false).colours.slice(0, 8)).toEqual(classPalette(8, false).colours);
  });

  it("repeat with another shape beyond 20 classes", () => {
    const { colours, shapes } = classPalette(45, false);
    expect(colours[20]).toBe(colours[0]);
    expect([shapes[19], shapes[20], shapes[40]]).toEqual([0, 1, 2]);
    const looks = new Set(Array.from(colours, (c, i) => `${c} ${shapes[i]}`));
    expect(looks.size).toBe(45);
  });

  it("give a missing class the neutral grey", () => {
    const palette = classPalette(3, true);
    const colours = colourClasses([0, -1, 2, 7], palette);
    expect([...colours]).toEqual([
      palette.colours[0],
      missingColour(true),
      palette.colours[2],
      missingColour(true),
    ]);
  });
});

describe("colour maps", () => {
  it("span the domain, hold at its ends and show NaN as missing", () => {
    const missing = missingColour(false);
    const colours = colourValues([0, 5, 10, -3, 99, Number.NaN], VIRIDIS, [0, 10], missing);
    const [first, last] = [VIRIDIS[0], VIRIDIS[255]];
    expect([...colours]).toEqual([first, VIRIDIS[128], last, first, last, missing]);
  });

  it("colour a constant column with the middle", () => {
    expect([...colourValues([4, 4], VIRIDIS, domainOf([4, 4]), 0)]).toEqual([VIRIDIS[128], VIRIDIS[128]]);
  });

  it("have domains of the finite values only", () => {
    expect(domainOf([3, Number.NaN, -2, Infinity])).toEqual([-2, 3]);
    expect(signedDomainOf([3, Number.NaN, -2])).toEqual([-3, 3]);
    expect(domainOf([Number.NaN])).toEqual([0, 1]);
  });

  it.each(PAGES)("show zero close to the %s page and the ends far from it", (_, dark, page) => {
    const ramp = divergingRamp(dark);
    const [low, zero, high] = [0, 127, 255].map((i) => contrast(unpack(ramp[i]), page));
    expect(zero).toBeLessThan(1.6);
    expect(Math.min(low, high)).toBeGreaterThan(4.5);
    expect(unpack(ramp[0])[2]).toBeGreaterThan(unpack(ramp[0])[0]); // blue below zero
    expect(unpack(ramp[255])[0]).toBeGreaterThan(unpack(ramp[255])[2]); // red above
  });
});
