// A cell, a row or a column in words: for the tip under the pointer, and for a screen reader.
import { createTip as createBox } from "../../parts/tip";
import { type Matrix, printed } from "./meta";

export interface Place {
  /** -1 in the names of the columns. */
  row: number;
  /** -1 in the names of the rows. */
  column: number;
}

export function tipOf(matrix: Matrix, { row, column }: Place, live: boolean): string {
  const { meta } = matrix;
  if (row >= 0 && column >= 0) {
    const weight = matrix.isMasked(row, column)
      ? "masked, may not look"
      : matrix.weight(row, column).toFixed(3);
    return `“${printed(meta.rows[row])}” → “${printed(meta.columns[column])}”: ${weight}`;
  }
  if (row >= 0) return `row ${row}: “${meta.rows[row]}”, sum ${matrix.sums[row].toFixed(3)}`;
  return `column ${column}: “${meta.columns[column]}”${live ? " (Shift and click hides it)" : ""}`;
}

export function spokenOf(matrix: Matrix, { row, column }: Place): string {
  const { meta } = matrix;
  const parts = [
    row >= 0 ? `“${printed(meta.rows[row])}” looks` : "",
    column >= 0 ? `at “${printed(meta.columns[column])}”` : "",
    row >= 0 && column >= 0 ? matrix.weight(row, column).toFixed(3) : "",
  ];
  return parts.filter(Boolean).join(" ");
}

/** The tip itself, beside the pointer and inside the stage. */
export function createTip(stage: HTMLElement): {
  show: (text: string, event: PointerEvent) => void;
  hide: () => void;
} {
  const tip = createBox(stage, "nbviz-attention-tip");
  return {
    show(text, event) {
      const box = stage.getBoundingClientRect();
      const left = Math.min(event.clientX - box.left + 14, box.width - 8 * text.length);
      tip.show(text, Math.max(0, left), Math.max(0, event.clientY - box.top - 30));
    },
    hide: tip.hide,
  };
}
