// The keyboard of the occlusion painter.

import type { Tool } from "../../parts/paint_board";
import type { Brushwork } from "./brushwork";

/** For a screen reader. */
export const KEYS =
  "B brush, E eraser, R rectangle, arrow keys move, Space paints, Ctrl Z undoes. " +
  "With a sliding window, arrow keys move it and Enter covers the place.";

export interface KeyOptions {
  work: Brushwork;
  isSlide: () => boolean;
  setTool: (tool: Tool) => void;
  /** Where the brush stands, in pixels of the picture. */
  cursor: () => [number, number];
  setCursor: (x: number, y: number) => void;
  brush: () => number;
  /** Move the window over the map by so many cells. */
  moveWindow: (right: number, down: number) => void;
  /** Cover what lies under the window. */
  coverWindow: () => void;
}

const MOVES: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const TOOLS: Record<string, Tool> = { b: "brush", e: "eraser", r: "rectangle" };

/** Does what a key means; whether it means anything. */
function act(event: KeyboardEvent, options: KeyOptions): boolean {
  const { work, isSlide } = options;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z" && !event.shiftKey) work.undo();
    else if (key === "z" || key === "y") work.redo();
    else return false;
  } else if (TOOLS[key] && !isSlide()) options.setTool(TOOLS[key]);
  else if (MOVES[key]) {
    const [dx, dy] = MOVES[key];
    if (isSlide()) options.moveWindow(dx, dy);
    else {
      const pace = Math.max(1, options.brush() / 2);
      const [x, y] = options.cursor();
      options.setCursor(x + dx * pace, y + dy * pace);
    }
  } else if (key === " " && !isSlide()) work.dab(...options.cursor());
  else if (key === "Enter" && isSlide()) options.coverWindow();
  else return false;
  return true;
}

export function onKey(event: KeyboardEvent, options: KeyOptions): void {
  if (!act(event, options)) return;
  event.preventDefault();
  event.stopPropagation();
}
