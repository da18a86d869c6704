// Parallel coordinates over time: one line per cell, the tokens under it, the brush with its two handles,
// the threshold. Draws what it is told and says what the person does.
import { createScroller, sized } from "../../parts/canvas";
import { thresholdOf } from "../../parts/track";
import { cellAt, createLines, type Place, valueOfY } from "./lines";
import {
  AXIS,
  drawAxis,
  drawBand,
  drawBrush,
  drawHovered,
  drawThreshold,
  drawZero,
  handles,
  type Marks,
  thresholds,
} from "./marks";
import { BRUSH, drawStrips, type Strips, stripHeight, TOKENS } from "./strips";

export interface PlotState extends Strips, Marks {
  track: Marks["track"];
  colours: Marks["colours"];
  /** Width of a step, pixels. */
  step: number;
}

export interface PlotOptions {
  signal: AbortSignal;
  label: string;
  state: () => PlotState | null;
  onSpan: (span: [number, number] | null) => void;
  onZeros: (zeros: [number, number]) => void;
  onThreshold: (threshold: number) => void;
  /** The cell under the pointer, the step (as shown), and where the pointer is in the stage. */
  onHover: (cell: number | null, step: number, x: number, y: number) => void;
  onPick: (cell: number) => void;
  onKey: (event: KeyboardEvent) => void;
}

type Drag = { kind: "span"; from: number } | { kind: "threshold" } | { kind: "zero"; side: 0 | 1 };

const TOP = 10;
const REACH = 7; // pixels around a handle or line that count as on it

