// What the mouse, the wheel and fingers mean on a scatter plot; scatter.ts says what is then done.
import type { How } from "./selection";

export type Tool = "pan" | "lasso";
export type Path = [number, number][];

/** Places are CSS pixels from the top left of the plot. */
export interface PointerActions {
  /** What a drag does that was begun with no key, Shift ("add") or Alt ("remove"). */
  tool(how: How): Tool;
  pan(dx: number, dy: number): void;
  zoom(factor: number, x: number, y: number): void;
  reset(): void;
  hover(x: number, y: number, clientX: number, clientY: number): void;
  leave(): void;
  click(x: number, y: number, how: How | "toggle", radius: number): void;
  lasso(path: Path | null): void;
  select(path: Path, how: How): void;
  /** The wheel turned over a plot that does not have the focus. */
  refuseWheel(): void;
}

/** A press that moves less than this (CSS pixels) is a click. */
const CLICK_SLACK = 4;

interface Drag {
  mode: "press" | "pan" | "lasso" | "pinch";
  how: How;
  start: [number, number];
  path: Path;
}

/** Zoom factor of one wheel event; trackpad pinches arrive as wheel events with ctrlKey and small deltas. */
export function wheelFactor(event: Pick<WheelEvent, "deltaY" | "deltaMode" | "ctrlKey">): number {
  const unit = event.deltaMode === 1 ? 0.05 : event.deltaMode ? 1 : 0.002;
  const octaves = -event.deltaY * unit * (event.ctrlKey ? 6 : 1);
  return 2 ** Math.min(Math.max(octaves, -0.5), 0.5);
}

/** Listen on `canvas` until `signal` aborts. Returns a function that gives up the drag in progress. */
export function listenToPointer(
  canvas: HTMLElement,
  actions: PointerActions,
  signal: AbortSignal,
): () => void {
  const fingers = new Map<number, [number, number]>();
  let drag: Drag | null = null;
  let dragged = false; // the click event that ends a drag is no click

  const place = (event: MouseEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const cancel = () => {
    if (drag?.mode === "lasso") actions.lasso(null);
    drag = null;
  };

  const pinch = (id: number, to: [number, number]) => {
    const other = [...fingers].find(([key]) => key !== id)![1];
    const from = fingers.get(id)!;
    const middle = (p: number[]) => [(p[0] + other[0]) / 2, (p[1] + other[1]) / 2];
    const spread = (p: number[]) => Math.max(Math.hypot(p[0] - other[0], p[1] - other[1]), 1);
    const [x, y] = middle(to);
    actions.pan(x - middle(from)[0], y - middle(from)[1]);
    actions.zoom(spread(to) / spread(from), x, y);
  };

  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    const at = place(event);
    fingers.set(event.pointerId, at);
    if (fingers.size === 2) {
      cancel();
      drag = { mode: "pinch", how: "replace", start: at, path: [] };
      dragged = true;
      return;
    }
    dragged = false;
    drag = {
      mode: "press",
      how: event.altKey ? "remove" : event.shiftKey ? "add" : "replace",
      start: at,
      path: [at],
    };
  };

  const move = (event: PointerEvent) => {
    const to = place(event);
    const from = fingers.get(event.pointerId);
    if (!from || !drag) {
      if (event.pointerType !== "touch") actions.hover(...to, event.clientX, event.clientY);
      return;
    }
    if (drag.mode === "press") {
      if (Math.hypot(to[0] - drag.start[0], to[1] - drag.start[1]) < CLICK_SLACK) return;
      dragged = true;
      actions.leave();
      drag.mode = actions.tool(drag.how);
    }
    if (drag.mode === "pinch") pinch(event.pointerId, to);
    else if (drag.mode === "pan") actions.pan(to[0] - from[0], to[1] - from[1]);
    else {
      const last = drag.path.at(-1)!;
      if (Math.hypot(to[0] - last[0], to[1] - last[1]) >= 2) drag.path.push(to);
      actions.lasso(drag.path);
    }
    fingers.set(event.pointerId, to);
  };

  const up = (event: PointerEvent) => {
    if (!fingers.delete(event.pointerId)) return;
    const done = drag;
    cancel();
    if (done?.mode === "lasso" && event.type === "pointerup") actions.select(done.path, done.how);
  };

  const click = (event: MouseEvent) => {
    if (dragged || event.detail > 1) return; // the second click of a double click
    const how = event.altKey ? "remove" : event.shiftKey ? "toggle" : "replace";
    actions.click(...place(event), how, (event as PointerEvent).pointerType === "touch" ? 16 : 8);
  };

  // Scrolling through a notebook must not get caught in every plot on the way.
  const wheel = (event: WheelEvent) => {
    const focused = (canvas.getRootNode() as Document | ShadowRoot).activeElement === canvas;
    if (!focused && !event.ctrlKey && !event.metaKey) return actions.refuseWheel();
    event.preventDefault();
    actions.zoom(wheelFactor(event), ...place(event));
  };

  canvas.addEventListener("pointerdown", down, { signal });
  canvas.addEventListener("pointermove", move, { signal });
  canvas.addEventListener("pointerup", up, { signal });
  canvas.addEventListener("pointercancel", up, { signal });
  canvas.addEventListener("pointerleave", () => actions.leave(), { signal });
  canvas.addEventListener("click", click, { signal });
  canvas.addEventListener("dblclick", () => actions.reset(), { signal });
  canvas.addEventListener("wheel", wheel, { signal, passive: false });
  return cancel;
}
