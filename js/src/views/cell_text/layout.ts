// Where each token stands: rows and columns of equal width, lines broken as written and at the edge.
import { printed } from "../../parts/tokens";

export interface Layout {
  /** Row and first column of each step. */
  row: Int32Array;
  column: Int32Array;
  /** Columns of each step. */
  width: Int32Array;
  /** First step of each row; one more at the end. */
  starts: number[];
  /** Token of each step as it is printed. */
  texts: string[];
}

const LONGEST = 40; // columns of a token at most

/** A token as it is printed, cut if it is very long. */
function cut(token: string): string {
  const text = printed(token);
  const letters = [...text];
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join("")}…` : text;
}

export function layOut(tokens: string[], columns: number, boundaries: number[] = []): Layout {
  const n = tokens.length;
  const layout: Layout = {
    row: new Int32Array(n),
    column: new Int32Array(n),
    width: new Int32Array(n),
    starts: [0],
    texts: tokens.map(cut),
  };
  // Words that carry no blanks of their own get one between them.
  const gap = tokens.some((t) => t.length > 1) && !tokens.some((t) => /\s|[Ġ▁]/.test(t)) ? 1 : 0;
  const begins = new Set(boundaries);
  let column = 0;
  let row = 0;
  for (let t = 0; t < n; t++) {
    const width = Math.min([...layout.texts[t]].length || 1, Math.max(1, columns));
    const isNewLine = t > 0 && (tokens[t - 1].endsWith("\n") || begins.has(t));
    if (isNewLine || (column > 0 && column + width > columns)) {
      row++;
      column = 0;
      layout.starts.push(t);
    }
    layout.row[t] = row;
    layout.column[t] = column;
    layout.width[t] = width;
    column += width + gap;
  }
  layout.starts.push(n);
  return layout;
}

/** The step at a row and column, or null. */
export function stepAt(layout: Layout, row: number, column: number): number | null {
  for (let t = layout.starts[row] ?? 0; t < (layout.starts[row + 1] ?? 0); t++)
    if (column >= layout.column[t] && column < layout.column[t] + layout.width[t]) return t;
  return null;
}

/** The step one row up or down, as near below or above as there is. */
export function stepInRow(layout: Layout, from: number, by: number): number {
  const row = layout.row[from] + by;
  if (row < 0 || row >= layout.starts.length - 1) return from;
  let step = layout.starts[row];
  while (step + 1 < layout.starts[row + 1] && layout.column[step + 1] <= layout.column[from]) step++;
  return step;
}