export function createPlot(stage: HTMLElement, options: PlotOptions) {
  const { signal, state } = options;
  const axis = document.createElement("canvas");
  stage.classList.add("nbviz-states");
  axis.className = "nbviz-states-axis";
  stage.append(axis);
  const { scroller, spacer, canvas, redraw } = createScroller(
    stage,
    { className: "nbviz-states-lines", label: options.label, signal },
    draw,
  );
  const lines = createLines();
  let drag: Drag | null = null;
  let rest = 0;

  function place(s: PlotState): Place {
    const height = scroller.clientHeight - stripHeight(s) - TOP - 2;
    return {
      width: scroller.clientWidth,
      top: TOP,
      height: Math.max(40, height),
      step: s.step,
      offset: scroller.scrollLeft,
    };
  }

  function draw(): void {
    cancelAnimationFrame(rest);
    const s = state();
    if (!s || !scroller.clientWidth) return;
    const p = place(s);
    spacer.style.width = `${s.track.meta.steps * s.step}px`;
    const height = scroller.clientHeight;
    const context = sized(canvas, p.width, height);
    if (!context) return;
    const ratio = globalThis.devicePixelRatio || 1;
    context.drawImage(lines.background(s.track, p, s.colours, ratio), 0, 0, p.width, p.top + p.height + 2);
    drawZero(context, s, p);
    drawBand(context, s, p);
    drawSelected(context, s, p, 0);
    const beside = sized(axis, AXIS, height);
    if (beside) drawAxis(beside, s, p);
  }

  /** The selected lines, the first of them now; then what lies over them. */
  function drawSelected(context: CanvasRenderingContext2D, s: PlotState, p: Place, from: number): void {
    const left = lines.selected(context, s.track, s.selection, p, s.colours, from);
    drawHovered(context, s, p);
    drawThreshold(context, s, p);
    drawStrips(context, s, p);
    drawBrush(context, s, p);
    if (left > 0)
      rest = requestAnimationFrame(() => drawSelected(context, s, p, s.selection.cells.length - left));
  }

  // What the person does

  const at = (event: PointerEvent, element: HTMLElement): [number, number] => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  /** The step at a place, as shown. */
  const columnAt = (s: PlotState, x: number) =>
    Math.max(0, Math.min(s.track.meta.steps - 1, Math.floor((x + scroller.scrollLeft) / s.step)));
  const stepAt = (s: PlotState, x: number) => s.track.meta.first + columnAt(s, x);
  const nearThreshold = (s: PlotState, p: Place, y: number) =>
    thresholds(s, p).some((line) => Math.abs(line.y - y) < REACH);

  function dragAt(s: PlotState, p: Place, x: number, y: number): Drag | null {
    const bottom = p.top + p.height;
    if (y <= bottom) return nearThreshold(s, p, y) ? { kind: "threshold" } : null;
    if (s.span && y > bottom + TOKENS && y < bottom + TOKENS + BRUSH + 6) {
      const ends = handles(s, p, s.span);
      const side = Math.abs(ends[0] - x) <= Math.abs(ends[1] - x) ? 0 : 1;
      if (Math.abs(ends[side] - x) < 2 * REACH) return { kind: "zero", side };
    }
    return { kind: "span", from: stepAt(s, x) };
  }

  function move(s: PlotState, p: Place, x: number, y: number): void {
    if (drag?.kind === "threshold") {
      const value = Math.abs(valueOfY(y, s.track, p));
      options.onThreshold(Math.min(s.track.meta.scale, Math.max(thresholdOf(1, s.track.meta), value)));
    } else if (drag?.kind === "zero" && s.span) {
      const zeros: [number, number] = [...s.zeros];
      const edge = Math.round((x + p.offset) / p.step) + s.track.meta.first;
      zeros[drag.side] = Math.max(0, drag.side ? edge - s.span[1] : s.span[0] - edge);
      options.onZeros(zeros);
    } else if (drag?.kind === "span") {
      const to = stepAt(s, x);
      options.onSpan([Math.min(drag.from, to), Math.max(drag.from, to) + 1]);
    }
  }

  const listen = (
    element: HTMLElement,
    type: "pointerdown" | "pointermove" | "pointerup" | "pointerleave",
    handle: (s: PlotState, p: Place, x: number, y: number, event: PointerEvent) => void,
  ) =>
    element.addEventListener(
      type,
      (event) => {
        const s = state();
        if (s) handle(s, place(s), ...at(event, element), event);
      },
      { signal },
    );

  let pressed: [number, number] | null = null;
  listen(canvas, "pointerdown", (s, p, x, y, event) => {
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    pressed = [x, y];
    drag = dragAt(s, p, x, y);
    if (drag?.kind === "span") move(s, p, x, y);
  });
  listen(canvas, "pointermove", (s, p, x, y) => {
    if (drag) move(s, p, x, y);
    else {
      const inLines = y <= p.top + p.height;
      canvas.style.cursor = inLines ? (nearThreshold(s, p, y) ? "ns-resize" : "default") : "col-resize";
      options.onHover(inLines ? cellAt(s.track, p, x, y) : null, columnAt(s, x), x + AXIS, y);
    }
  });
  listen(canvas, "pointerup", (s, p, x, y) => {
    const still = pressed && Math.hypot(x - pressed[0], y - pressed[1]) < 4;
    if (!drag && still && y <= p.top + p.height) {
      const cell = cellAt(s.track, p, x, y);
      if (cell !== null) options.onPick(cell);
    }
    drag = pressed = null;
  });
  listen(canvas, "pointerleave", () => options.onHover(null, 0, 0, 0));
  listen(axis, "pointerdown", (s, p, _x, y, event) => {
    axis.setPointerCapture(event.pointerId);
    drag = { kind: "threshold" };
    move(s, p, 0, y);
  });
  listen(axis, "pointermove", (s, p, _x, y) => drag?.kind === "threshold" && move(s, p, 0, y));
  listen(axis, "pointerup", () => {
    drag = null;
  });
  canvas.addEventListener("keydown", options.onKey, { signal });
  signal.addEventListener("abort", () => cancelAnimationFrame(rest));

  /** Scroll so that a step is in sight. */
  function reveal(step: number): void {
    const s = state();
    if (!s) return;
    const x = (step - s.track.meta.first) * s.step;
    if (x < scroller.scrollLeft || x > scroller.scrollLeft + scroller.clientWidth - s.step)
      scroller.scrollLeft = Math.max(0, x - scroller.clientWidth / 3);
  }

  return { redraw, reveal };
}
