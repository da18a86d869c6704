// Canvases that are drawn in CSS pixels, sharp on every screen, and redrawn when they are to be.
import css from "./canvas.css";
import { addStyle } from "./theme";

export const MONOSPACE = `ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace`;

/** An empty canvas of this size, in CSS pixels, and its context; null where the browser gives none. */
export function sized(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D | null {
  const ratio = globalThis.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}

/** A canvas that takes the keyboard; `label` says what it shows and which keys it takes. */
export function createCanvas(className: string, label: string): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.className = className;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", label);
  return canvas;
}

/** Draw in the next frame, once however often it is asked for, and when `host` changes its size. */
export function createRedraw(host: HTMLElement, draw: () => void, signal: AbortSignal) {
  let frame = 0;
  const drawNow = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    if (!signal.aborted) draw();
  };
  const redraw = () => {
    if (!frame) frame = requestAnimationFrame(drawNow);
  };
  const resized = new ResizeObserver(redraw);
  resized.observe(host);
  signal.addEventListener("abort", () => {
    resized.disconnect();
    cancelAnimationFrame(frame);
  });
  return { redraw, drawNow };
}

/**
 * A canvas over the part in sight of something larger: it stays while a person scrolls, and is drawn anew.
 * What is scrolled over is `spacer`, whose size is that of the whole.
 */
export function createScroller(
  host: HTMLElement,
  { className, label, signal }: { className: string; label: string; signal: AbortSignal },
  draw: () => void,
) {
  const scroller = document.createElement("div");
  const spacer = document.createElement("div");
  const canvas = createCanvas(className, label);
  scroller.className = "nbviz-scroller";
  spacer.append(canvas);
  scroller.append(spacer);
  host.append(scroller);
  addStyle(host, css);
  const { redraw, drawNow } = createRedraw(scroller, draw, signal);
  scroller.addEventListener("scroll", redraw, { signal });
  return { scroller, spacer, canvas, redraw, drawNow };
}
