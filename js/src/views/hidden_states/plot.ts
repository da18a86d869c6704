// Parallel coordinates over time: one line per cell, the tokens under it, the brush with its two handles,
// the threshold. Draws what it is told and says what the person does.
import { scaleLinear } from "d3-scale";
import { cellAt, createLines, type LineColours, type Place, trace, valueOfY, yOf } from "./lines";
import { drawStrips, type Strips, stripHeight } from "./strips";
import { type Selection, type Sign, type Track, thresholdOf } from "./track";

export interface PlotState extends Strips {
  track: Track;
  selection: Selection;
  counts: Uint16Array;
  threshold: number;
  sign: Sign;
  span: [number, number] | null;
  zeros: [number, number];
  hovered: number | null;
  step: number;
  colours: LineColours & { text: string; muted: string; line: string; accent: string; page: string };
}

export interface PlotOptions {
  signal: AbortSignal;
  label: string;
  state: () => PlotState | null;
  onSpan: (span: [number, number] | null) => void;
  onZeros: (zeros: [number, number]) => void;
  onThreshold: (threshold: number) => void;
  onHover: (cell: number | null, x: number, y: number) => void;
  onPick: (cell: number) => void;
  onKey: (event: KeyboardEvent) => void;
}

type Drag = { kind: "span"; from: number } | { kind: "threshold" } | { kind: "zero"; side: 0 | 1 };

const AXIS = 44;
const TOP = 10;
const REACH = 7; // pixels around a handle or line that count as on it

