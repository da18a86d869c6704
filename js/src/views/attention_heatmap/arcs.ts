// The same weights as lines between two columns of tokens: who looks on the left, what is looked at right.
import { isNamed, type MatrixState } from "./matrix";
import { printed } from "./meta";

/** Beyond this many lines a picture says less than the matrix. */
export const MOST_TOKENS = 160;
const FAINT = 0.02;

export interface ArcBox {
  left: number;
  right: number;
  rowHeight: number;
  columnHeight: number;
  top: number;
}

export function arcBox(s: MatrixState, width: number, height: number): ArcBox {
  const { rows, columns } = s.matrix;
  const room = height - 34;
  return {
    left: Math.min(170, width * 0.28),
    right: width - Math.min(170, width * 0.28),
    rowHeight: Math.min(22, room / rows),
    columnHeight: Math.min(22, room / columns),
    top: 24,
  };
}

export function arcAt(
  s: MatrixState,
  box: ArcBox,
  x: number,
  y: number,
): { row: number; column: number } | null {
  const row = Math.floor((y - box.top) / box.rowHeight);
  const column = Math.floor((y - box.top) / box.columnHeight);
  if (x < box.left && row >= 0 && row < s.matrix.rows) return { row, column: -1 };
  if (x > box.right && column >= 0 && column < s.matrix.columns) return { row: -1, column };
  return null;
}

export function drawArcs(
  context: CanvasRenderingContext2D,
  s: MatrixState,
  box: ArcBox,
  width: number,
): void {
  const { matrix, ink } = s;
  const { meta, rows, columns } = matrix;
  const chosen = s.row >= 0 || s.column >= 0;
  const y = (i: number, h: number) => box.top + (i + 0.5) * h;
  context.strokeStyle = ink.accent;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      if (chosen && r !== s.row && c !== s.column) continue;
      const share = matrix.weight(r, c) / (s.top || 1);
      if (share < FAINT) continue;
      context.globalAlpha = Math.min(1, share);
      context.lineWidth = 0.5 + 2.5 * share;
      const middle = (box.left + box.right) / 2;
      context.beginPath();
      context.moveTo(box.left, y(r, box.rowHeight));
      context.bezierCurveTo(
        middle,
        y(r, box.rowHeight),
        middle,
        y(c, box.columnHeight),
        box.right,
        y(c, box.columnHeight),
      );
      context.stroke();
    }
  }
  context.globalAlpha = 1;
  context.textBaseline = "middle";
  for (const [names, h, x, align, at] of [
    [meta.rows, box.rowHeight, box.left - 6, "right", s.row],
    [meta.columns, box.columnHeight, box.right + 6, "left", s.column],
  ] as const) {
    const every = Math.max(1, Math.ceil(11 / h));
    context.textAlign = align;
    names.forEach((name, i) => {
      if (!isNamed(i, at, every)) return;
      context.font = `${i === at ? "bold " : ""}12px system-ui, sans-serif`;
      context.fillStyle = align === "left" && s.hidden.includes(i) ? ink.muted : ink.text;
      context.fillText(printed(name), x, y(i, h), Math.min(160, width * 0.28));
    });
  }
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = ink.muted;
  context.textAlign = "right";
  context.fillText(meta.kind === "cross" ? "written" : "looking", box.left - 6, 9);
  context.textAlign = "left";
  context.fillText("looked at", box.right + 6, 9);
}
