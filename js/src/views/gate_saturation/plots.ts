// One small scatter plot for each kind of gate, all on one canvas: x = share of the time open, y = closed.
import { createCanvas, createRedraw, sized } from "../../parts/canvas";
import {
  drawAxes,
  drawPoints,
  type Place,
  type PlotsState,
  placesOf,
  type Spot,
  toData,
  toScreen,
} from "./panels";

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

const REACH = 9; // pixels around a point that count as on it
const SLACK = 4; // a press that moves less is a click

export function createPlots(stage: HTMLElement, options: PlotsOptions) {
  const { signal, state } = options;
  const canvas = createCanvas("nbviz-gates-plots", options.label);
  stage.classList.add("nbviz-gates");
  stage.append(canvas);
  const { redraw } = createRedraw(stage, draw, signal);
  let hovered: Spot | null = null;
  let path: [number, number][] | null = null;
  let pressed: { x: number; y: number; panel: number; add: boolean } | null = null;

  const places = (s: PlotsState) => placesOf(s.panels.length, stage.clientWidth, options.height());

  function draw(): void {
    const s = state();
    if (!s || !stage.clientWidth) return;
    const { list, height } = places(s);
    stage.style.height = `${height + 2}px`; // no higher than the plots are wide
    const context = sized(canvas, stage.clientWidth, height);
    if (!context) return;
    s.panels.forEach((panel, i) => {
      drawAxes(context, s, panel, list[i]);
      drawPoints(context, s, panel, list[i], i, hovered);
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

  function hover(spot: Spot | null): void {
    const s = state();
    if (spot?.panel === hovered?.panel && spot?.point === hovered?.point) return;
    hovered = spot;
    if (!s || !spot) options.onHover(null, 0, 0);
    else {
      const [x, y] = toScreen(s.panels[spot.panel], spot.point, places(s).list[spot.panel]);
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

  return {
    redraw,
    /** Points are others now. */
    reset() {
      hovered = null;
      redraw();
    },
  };
}
