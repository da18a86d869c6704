// Attention as a matrix: who looks at what, in every head, and what changes when the look is changed.
// The other half is nbviz/views/attention_heatmap.py.
import { h } from "preact";
import type { Frame } from "../channel";
import { VIRIDIS } from "../parts/colours";
import { legendCss } from "../parts/legend";
import { acts, createShell } from "../parts/shell";
import { createTextBox } from "../parts/textbox";
import { addStyle } from "../parts/theme";
import { defineView, type Model, onChange } from "../parts/view";
import { arcAt, arcBox, drawArcs, MOST_TOKENS } from "./attention_heatmap/arcs";
import {
  isChanged,
  isUniform,
  toggled,
  UNCHANGED,
  withForced,
  withUniform,
} from "./attention_heatmap/changes";
import { controlsOf, factsOf, LIMITS } from "./attention_heatmap/controls";
import { listen, NO_ZOOM, zoomed } from "./attention_heatmap/gestures";
import { boxOf, cellAt, drawMatrix, heat, inkOf, type MatrixState } from "./attention_heatmap/matrix";
import {
  type AttentionMeta,
  type AttentionSpecimen,
  type Matrix,
  type Overview,
  readMatrix,
} from "./attention_heatmap/meta";
import { drawPictures, pictureAt } from "./attention_heatmap/over_picture";
import { Side } from "./attention_heatmap/side";
import css from "./attention_heatmap/style.css";
import { createTip, type Place, spokenOf, tipOf } from "./attention_heatmap/words";

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let matrix: Matrix | null = null;
  let picture: HTMLCanvasElement | null = null; // drawn anew when matrix or scale change
  const chosen = { drawing: "matrix", scale: "largest", sort: "" }; // of this page alone
  let zoom = { ...NO_ZOOM };
  let hovered: Place | null = null;
  let frame = 0;
  let perRow = 1; // pictures in a row below

  const specimen = (): AttentionSpecimen => ({
    editable: false,
    samples: 1,
    writes: false,
    live: false,
    ...model.get("specimen"),
  });
  const get = (name: string) => shell.channel.get(name);
  const overview = (): Overview | null => (model.get("overview")?.pictures ? model.get("overview") : null);
  const own = (name: keyof typeof chosen) => ({
    get: () => chosen[name],
    set: (value: string) => {
      chosen[name] = value;
      picture = null;
      redraw();
    },
  });
  const reads = (read: () => unknown) => ({ get: read, set: () => {} });

  // biome-ignore lint/suspicious/noExplicitAny: local values are of any type
  const local: Record<string, { get: () => any; set: (value: any) => void }> = {
    drawing: own("drawing"),
    scale: own("scale"),
    sort: own("sort"),
    row: { get: () => model.get("row"), set: (value) => mark(value, -1) },
    uniform_head: {
      get: () => isUniform(get, get("layer"), get("head")),
      set: (value) => {
        const uniform = withUniform(get("uniform"), get("layer"), get("head"), value);
        shell.channel.set({ uniform, uniform_all: false });
      },
    },
    undo: acts(() => shell.channel.set({ ...UNCHANGED })),
    fit: acts(() => {
      zoom = { ...NO_ZOOM };
      redraw();
    }),
    is_changed: reads(() => isChanged(get)),
    is_zoomed: reads(() => zoom.k !== 1),
  };
  const shell = createShell(model, el, signal, {
    label: "Attention",
    limits: LIMITS,
    controls: () =>
      controlsOf(specimen(), matrix?.meta ?? null, Object.keys(overview()?.scores ?? {}), (name) =>
        local[name] ? local[name].get() : get(name),
      ),
    facts: () => factsOf(matrix?.meta ?? null),
    onFrame(frame: Frame) {
      const before = matrix;
      matrix = readMatrix(frame.meta as AttentionMeta, frame.arrays);
      if (before && (before.rows !== matrix.rows || before.columns !== matrix.columns)) zoom = { ...NO_ZOOM };
      picture = null;
      redraw();
    },
    onTheme: () => redraw(),
    local,
  });
  const { root, stage, channel } = shell;
  root.classList.add("nbviz-attention");
  for (const sheet of [legendCss, css]) addStyle(root, sheet);
  const canvas = document.createElement("canvas");
  canvas.className = "nbviz-attention-canvas";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute(
    "aria-label",
    "Attention weights, a row for each token that looks. Arrow keys move the marked cell, H hides the marked " +
      "column's token, plus and minus zoom, Escape clears.",
  );
  stage.append(canvas);
  const tip = createTip(stage);
  const live = document.createElement("div");
  live.className = "nbviz-hidden";
  live.setAttribute("aria-live", "polite");
  const pictures = document.createElement("canvas");
  pictures.setAttribute("aria-label", "Attention over the picture, one for each word; click one to mark it");
  root.append(live);
  if (specimen().editable) {
    const text = createTextBox("Text that the model reads", String(model.get("text")), signal, (value) =>
      channel.set({ text: value, hidden: [], force: {} }),
    );
    text.box.className = "nbviz-attention-text";
    text.box.rows = String(model.get("text")).length > 120 ? 3 : 1;
    root.insertBefore(text.box, stage.parentElement);
    onChange(model, signal, { text: () => text.set(String(model.get("text"))) });
  }

  function state(): MatrixState | null {
    if (!matrix) return null;
    return {
      matrix,
      ramp: VIRIDIS,
      top: chosen.scale === "one" ? 1 : matrix.meta.top || 1,
      zoom,
      row: model.get("row"),
      column: model.get("column"),
      hidden: get("hidden"),
      forced: Object.keys(get("force")).map(Number),
      ink: inkOf(root),
    };
  }

  const isArcs = () =>
    chosen.drawing === "arcs" && matrix !== null && Math.max(matrix.rows, matrix.columns) <= MOST_TOKENS;

  function draw(): void {
    frame = 0;
    const s = state();
    if (!s || signal.aborted) return;
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = [stage.clientWidth, stage.clientHeight];
    if (!width || !height) return; // hidden for now, while the page's theme loads: the last picture stays
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext("2d");
    if (!context) return;
    context.scale(ratio, ratio);
    if (isArcs()) drawArcs(context, hovered ? { ...s, ...hovered } : s, arcBox(s, width, height), width);
    else {
      picture ??= heat(s.matrix, s.ramp, s.top);
      drawMatrix(context, s, boxOf(s, width, height), picture);
    }
    stage.dataset.size = s.matrix.meta.size.join("x");
    drawSide(s);
    if (s.matrix.meta.grid) {
      if (!pictures.isConnected) shell.below.append(pictures);
      perRow = drawPictures(pictures, s.matrix, s.ramp, s.row, shell.below.clientWidth || width, s.ink);
    } else pictures.remove();
  }

  function drawSide(s: MatrixState): void {
    const all = overview();
    shell.renderSide(
      h(Side, {
        matrix: s.matrix,
        ramp: s.ramp,
        top: s.top,
        row: s.row,
        column: s.column,
        hidden: s.hidden,
        forced: get("force"),
        writes: specimen().writes,
        live: specimen().live,
        heads: all && {
          overview: all,
          ramp: s.ramp,
          layer: get("layer"),
          head: get("combine") === "head" ? get("head") : -1,
          sort: chosen.sort,
          uniform: (layer, head) => isUniform(get, layer, head),
          onChoose: (layer, head) => channel.set({ layer, head, combine: "head" }),
        },
        onForce: (step, token) => channel.set({ force: withForced(get("force"), step, token) }),
        onHide: hide,
        onMark: mark,
      }),
    );
  }

  function redraw(): void {
    if (!frame) frame = requestAnimationFrame(draw);
  }

  function mark(row: number, column: number): void {
    channel.assign({ row, column });
    if (matrix) live.textContent = spokenOf(matrix, { row, column });
    redraw();
    shell.refresh();
  }

  function hide(column: number): void {
    if (!specimen().live) return;
    channel.set({ hidden: toggled(get("hidden"), column) });
    redraw();
  }

  function under(event: MouseEvent): Place | null {
    const s = state();
    if (!s) return null;
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (isArcs()) return arcAt(s, arcBox(s, box.width, box.height), x, y);
    return cellAt(s, boxOf(s, box.width, box.height), x, y);
  }

  listen(canvas, {
    signal,
    zoom: () => zoom,
    onMove(next) {
      zoom = next;
      redraw();
    },
    onZoom(factor, x, y) {
      const s = state();
      if (!s || isArcs()) return;
      zoom = zoomed(zoom, factor, boxOf(s, stage.clientWidth, stage.clientHeight), x, y);
      redraw();
      shell.refresh();
    },
    onHover(event) {
      const at = under(event);
      if (isArcs()) {
        hovered = at;
        redraw();
      }
      if (at && matrix) tip.show(tipOf(matrix, at, specimen().live), event);
      else tip.hide();
    },
    onLeave() {
      tip.hide();
      hovered = null;
      if (isArcs()) redraw();
    },
    at: under,
    marked: () => ({ row: Number(model.get("row")), column: Number(model.get("column")) }),
    onMark: mark,
    onHide: hide,
    size: () => matrix,
  });
  pictures.addEventListener(
    "click",
    (event) => {
      const row = matrix ? pictureAt(pictures, matrix.rows, perRow, event) : null;
      if (row !== null) mark(row, -1);
    },
    { signal },
  );

  const resized = new ResizeObserver(() => redraw());
  resized.observe(stage);
  onChange(model, signal, {
    row: redraw,
    column: redraw,
    overview: redraw,
  });
  signal.addEventListener("abort", () => {
    resized.disconnect();
    cancelAnimationFrame(frame);
  });
  redraw();
}

export default defineView(open);