export function createPlot(stage: HTMLElement, options: PlotOptions) {
  const { signal, state } = options;
  const axis = document.createElement("canvas");
  const scroller = document.createElement("div");
  const spacer = document.createElement("div");
  const canvas = document.createElement("canvas");
  stage.classList.add("nbviz-states");
  axis.className = "nbviz-states-axis";
  scroller.className = "nbviz-states-scroller";
  spacer.className = "nbviz-states-spacer";
  canvas.className = "nbviz-states-lines";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", options.label);
  spacer.append(canvas);
  scroller.append(spacer);
  stage.append(axis, scroller);
  const lines = createLines();
  let drag: Drag | null = null;
  let frame = 0;
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

  const sides = (s: PlotState): number[] =>
    !s.track.meta.signed || s.sign === "positive" ? [1] : s.sign === "negative" ? [-1] : [1, -1];

  function draw(): void {
    frame = 0;
    cancelAnimationFrame(rest);
    const s = state();
    if (!s || signal.aborted || !scroller.clientWidth) return;
    const p = place(s);
    spacer.style.width = `${s.track.meta.steps * s.step}px`;
    const ratio = globalThis.devicePixelRatio || 1;
    const height = scroller.clientHeight;
    const context = sized(canvas, p.width, height, ratio);
    if (!context) return;
    context.drawImage(lines.background(s.track, p, s.colours, ratio), 0, 0, p.width, p.top + p.height + 2);
    drawZero(context, s, p);
    drawSpan(context, s, p, false);
    drawSelected(context, s, p, 0);
    drawAxis(s, p, height, ratio);
  }

  /** The selected lines, the first of them now; then what lies over them. */
  function drawSelected(context: CanvasRenderingContext2D, s: PlotState, p: Place, from: number): void {
    const left = lines.selected(context, s.track, s.selection, p, s.colours, from);
    drawHovered(context, s, p);
    drawThreshold(context, s, p);
    drawStrips(context, s, p);
    drawSpan(context, s, p, true);
    if (left > 0)
      rest = requestAnimationFrame(() => drawSelected(context, s, p, s.selection.cells.length - left));
  }

  function drawZero(context: CanvasRenderingContext2D, s: PlotState, p: Place): void {
    const y = yOf(0, s.track, p);
    context.strokeStyle = s.colours.line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(0, y);
    context.lineTo(p.width, y);
    context.stroke();
  }

  function drawHovered(context: CanvasRenderingContext2D, s: PlotState, p: Place): void {
    if (s.hovered === null) return;
    const at = s.selection.cells.indexOf(s.hovered);
    const colour =
      at < 0 ? s.colours.text : s.selection.signs[at] > 0 ? s.colours.positive : s.colours.negative;
    for (const [width, style] of [
      [6, s.colours.page],
      [3, colour],
    ] as const) {
      context.lineWidth = width;
      context.strokeStyle = style;
      context.beginPath();
      trace(context, s.track, s.hovered, p);
      context.stroke();
    }
  }

  function drawThreshold(context: CanvasRenderingContext2D, s: PlotState, p: Place): void {
    context.save();
    context.setLineDash([5, 4]);
    context.lineWidth = 1.25;
    for (const side of sides(s)) {
      const y = yOf(side * s.threshold, s.track, p);
      context.strokeStyle = side > 0 ? s.colours.positive : s.colours.negative;
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(p.width, y);
      context.stroke();
    }
    context.restore();
  }

  const xOf = (s: PlotState, p: Place, step: number) => (step - s.track.meta.first) * p.step - p.offset;

  function drawSpan(context: CanvasRenderingContext2D, s: PlotState, p: Place, handles: boolean): void {
    if (!s.span) return;
    const [a, b] = [xOf(s, p, s.span[0]), xOf(s, p, s.span[1])];
    const bottom = p.top + p.height;
    if (!handles) {
      context.globalAlpha = 0.1;
      context.fillStyle = s.colours.accent;
      context.fillRect(a, 0, b - a, bottom);
      context.globalAlpha = 1;
      return;
    }
    const y = handleY(p);
    context.strokeStyle = context.fillStyle = s.colours.accent;
    context.fillRect(a, y - 2, b - a, 4);
    context.lineWidth = 1.5;
    const ends = [a - s.zeros[0] * p.step, b + s.zeros[1] * p.step];
    ends.forEach((x, side) => {
      context.beginPath();
      context.moveTo(side ? b : a, y);
      context.lineTo(x, y);
      context.stroke();
      context.beginPath();
      context.arc(x, y, 4.5, 0, 2 * Math.PI);
      context.fillStyle = s.zeros[side] ? s.colours.accent : s.colours.page;
      context.fill();
      context.stroke();
    });
  }

  const handleY = (p: Place) => p.top + p.height + 2 + 20 + 7;

  function drawAxis(s: PlotState, p: Place, height: number, ratio: number): void {
    const context = sized(axis, AXIS, height, ratio);
    if (!context) return;
    const { signed, scale, quantity } = s.track.meta;
    const range = scaleLinear().domain([signed ? -scale : 0, scale]);
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillStyle = s.colours.muted;
    for (const tick of range.ticks(5))
      context.fillText(range.tickFormat(5)(tick), AXIS - 8, yOf(tick, s.track, p));
    for (const side of sides(s)) {
      const y = yOf(side * s.threshold, s.track, p);
      context.fillStyle = side > 0 ? s.colours.positive : s.colours.negative;
      context.beginPath();
      context.arc(AXIS - 3, y, 5, 0, 2 * Math.PI);
      context.fill();
    }
    context.save();
    context.translate(9, p.top + p.height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillStyle = s.colours.text;
    context.fillText(quantity, 0, 0);
    context.restore();
  }

  // What the person does

  const at = (event: PointerEvent, element: HTMLElement): [number, number] => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const stepAt = (s: PlotState, x: number) => {
    const { first, steps } = s.track.meta;
    return first + Math.max(0, Math.min(steps - 1, Math.floor((x + scroller.scrollLeft) / s.step)));
  };
  const nearThreshold = (s: PlotState, p: Place, y: number) =>
    sides(s).some((side) => Math.abs(yOf(side * s.threshold, s.track, p) - y) < REACH);

  function dragAt(s: PlotState, p: Place, x: number, y: number): Drag | null {
    const bottom = p.top + p.height;
    if (y <= bottom) return nearThreshold(s, p, y) ? { kind: "threshold" } : null;
    if (s.span && y > bottom + 20 && y < bottom + 40) {
      const ends = [xOf(s, p, s.span[0] - s.zeros[0]), xOf(s, p, s.span[1] + s.zeros[1])];
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
      options.onHover(inLines ? cellAt(s.track, p, x, y) : null, x + AXIS, y);
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
  listen(canvas, "pointerleave", () => options.onHover(null, 0, 0));
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
  scroller.addEventListener("scroll", () => redraw(), { signal });
  const resized = new ResizeObserver(() => redraw());
  resized.observe(stage);
  signal.addEventListener("abort", () => {
    resized.disconnect();
    cancelAnimationFrame(frame);
    cancelAnimationFrame(rest);
  });

  function redraw(): void {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  /** Scroll so that a step is in sight. */
  function reveal(step: number): void {
    const s = state();
    if (!s) return;
    const x = (step - s.track.meta.first) * s.step;
    if (x < scroller.scrollLeft || x > scroller.scrollLeft + scroller.clientWidth - s.step)
      scroller.scrollLeft = Math.max(0, x - scroller.clientWidth / 3);
  }

  return { redraw, reveal, draw, visibleSteps: () => scroller.clientWidth };
}

function sized(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  ratio: number,
): CanvasRenderingContext2D | null {
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
