// Attention as a matrix: who looks at what, in every head, and what changes when the look is changed.
// The other half is nbviz/views/attention_heatmap.py.
import type { AnyModel, Render } from "@anywidget/types";
import { h } from "preact";
import type { Frame } from "../channel";
import { VIRIDIS } from "../parts/colours";
import { legendCss } from "../parts/legend";
import { createShell } from "../parts/shell";
import { createTextBox } from "../parts/textbox";
import { addStyle } from "../parts/theme";
import { arcAt, arcBox, drawArcs, MOST_TOKENS } from "./attention_heatmap/arcs";
import { controlsOf, factsOf, LIMITS } from "./attention_heatmap/controls";
import { boxOf, cellAt, drawMatrix, heat, type Ink, type MatrixState } from "./attention_heatmap/matrix";
import {
  type AttentionMeta,
  type AttentionSpecimen,
  type Matrix,
  type Overview,
  printed,
  readMatrix,
} from "./attention_heatmap/meta";
import { drawPictures } from "./attention_heatmap/over_picture";
import { Side } from "./attention_heatmap/side";
import css from "./attention_heatmap/style.css";

const NO_ZOOM = { k: 1, x: 0, y: 0 };

// biome-ignore lint/suspicious/noExplicitAny: traits are of any type
function open(model: AnyModel<any>, el: HTMLElement, signal: AbortSignal): void {
  let matrix: Matrix | null = null;
  let picture: HTMLCanvasElement | null = null; // drawn anew when matrix or scale change
  let drawing = "matrix";
  let scale = "largest";
  let sort = "";
  let zoom = { ...NO_ZOOM };
  let pressed: { x: number; y: number; zoom: typeof zoom; moved: boolean } | null = null;
  let hovered: { row: number; column: number } | null = null;
  let frame = 0;

  const specimen = (): AttentionSpecimen => ({
    editable: false,
    samples: 1,
    writes: false,
    live: false,
    ...model.get("specimen"),
  });
  const get = (name: string) => shell.channel.get(name);
  const overview = (): Overview | null => (model.get("overview")?.pictures ? model.get("overview") : null);
  const acts = (action: () => void) => ({ get: () => false, set: action });
  const own = (read: () => unknown, write: (value: string) => void) => ({
    get: read,
    set: (value: string) => {
      write(value);
      picture = null;
      redraw();
    },
  });
  const isUniform = (layer: number, head: number) =>
    get("uniform_all") ||
    (get("uniform") as number[][]).some((u) => u[0] === layer && (u.length === 1 || u[1] === head));
  const isChanged = () =>
    get("temperature") !== 1 ||
    get("hidden").length > 0 ||
    get("uniform").length > 0 ||
    get("uniform_all") ||
    Object.keys(get("force")).length > 0;

  const shell = createShell(model, el, signal, {
    label: "Attention",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), matrix?.meta ?? null, Object.keys(overview()?.scores ?? {}), read),
    facts: () => factsOf(matrix?.meta ?? null),
    onFrame(frame: Frame) {
      const before = matrix;
      matrix = readMatrix(frame.meta as AttentionMeta, frame.arrays);
      if (before && (before.rows !== matrix.rows || before.columns !== matrix.columns)) zoom = { ...NO_ZOOM };
      picture = null;
      redraw();
    },
    onTheme: () => redraw(),
    local: {
      drawing: own(
        () => drawing,
        (value) => {
          drawing = value;
        },
      ),
      scale: own(
        () => scale,
        (value) => {
          scale = value;
        },
      ),
      sort: own(
        () => sort,
        (value) => {
          sort = value;
        },
      ),
      row: { get: () => model.get("row"), set: (value) => mark(value, -1) },
      uniform_head: {
        get: () => isUniform(get("layer"), get("head")),
        set: (value) => {
          const [layer, head] = [get("layer"), get("head")];
          const others = (get("uniform") as number[][]).filter((u) => u[0] !== layer || u[1] !== head);
          shell.channel.set({ uniform: value ? [...others, [layer, head]] : others, uniform_all: false });
        },
      },
      undo: acts(() =>
        shell.channel.set({ temperature: 1, hidden: [], uniform: [], uniform_all: false, force: {} }),
      ),
      fit: acts(() => {
        zoom = { ...NO_ZOOM };
        redraw();
      }),
      is_changed: { get: isChanged, set: () => {} },
      is_zoomed: { get: () => zoom.k !== 1, set: () => {} },
    },
  });
  const { root, stage, channel } = shell;
  function read(name: string): unknown {
    if (name === "is_changed") return isChanged();
    if (name === "is_zoomed") return zoom.k !== 1;
    if (name === "uniform_head") return isUniform(get("layer"), get("head"));
    if (name === "sort") return sort;
    return name === "row" ? model.get("row") : get(name);
  }
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
  const tip = document.createElement("div");
  tip.className = "nbviz-attention-tip";
  tip.hidden = true;
  const live = document.createElement("div");
  live.className = "nbviz-hidden";
  live.setAttribute("aria-live", "polite");
  const pictures = document.createElement("canvas");
  pictures.setAttribute("aria-label", "Attention over the picture, one for each word; click one to mark it");
  stage.append(canvas, tip);
  root.append(live);
  if (specimen().editable) {
    const text = createTextBox("Text that the model reads", String(model.get("text")), signal, (value) =>
      channel.set({ text: value, hidden: [], force: {} }),
    );
    text.box.className = "nbviz-attention-text";
    text.box.rows = String(model.get("text")).length > 120 ? 3 : 1;
    root.insertBefore(text.box, stage.parentElement);
    model.on("change:text", () => text.set(String(model.get("text"))));
  }

  function state(): MatrixState | null {
    if (!matrix) return null;
    const style = getComputedStyle(root);
    const ink = Object.fromEntries(
      ["muted", "line", "panel", "accent"].map((name) => [
        name,
        style.getPropertyValue(`--nbviz-${name}`).trim(),
      ]),
    );
    return {
      matrix,
      ramp: VIRIDIS,
      top: scale === "one" ? 1 : matrix.meta.top || 1,
      zoom,
      row: model.get("row"),
      column: model.get("column"),
      hidden: get("hidden"),
      forced: Object.keys(get("force")).map(Number),
      ink: {
        ...ink,
        text: style.getPropertyValue("--nbviz-fg").trim(),
        page: style.getPropertyValue("--nbviz-bg").trim(),
      } as Ink,
    };
  }

  const isArcs = () =>
    drawing === "arcs" && matrix !== null && Math.max(matrix.rows, matrix.columns) <= MOST_TOKENS;

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

  let perRow = 1;

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
          sort,
          uniform: isUniform,
          onChoose: (layer, head) => channel.set({ layer, head, combine: "head" }),
        },
        onForce(step, token) {
          // What was forced further on belonged to another text.
          const kept = Object.entries(get("force")).filter(([at]) => Number(at) < step);
          channel.set({
            force: Object.fromEntries(token === null ? kept : [...kept, [String(step), token]]),
          });
        },
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
    if (matrix) {
      const { meta } = matrix;
      const parts = [
        row >= 0 ? `“${printed(meta.rows[row])}” looks` : "",
        column >= 0 ? `at “${printed(meta.columns[column])}”` : "",
        row >= 0 && column >= 0 ? matrix.weight(row, column).toFixed(3) : "",
      ];
      live.textContent = parts.filter(Boolean).join(" ");
    }
    redraw();
    shell.refresh();
  }

  function hide(column: number): void {
    if (!specimen().live) return;
    const hidden = get("hidden") as number[];
    const next = hidden.includes(column)
      ? hidden.filter((c) => c !== column)
      : [...hidden, column].sort((a, b) => a - b);
    channel.set({ hidden: next });
    redraw();
  }

  function under(event: MouseEvent): { row: number; column: number } | null {
    const s = state();
    if (!s) return null;
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (isArcs()) return arcAt(s, arcBox(s, box.width, box.height), x, y);
    return cellAt(s, boxOf(s, box.width, box.height), x, y);
  }

  function zoomBy(factor: number, x: number, y: number): void {
    const s = state();
    if (!s || isArcs()) return;
    const box = boxOf(s, stage.clientWidth, stage.clientHeight);
    const k = Math.max(1, Math.min(400, zoom.k * factor));
    const grow = k / zoom.k;
    zoom = {
      k,
      x: Math.max(0, (box.shiftX + x - box.left) * grow - (x - box.left)),
      y: Math.max(0, (box.shiftY + y - box.top) * grow - (y - box.top)),
    };
    redraw();
    shell.refresh();
  }

  canvas.addEventListener(
    "pointerdown",
    (event) => {
      canvas.setPointerCapture(event.pointerId);
      canvas.focus({ preventScroll: true });
      pressed = { x: event.clientX, y: event.clientY, zoom: { ...zoom }, moved: false };
    },
    { signal },
  );
  canvas.addEventListener(
    "pointermove",
    (event) => {
      if (pressed) {
        const [dx, dy] = [event.clientX - pressed.x, event.clientY - pressed.y];
        if (Math.hypot(dx, dy) > 4) pressed.moved = true;
        if (pressed.moved && zoom.k > 1) {
          zoom = { ...zoom, x: Math.max(0, pressed.zoom.x - dx), y: Math.max(0, pressed.zoom.y - dy) };
          redraw();
        }
        return;
      }
      showTip(event);
    },
    { signal },
  );
  canvas.addEventListener(
    "pointerup",
    (event) => {
      const at = pressed && !pressed.moved ? under(event) : null;
      pressed = null;
      if (!at) return;
      if (event.shiftKey && at.column >= 0 && at.row < 0) hide(at.column);
      else if (at.row === model.get("row") && at.column === model.get("column")) mark(-1, -1);
      else mark(at.row, at.column);
    },
    { signal },
  );
  canvas.addEventListener(
    "pointerleave",
    () => {
      tip.hidden = true;
      hovered = null;
      if (isArcs()) redraw();
    },
    { signal },
  );
  canvas.addEventListener("dblclick", () => zoomBy(1e-9, 0, 0), { signal });
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      zoomBy(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
    },
    { signal, passive: false },
  );
  canvas.addEventListener("keydown", onKey, { signal });
  pictures.addEventListener(
    "click",
    (event) => {
      if (!matrix) return;
      const high = pictures.clientHeight / Math.ceil(matrix.rows / perRow);
      const row = Math.floor(event.offsetY / high) * perRow + Math.floor(event.offsetX / 112);
      if (row < matrix.rows) mark(row, -1);
    },
    { signal },
  );

  function showTip(event: PointerEvent): void {
    const at = under(event);
    if (isArcs()) {
      hovered = at;
      redraw();
    }
    tip.hidden = !at || !matrix;
    if (!at || !matrix) return;
    const { meta } = matrix;
    const { row, column } = at;
    const told =
      row >= 0 && column >= 0
        ? `“${printed(meta.rows[row])}” → “${printed(meta.columns[column])}”: ${
            matrix.isMasked(row, column) ? "masked, may not look" : matrix.weight(row, column).toFixed(3)
          }`
        : row >= 0
          ? `row ${row}: “${meta.rows[row]}”, sum ${matrix.sums[row].toFixed(3)}`
          : `column ${column}: “${meta.columns[column]}”${specimen().live ? " (Shift and click hides it)" : ""}`;
    tip.textContent = told;
    const box = stage.getBoundingClientRect();
    tip.style.left = `${Math.max(0, Math.min(event.clientX - box.left + 14, box.width - 8 * told.length))}px`;
    tip.style.top = `${Math.max(0, event.clientY - box.top - 30)}px`;
  }

  function onKey(event: KeyboardEvent): void {
    if (!matrix) return;
    const [row, column] = [Number(model.get("row")), Number(model.get("column"))];
    const within = (x: number, n: number) => Math.max(0, Math.min(n - 1, x));
    const { rows, columns } = matrix;
    if (event.key === "ArrowDown") mark(within(row + 1, rows), column);
    else if (event.key === "ArrowUp") mark(within(row - 1, rows), column);
    else if (event.key === "ArrowRight") mark(row, within(column + 1, columns));
    else if (event.key === "ArrowLeft") mark(row, within(column - 1, columns));
    else if (event.key.toLowerCase() === "h" && column >= 0) hide(column);
    else if (event.key === "+" || event.key === "=")
      zoomBy(1.5, stage.clientWidth / 2, stage.clientHeight / 2);
    else if (event.key === "-") zoomBy(1 / 1.5, stage.clientWidth / 2, stage.clientHeight / 2);
    else if (event.key === "Escape") mark(-1, -1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  const resized = new ResizeObserver(() => redraw());
  resized.observe(stage);
  const listeners: [string, () => void][] = [
    ["change:row", redraw],
    ["change:column", redraw],
    ["change:overview", redraw],
  ];
  for (const [event, listener] of listeners) model.on(event, listener);
  signal.addEventListener("abort", () => {
    resized.disconnect();
    cancelAnimationFrame(frame);
    for (const [event, listener] of listeners) model.off(event, listener);
  });
  redraw();
}

const render: Render = ({ model, el }) => {
  const controller = new AbortController();
  open(model, el, controller.signal);
  return () => controller.abort();
};

export default { render };
