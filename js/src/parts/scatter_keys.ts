// The scatter plot without a mouse.

const KEY_HELP =
  "Arrow keys pan, plus and minus zoom, 0 shows everything. Enter picks the point nearest to the middle; " +
  "then arrow keys step from point to point, Enter or Space selects the picked point (with Shift: adds or " +
  "removes it), Escape lets it go. Escape again clears the selection.";

/** What a screen reader reads as the plot's description. */
export function keyHelp(canLasso: boolean): string {
  return canLasso ? `${KEY_HELP} L switches between pan and lasso.` : KEY_HELP;
}

export interface KeyActions {
  /** True while a point is picked. */
  picking(): boolean;
  pick(): void;
  step(dx: number, dy: number): void;
  selectPicked(how: "replace" | "toggle"): void;
  /** Let the picked point, or else the selection, go. */
  escape(): void;
  pan(dx: number, dy: number): void;
  zoom(factor: number): void;
  reset(): void;
  /** None where there is only one tool. */
  toggleTool?(): void;
}

/** Direction of an arrow key in the picture: x to the right, y upwards. */
const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};
const PAN_BY = 40;

/** What to do for a key; null for a key that means nothing here. */
function actionFor(key: string, shift: boolean, actions: KeyActions): (() => void) | null {
  const arrow = ARROWS[key];
  if (arrow) {
    const [x, y] = arrow;
    return actions.picking() ? () => actions.step(x, y) : () => actions.pan(-x * PAN_BY, y * PAN_BY);
  }
  switch (key) {
    case "Enter":
    case " ":
      return actions.picking()
        ? () => actions.selectPicked(shift ? "toggle" : "replace")
        : () => actions.pick();
    case "Escape":
      return () => actions.escape();
    case "+":
    case "=":
      return () => actions.zoom(1.3);
    case "-":
      return () => actions.zoom(1 / 1.3);
    case "0":
      return () => actions.reset();
    case "l":
    case "L":
      return actions.toggleTool ?? null;
    default:
      return null;
  }
}

export function listenToKeys(element: HTMLElement, actions: KeyActions, signal: AbortSignal): void {
  const pressed = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = actionFor(event.key, event.shiftKey, actions);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation(); // "0 0" restarts the kernel in JupyterLab
    act();
  };
  element.addEventListener("keydown", pressed, { signal });
}
