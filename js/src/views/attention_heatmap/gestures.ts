// Pointer, wheel and keys on the matrix: what they mean is said by the view.
import type { Place } from "./words";

export interface Zoom {
  k: number;
  x: number;
  y: number;
}

export const NO_ZOOM: Zoom = { k: 1, x: 0, y: 0 };

export interface GestureOptions {
  signal: AbortSignal;
  zoom: () => Zoom;
  /** Drag the enlarged matrix. */
  onMove: (zoom: Zoom) => void;
  /** Enlarge about a point of the canvas. */
  onZoom: (factor: number, x: number, y: number) => void;
  onHover: (event: PointerEvent) => void;
  onLeave: () => void;
  /** What lies under the pointer. */
  at: (event: MouseEvent) => Place | null;
  marked: () => Place;
  onMark: (row: number, column: number) => void;
  onHide: (column: number) => void;
  /** Rows and columns that there are; null while there is no picture. */
  size: () => { rows: number; columns: number } | null;
}

const WHOLE = 1e-9; // so small a factor that the zoom ends at 1

export function listen(canvas: HTMLCanvasElement, options: GestureOptions): void {
  const { signal } = options;
  let pressed: { x: number; y: number; zoom: Zoom; moved: boolean } | null = null;

  canvas.addEventListener(
    "pointerdown",
    (event) => {
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
      pressed = { x: event.clientX, y: event.clientY, zoom: { ...options.zoom() }, moved: false };
    },
    { signal },
  );
  canvas.addEventListener(
    "pointermove",
    (event) => {
      if (!pressed) {
        options.onHover(event);
        return;
      }
      const [dx, dy] = [event.clientX - pressed.x, event.clientY - pressed.y];
      if (Math.hypot(dx, dy) > 4) pressed.moved = true;
      const { k } = options.zoom();
      if (pressed.moved && k > 1)
        options.onMove({ k, x: Math.max(0, pressed.zoom.x - dx), y: Math.max(0, pressed.zoom.y - dy) });
    },
    { signal },
  );
  canvas.addEventListener(
    "pointerup",
    (event) => {
      const at = pressed && !pressed.moved ? options.at(event) : null;
      pressed = null;
      if (!at) return;
      const { row, column } = options.marked();
      if (event.shiftKey && at.column >= 0 && at.row < 0) options.onHide(at.column);
      else if (at.row === row && at.column === column) options.onMark(-1, -1);
      else options.onMark(at.row, at.column);
    },
    { signal },
  );
  canvas.addEventListener("pointerleave", () => options.onLeave(), { signal });
  canvas.addEventListener("dblclick", () => options.onZoom(WHOLE, 0, 0), { signal });
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      options.onZoom(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
    },
    { signal, passive: false },
  );
  canvas.addEventListener("keydown", onKey, { signal });

  function onKey(event: KeyboardEvent): void {
    const size = options.size();
    if (!size) return;
    const { row, column } = options.marked();
    const { rows, columns } = size;
    const within = (x: number, n: number) => Math.max(0, Math.min(n - 1, x));
    const zoom = (factor: number) => options.onZoom(factor, canvas.clientWidth / 2, canvas.clientHeight / 2);
    if (event.key === "ArrowDown") options.onMark(within(row + 1, rows), column);
    else if (event.key === "ArrowUp") options.onMark(within(row - 1, rows), column);
    else if (event.key === "ArrowRight") options.onMark(row, within(column + 1, columns));
    else if (event.key === "ArrowLeft") options.onMark(row, within(column - 1, columns));
    else if (event.key.toLowerCase() === "h" && column >= 0) options.onHide(column);
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "Escape") options.onMark(-1, -1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** The zoom after enlarging by `factor` about a point, which stays where it is. */
export function zoomed(
  zoom: Zoom,
  factor: number,
  box: { left: number; top: number; shiftX: number; shiftY: number },
  x: number,
  y: number,
): Zoom {
  const k = Math.max(1, Math.min(400, zoom.k * factor));
  const grow = k / zoom.k;
  return {
    k,
    x: Math.max(0, (box.shiftX + x - box.left) * grow - (x - box.left)),
    y: Math.max(0, (box.shiftY + y - box.top) * grow - (y - box.top)),
  };
}
