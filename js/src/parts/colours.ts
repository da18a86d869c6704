// Colours that carry data. A colour is one packed number, the four bytes of an ImageData pixel
// (little-endian: 0xAABBGGRR), so that a column of 100,000 colours is one Uint32Array.
import { interpolateViridis } from "d3-scale-chromatic";

export type Rgb = [number, number, number];

export function pack([r, g, b]: Rgb): number {
  return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
}

export function unpack(colour: number): Rgb {
  return [colour & 255, (colour >>> 8) & 255, (colour >>> 16) & 255];
}

export function toCss(colour: number): string {
  return `rgb(${unpack(colour).join(", ")})`;
}

const hex = (text: string): Rgb => [1, 3, 5].map((i) => Number.parseInt(text.slice(i, i + 2), 16)) as Rgb;

/** Read a CSS colour; null for text that is none. */
export function parseColour(css: string): { rgb: Rgb; alpha: number } | null {
  if (/^#[0-9a-f]{6}$/i.test(css)) return { rgb: hex(css), alpha: 1 };
  const numbers = /^rgba?\(([^)]*)\)$/
    .exec(css)?.[1]
    .split(/[\s,/]+/)
    .filter(Boolean);
  if (numbers) {
    const [r, g, b, alpha = 1] = numbers.map(Number);
    return { rgb: [r, g, b], alpha };
  }
  if (css === "" || css === "transparent") return css ? { rgb: [0, 0, 0], alpha: 0 } : null;
  // oklch(), color(), names ...: let the browser's own parser paint one pixel of it.
  const context = CSS.supports?.("color", css)
    ? new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true })
    : null;
  if (!context) return null;
  context.fillStyle = css;
  context.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
  return { rgb: [r, g, b], alpha: a / 255 };
}

/** Relative luminance in [0, 1] of an sRGB colour (WCAG 2.2). */
export function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((v) => (v <= 10.31475 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** WCAG contrast ratio in [1, 21]. */
export function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

// Okabe & Ito, "Color Universal Design" (2008). Its yellow vanishes on white and its black on a dark page:
// the first is darkened, the second follows the theme (see `neutral`).
const OKABE_ITO = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#cfbe00"];
// Chosen greedily to be as far as possible (OKLab) from all before them, in normal vision and under
// simulated protanopia, deuteranopia and tritanopia (Machado et al. 2009), at readable contrast on both themes.
const MORE = [
  ..."#c048fc #786054 #30d89c #cc0018 #cc18a8 #fc546c".split(" "),
  ..."#9030e4 #9c78d8 #fca878 #845484 #fc84fc #cc9cb4".split(" "),
];

const neutral = (dark: boolean) => (dark ? "#e2e4e8" : "#33373e");

/** The colour of a value that is not there (NaN, class -1). */
export function missingColour(dark: boolean): number {
  return pack(hex(dark ? "#5c626b" : "#b7bbc2"));
}

export interface Palette {
  /** One packed colour per class. */
  colours: Uint32Array;
  /** One shape per class (0 disc, 1 square, 2 triangle, 3 diamond): beyond 20 classes colours repeat with the next shape. */
  shapes: Uint8Array;
  missing: number;
}

/** Colours for `n` classes: Okabe-Ito up to 8, its extension up to 20, then again with other shapes. */
export function classPalette(n: number, dark: boolean): Palette {
  const list = [...OKABE_ITO, neutral(dark), ...(n > 8 ? MORE : [])].map((text) => pack(hex(text)));
  const classes = Array.from({ length: n }, (_, i) => i);
  return {
    colours: Uint32Array.from(classes, (i) => list[i % list.length]),
    shapes: Uint8Array.from(classes, (i) => Math.floor(i / list.length) % 4),
    missing: missingColour(dark),
  };
}

/** One colour per point from its class number; a number outside the palette (-1) is a missing value. */
export function colourClasses(classes: ArrayLike<number>, palette: Palette): Uint32Array {
  const out = new Uint32Array(classes.length);
  for (let i = 0; i < out.length; i++) out[i] = palette.colours[classes[i]] ?? palette.missing;
  return out;
}

/** A colour map as 256 packed colours. */
export type Ramp = Uint32Array;

function ramp(colourAt: (t: number) => Rgb): Ramp {
  return Uint32Array.from({ length: 256 }, (_, i) => pack(colourAt(i / 255)));
}

/** Viridis, for magnitudes. */
export const VIRIDIS: Ramp = ramp((t) => hex(interpolateViridis(t)));

// Blue below zero, red above, and zero itself close to the page, so that the eye goes to what is far from zero.
const DIVERGING = {
  light: ["#1d4e89", "#5b95c9", "#eceef0", "#dd7f6a", "#9d1f2f"].map(hex),
  dark: ["#8ec5ff", "#3b78b8", "#30343a", "#bd5a45", "#ffa690"].map(hex),
};

/** Diverging colour map for signed values, zero in its middle. */
export function divergingRamp(dark: boolean): Ramp {
  const stops = dark ? DIVERGING.dark : DIVERGING.light;
  return ramp((t) => {
    const i = Math.min(3, Math.floor(t * 4));
    return stops[i].map((v, c) => Math.round(v + (stops[i + 1][c] - v) * (t * 4 - i))) as Rgb;
  });
}

/** Smallest and largest finite value; [0, 1] when there is none. */
export function domainOf(values: ArrayLike<number>): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue;
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  return low <= high ? [low, high] : [0, 1];
}

/** The domain [-m, m] that puts zero in the middle of a diverging map. */
export function signedDomainOf(values: ArrayLike<number>): [number, number] {
  const largest = Math.max(...domainOf(values).map(Math.abs));
  return [-largest, largest];
}

/** One colour per value; values outside the domain take the colour of its ends, NaN is missing. */
export function colourValues(
  values: ArrayLike<number>,
  colours: Ramp,
  [low, high]: [number, number],
  missing: number,
): Uint32Array {
  const out = new Uint32Array(values.length);
  const scale = high > low ? 255 / (high - low) : 0;
  const middle = high > low ? 0 : 127.5; // a constant column takes the middle colour
  for (let i = 0; i < out.length; i++) {
    const t = Math.round((values[i] - low) * scale + middle);
    out[i] = Number.isNaN(t) ? missing : colours[Math.min(Math.max(t, 0), 255)];
  }
  return out;
}
