// One small scatter plot for each kind of gate, all on one canvas: x = share of the time open, y = closed.
import type { GateMeta, Panel } from "./meta";

export interface PlotsState {
  meta: GateMeta;
  panels: Panel[];
  /** CSS colour of each layer. */
  colours: string[];
  pinned: Set<number>;
  ink: { text: string; muted: string; line: string; page: string };
}

/** A point: its panel and its number in it. */
export interface Spot {
  panel: number;
  point: number;
}

export interface PlotsOptions {
  signal: AbortSignal;
  label: string;
  /** Pixels that one row of plots may be high. */
  height: () => number;
  state: () => PlotsState | null;
  /** The point under the pointer or the keys, and where it stands in the stage. */
  onHover: (spot: Spot | null, x: number, y: number) => void;
  /** Cells were chosen; `add` with Shift. */
  onSelect: (cells: number[], add: boolean) => void;
  onClear: () => void;
}

interface Place {
  x: number;
  y: number;
  side: number;
}

const [LEFT, TOP, BOTTOM, GAP] = [46, 30, 40, 10];
const REACH = 9; // pixels around a point that count as on it
const NARROW = 190; // pixels below which plots stand under one another
const SLACK = 4; // a press that moves less is a click

export function createPlots(stage: HTMLElement, options: PlotsOptions) {
  const { signal, state } = options;
  const canvas = document.createElement("canvas");
  stage.classList.add("nbviz-gates");
  canvas.className = "nbviz-gates-plots";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", options.label);
  stage.append(canvas);
  let frame = 0;
  let hovered: Spot | null = null;
  let path: [number, number][] | null = null;
  let pressed: { x: number; y: number; panel: number; add: boolean } | null = null;

  function places(s: PlotsState): { list: Place[]; width: number; height: number } {
    const [width, room] = [stage.clientWidth, options.height()];
    const n = s.panels.length;
    const columns = width / n >= NARROW ? n : 1;
    const side = Math.max(60, Math.min(width / columns - LEFT - GAP, room - TOP - BOTTOM));
    const list = s.panels.map((_, i) => ({
      x: LEFT + (i % columns) * (width / columns),
      y: TOP + Math.floor(i / columns) * (side + TOP + BOTTOM),
      side,
    }));
    return { list, width, height: Math.ceil(n / columns) * (side + TOP + BOTTOM) };
  }

  function draw(): void {
    frame = 0;
    const s = state();
    if (!s || signal.aborted || !stage.clientWidth) return;
    const { list, width, height } = places(s);
    stage.style.height = `${height + 2}px`; // no higher than the plots are wide
    const context = sized(canvas, width, height);
    if (!context) return;
    s.panels.forEach((panel, i) => {
      drawAxes(context, s, panel, list[i]);
      drawPoints(context, s, panel, list[i], i);
    });
    if (path) {
      context.strokeStyle = s.ink.text;
      context.lineWidth = 1.5;
      context.setLineDash([4, 3]);
      context.beginPath();
      for (const [x, y] of path) context.lineTo(x, y);
      context.stroke();
      context.setLineDash([]);
    }
  }

  function drawAxes(context: CanvasRenderingContext2D, s: PlotsState, panel: Panel, p: Place): void {
    const { x, y, side } = p;
    context.strokeStyle = s.ink.line;
    context.lineWidth = 1;
    for (const tick of [0.25, 0.5, 0.75]) {
      context.beginPath(); // grid lines within the triangle
      context.moveTo(x + tick * side, y + side);
      context.lineTo(x + tick * side, y + tick * side);
      context.moveTo(x, y + (1 - tick) * side);
      context.lineTo(x + (1 - tick) * side, y + (1 - tick) * side);
      context.stroke();
    }
    context.strokeStyle = s.ink.muted;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x, y + side);
    context.lineTo(x + side, y + side);
    context.closePath();
    context.stroke();
    context.fillStyle = s.ink.text;
    context.font = "600 13px system-ui, sans-serif";
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillText(panel.meta.label, x, y - 11, side);
    context.fillStyle = s.ink.muted;
    context.font = "11px system-ui, sans-serif";
    for (const tick of [0, 0.5, 1]) {
      context.textAlign = tick === 1 ? "right" : "center";
      context.textBaseline = "top";
      context.fillText(`${100 * tick}`, x + tick * side, y + side + 4);
      context.textAlign = "right";
      context.textBaseline = "middle";
      context.fillText(`${100 * tick}`, x - 5, y + (1 - tick) * side);
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillText("open, % of the time", x + side / 2, y + side + 19, side);
    context.save();
    context.translate(x - 34, y + side / 2);
    context.rotate(-Math.PI / 2);
    context.textBaseline = "middle";
    context.fillText("closed, % of the time", 0, 0, side);
    context.restore();
  }

  const screen = (panel: Panel, point: number, p: Place): [number, number] => [
    p.x + panel.xy[2 * point] * p.side,
    p.y + (1 - panel.xy[2 * point + 1]) * p.side,
  ];

  function drawPoints(
    context: CanvasRenderingContext2D,
    s: PlotsState,
    panel: Panel,
    p: Place,
    number: number,
  ): void {
    const dot = (point: number, radius: number) => {
      context.beginPath();
      context.arc(...screen(panel, point, p), radius, 0, 2 * Math.PI);
    };
    context.globalAlpha = s.pinned.size ? 0.45 : 0.65;
    for (let i = 0; i < panel.cells.length; i++) {
      context.fillStyle = s.colours[panel.layers[i]];
      dot(i, 3.5);
      context.fill();
    }
    context.globalAlpha = 1;
    const cell = hovered ? s.panels[hovered.panel]?.cells[hovered.point] : undefined;
    for (let i = 0; i < panel.cells.length; i++) {
      const isHovered = panel.cells[i] === cell;
      if (!isHovered && !s.pinned.has(panel.cells[i])) continue;
      context.fillStyle = s.colours[panel.layers[i]];
      context.strokeStyle = s.ink.text;
      context.lineWidth = isHovered && hovered?.panel === number ? 3 : 1.75;
      dot(i, 5.5);
      context.fill();
      context.stroke();
    }
  }

  function redraw(): void {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  // What the person does

  function under(
    event: PointerEvent,
  ): { s: PlotsState; list: Place[]; x: number; y: number; panel: number } | null {
    const s = state();
    if (!s?.panels.length) return null;
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { list } = places(s);
    const far = (p: Place) => Math.hypot(x - p.x - p.side / 2, y - p.y - p.side / 2);
    const panel = list.reduce((best, p, i) => (far(p) < far(list[best]) ? i : best), 0);
    return { s, list, x, y, panel };
  }

  const toData = (p: Place, x: number, y: number): [number, number] => [
    (x - p.x) / p.side,
    1 - (y - p.y) / p.side,
  ];

  function hover(spot: Spot | null): void {
    const s = state();
    if (spot?.panel === hovered?.panel && spot?.point === hovered?.point) return;
    hovered = spot;
    if (!s || !spot) options.onHover(null, 0, 0);
    else {
      const [x, y] = screen(s.panels[spot.panel], spot.point, places(s).list[spot.panel]);
      options.onHover(spot, x, y - stage.scrollTop);
    }
    redraw();
  }

  function nearest(found: NonNullable<ReturnType<typeof under>>): Spot | null {
    const { s, list, x, y, panel } = found;
    const point = s.panels[panel].index.nearest(...toData(list[panel], x, y), REACH / list[panel].side);
    return point === null ? null : { panel, point };
  }

  canvas.addEventListener(
    "pointerdown",
    (event) => {
      const found = under(event);
      if (!found || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
      pressed = { x: found.x, y: found.y, panel: found.panel, add: event.shiftKey };
    },
    { signal },
  );
  canvas.addEventListener(
    "pointermove",
    (event) => {
      const found = under(event);
      if (!found) return;
      if (!pressed) return hover(nearest(found));
      if (!path && Math.hypot(found.x - pressed.x, found.y - pressed.y) < SLACK) return;
      path = [...(path ?? [[pressed.x, pressed.y]]), [found.x, found.y]];
      hover(null);
      redraw();
    },
    { signal },
  );
  canvas.addEventListener("pointerup", release, { signal });
  canvas.addEventListener("pointercancel", () => drop(), { signal });
  canvas.addEventListener("pointerleave", () => hover(null), { signal });
  canvas.addEventListener("keydown", onKey, { signal });

  function drop(): void {
    pressed = path = null;
    redraw();
  }

  function release(event: PointerEvent): void {
    const found = under(event);
    if (found && pressed) {
      const { s, list } = found;
      const panel = s.panels[pressed.panel];
      if (path) {
        const inside = panel.index.inside(path.map(([x, y]) => toData(list[pressed!.panel], x, y)));
        options.onSelect(
          Array.from(inside, (i) => panel.cells[i]),
          pressed.add,
        );
      } else {
        const spot = nearest(found);
        if (spot) options.onSelect([s.panels[spot.panel].cells[spot.point]], pressed.add);
        else options.onClear();
      }
    }
    drop();
  }

  function onKey(event: KeyboardEvent): void {
    const s = state();
    if (!s?.panels.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const page = { PageUp: -1, PageDown: 1 }[event.key];
    if (arrow) {
      const { panel, point } = hovered ?? { panel: 0, point: -1 };
      const next = point < 0 ? 0 : s.panels[panel].index.towards(point, arrow[0], arrow[1]);
      if (next !== null) hover({ panel, point: next });
    } else if (page) {
      const cell = hovered ? s.panels[hovered.panel].cells[hovered.point] : 0;
      const panel = ((hovered?.panel ?? 0) + page + s.panels.length) % s.panels.length;
      hover({ panel, point: Math.max(0, s.panels[panel].cells.indexOf(cell)) });
    } else if ((event.key === "Enter" || event.key === " ") && hovered)
      options.onSelect([s.panels[hovered.panel].cells[hovered.point]], event.shiftKey);
    else if (event.key === "Escape") options.onClear();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  const resized = new ResizeObserver(redraw);
  resized.observe(stage);
  signal.addEventListener("abort", () => {
    resized.disconnect();
    cancelAnimationFrame(frame);
  });
  return {
    redraw,
    /** Points are others now. */
    reset() {
      hovered = null;
      redraw();
    },
  };
}

function sized(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
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
