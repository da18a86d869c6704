// Where every token of a text stands when it is wrapped: one place each, lines with room for the strips.

export interface Place {
  line: number;
  /** CSS pixels, of the left edge, and wide. */
  x: number;
  width: number;
}

export interface Layout {
  places: Place[];
  lines: number;
  /** Height of a line with its strips. */
  pitch: number;
  /** Height of one layer's strip. */
  strip: number;
}

export const LETTER = 9; // width of a letter at 15 px
export const GUTTER = 26; // the numbers of the layers
export const ABOVE = 15; // the token that was replaced
export const TEXT = 20;
const GAP = 7;
const NARROWEST = 11;

/** Lines end where the text's own do, and where there is no more room. */
export function layOut(tokens: readonly string[], layers: number, width: number): Layout {
  const strip = layers <= 3 ? 9 : layers <= 6 ? 6 : 4;
  const places: Place[] = [];
  let [line, x] = [0, GUTTER];
  for (const token of tokens) {
    const letters = [...token].length;
    const wide = Math.max(NARROWEST, LETTER * letters + (letters > 1 ? 6 : 2));
    if (x > GUTTER && x + wide > width) {
      line++;
      x = GUTTER;
    }
    places.push({ line, x, width: wide });
    x += wide;
    if (token.endsWith("\n")) {
      line++;
      x = GUTTER;
    }
  }
  const lines = places.length ? places[places.length - 1].line + 1 : 0;
  return { places, lines, pitch: ABOVE + TEXT + layers * (strip + 1) + GAP, strip };
}

/** The token at a point; null beside the text. */
export function tokenAt(layout: Layout, x: number, y: number): number | null {
  const line = Math.floor(y / layout.pitch);
  const found = layout.places.findIndex((p) => p.line === line && x >= p.x && x < p.x + p.width);
  return found < 0 ? null : found;
}

/** The token above or below another one. */
export function neighbour(layout: Layout, from: number, by: 1 | -1): number {
  const here = layout.places[from];
  const middle = here.x + here.width / 2;
  let best = from;
  let distance = Number.POSITIVE_INFINITY;
  layout.places.forEach((p, i) => {
    if (p.line !== here.line + by) return;
    const away = Math.abs(p.x + p.width / 2 - middle);
    if (away < distance) [best, distance] = [i, away];
  });
  return best;
}
