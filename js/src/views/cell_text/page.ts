// The text on a canvas, each token on the colour of its state. Only the rows in sight are drawn, so a text
// of any length is recoloured within a frame.
import { createScroller, MONOSPACE, sized } from "../../parts/canvas";
import type { Track } from "../../parts/track";
import { type Layout, layOut, stepAt, stepInRow } from "./layout";

export interface PageState {
  shown: Track;
  /** The cell, as drawn; -1 colours nothing. */
  cell: number;
  /** CSS colour of each of the 256 levels. */
  colours: string[];
  /** Opacity of the line under each step, 0 to 1; null for none. */
  underline: Float32Array | null;
  ink: { text: string; muted: string; accent: string };
}

export interface PageOptions {
  signal: AbortSignal;
  label: string;
  state: () => PageState | null;
  /** The step under the pointer or the cursor, and where it stands in the stage. */
  onStep: (step: number | null, x: number, y: number, isKeyboard: boolean) => void;
  /** Go to another cell: so many further in the list, or to its start or end. */
  onCell: (by: number | "first" | "last") => void;
}

const FONT = `14px ${MONOSPACE}`;
const ROW = 23;
const PAD = 8;
const LINE = 2; // the line under a token whose annotation is true

export function createPage(stage: HTMLElement, options: PageOptions) {
  const { signal, state } = options;
  stage.classList.add("nbviz-celltext");
  const { scroller, spacer, canvas, redraw, drawNow } = createScroller(
    stage,
    { className: "nbviz-celltext-page", label: options.label, signal },
    draw,
  );
  const ruler = document.createElement("canvas").getContext("2d");
  if (ruler) ruler.font = FONT;
  const letter = ruler?.measureText("0").width || 8.4;
  let kept: { key: string; columns: number; layout: Layout } | null = null;
  let cursor: number | null = null;
  let hovered: number | null = null;

  function layoutOf(s: PageState): Layout {
    const columns = Math.max(8, Math.floor((scroller.clientWidth - 2 * PAD) / letter));
    const { key, tokens, boundaries } = s.shown.meta;
    if (kept?.key !== key || kept.columns !== columns) {
      kept = { key, columns, layout: layOut(tokens, columns, boundaries) };
      hovered = null;
      if (cursor !== null && cursor >= tokens.length) cursor = null;
    }
    return kept.layout;
  }

  function draw(): void {
    const s = state();
    const [width, height] = [scroller.clientWidth, scroller.clientHeight];
    if (!s || !width) return;
    const layout = layoutOf(s);
    spacer.style.height = `${(layout.starts.length - 1) * ROW + 2 * PAD}px`;
    const context = sized(canvas, width, height);
    if (!context) return;
    const first = Math.max(0, Math.floor((scroller.scrollTop - PAD) / ROW));
    const last = Math.min(layout.starts.length - 1, Math.ceil((scroller.scrollTop + height) / ROW));
    context.translate(PAD, PAD - scroller.scrollTop);
    context.font = FONT;
    context.textBaseline = "middle";
    for (let row = first; row < last; row++) drawRow(context, s, layout, row);
    for (const step of [hovered, cursor])
      if (step !== null) {
        context.strokeStyle = s.ink.text;
        context.lineWidth = step === cursor ? 2 : 1;
        context.strokeRect(...box(layout, step));
      }
  }

  const edge = (column: number) => Math.round(column * letter);

  const box = (layout: Layout, step: number): [number, number, number, number] => [
    layout.column[step] * letter,
    layout.row[step] * ROW + 1,
    layout.width[step] * letter,
    ROW - 2,
  ];

  function drawRow(context: CanvasRenderingContext2D, s: PageState, layout: Layout, row: number): void {
    const { levels, meta } = s.shown;
    const [from, to] = [layout.starts[row], layout.starts[row + 1]];
    const y = row * ROW;
    const at = s.cell * meta.steps;
    if (s.cell >= 0)
      for (let t = from; t < to; t++) {
        context.fillStyle = s.colours[levels[at + t]];
        // Whole pixels, so that no seam shows between two columns.
        const [x, end] = [edge(layout.column[t]), edge(layout.column[t] + layout.width[t])];
        context.fillRect(x, y + 1, end - x, ROW - 2);
      }
    if (s.underline) {
      context.fillStyle = s.ink.text;
      for (let t = from; t < to; t++) {
        if (!(s.underline[t] > 0)) continue;
        context.globalAlpha = s.underline[t];
        const [x, end] = [edge(layout.column[t]), edge(layout.column[t] + layout.width[t])];
        context.fillRect(x, y + ROW - 1 - LINE, end - x, LINE);
      }
      context.globalAlpha = 1;
    }
    const middle = y + ROW / 2 - 0.5;
    let run = "";
    context.fillStyle = s.ink.text;
    for (let t = from; t < to; t++) {
      const text = layout.texts[t];
      const isPlain = /^[ -~]*$/.test(text);
      // Letters of a row at once, as far as the font has their width for sure.
      run +=
        " ".repeat(Math.max(0, layout.column[t] - run.length)) +
        (isPlain ? text : " ".repeat(layout.width[t]));
      if (isPlain) continue;
      if (text === "↵" || text === "⇥") context.fillStyle = s.ink.muted;
      context.fillText(text, layout.column[t] * letter, middle, layout.width[t] * letter);
      context.fillStyle = s.ink.text;
    }
    context.fillText(run, 0, middle);
  }

  function tell(layout: Layout, step: number | null, isKeyboard: boolean): void {
    const [x, y, w] = step === null ? [0, 0, 0] : box(layout, step);
    options.onStep(step, PAD + x + w / 2, PAD + y - scroller.scrollTop, isKeyboard);
  }

  function stepUnder(event: PointerEvent): [Layout, number | null] | null {
    const s = state();
    if (!s) return null;
    const layout = layoutOf(s);
    const place = canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - place.top + scroller.scrollTop - PAD) / ROW);
    const column = Math.floor((event.clientX - place.left - PAD) / letter);
    return [layout, stepAt(layout, row, column)];
  }

  canvas.addEventListener(
    "pointermove",
    (event) => {
      const found = stepUnder(event);
      if (!found || found[1] === hovered) return;
      hovered = found[1];
      tell(found[0], hovered, false);
      redraw();
    },
    { signal },
  );
  canvas.addEventListener(
    "pointerdown",
    (event) => {
      const found = stepUnder(event);
      canvas.focus({ preventScroll: true });
      if (!found) return;
      cursor = found[1] === cursor ? null : found[1];
      redraw();
    },
    { signal },
  );
  canvas.addEventListener(
    "pointerleave",
    () => {
      hovered = null;
      options.onStep(null, 0, 0, false);
      redraw();
    },
    { signal },
  );
  canvas.addEventListener("keydown", onKey, { signal });

  function onKey(event: KeyboardEvent): void {
    const s = state();
    if (!s || event.ctrlKey || event.metaKey || event.altKey) return;
    const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const up = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.shiftKey && (sideways || up)) moveCursor(s, sideways ?? 0, up ?? 0);
    else if (sideways) options.onCell(sideways);
    else if (up) scroller.scrollTop += up * ROW;
    else if (event.key === "Home" || event.key === "End")
      options.onCell(event.key === "Home" ? "first" : "last");
    else if (event.key === "Escape" && cursor !== null) {
      cursor = null;
      tell(layoutOf(s), null, true);
      redraw();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function moveCursor(s: PageState, by: number, rows: number): void {
    const layout = layoutOf(s);
    if (cursor === null) cursor = layout.starts[Math.ceil(scroller.scrollTop / ROW)] ?? 0;
    else if (rows) cursor = stepInRow(layout, cursor, rows);
    else cursor = Math.max(0, Math.min(s.shown.meta.steps - 1, cursor + by));
    const y = layout.row[cursor] * ROW;
    if (y < scroller.scrollTop) scroller.scrollTop = y;
    const below = y + ROW + 2 * PAD - scroller.clientHeight;
    if (below > scroller.scrollTop) scroller.scrollTop = below;
    tell(layout, cursor, true);
    redraw();
  }

  return { draw: drawNow };
}
