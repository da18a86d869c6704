// Cover parts of a picture, by hand or with a sliding window, and see what the model says.
// The other half is nbviz/views/occlusion_painter.py.
import type { AnyModel, Render } from "@anywidget/types";
import { h } from "preact";
import type { Frame } from "../channel";
import { barsCss, ChangeStrip, ShareBars } from "../parts/bars";
import { legendCss } from "../parts/legend";
import { History, Mask } from "../parts/mask";
import { createBoard, paintBoardCss, paintCursor, paintMask, type Tool } from "../parts/paint_board";
import { createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import {
  COVERED,
  controlsOf,
  factsOf,
  LIMITS,
  type PainterMeta,
  type PainterSpecimen,
} from "./occlusion_painter/controls";
import {
  cellAt,
  cellBox,
  cellColours,
  drawMap,
  mapLegend,
  type Quantity,
  readMap,
  type WindowMap,
} from "./occlusion_painter/map";
import { Peek, type PeekProps } from "./occlusion_painter/peek";
import css from "./occlusion_painter/style.css";

// biome-ignore lint/suspicious/noExplicitAny: traits are of any type
function open(model: AnyModel<any>, el: HTMLElement, signal: AbortSignal): void {
  let meta: PainterMeta | null = null;
  let clean: Uint8Array = new Uint8Array(0);
  let occluded: Uint8Array = new Uint8Array(0);
  let map: WindowMap | null = null;
  let mapPicture: HTMLCanvasElement | null = null; // drawn anew when map, quantity or theme change
  let mask = new Mask(0, 0);
  let drawn = new Mask(0, 0); // the mask that the kernel's picture shows
  let tool: Tool = "brush";
  let start: [number, number] | null = null;
  let last: [number, number] | null = null;
  let erasing = false;
  let cursor: [number, number] | null = null;
  let cell: number | null = null;
  let peek: PeekProps | null = null;
  let hint: string | null = null;
  const history = new History<Mask>();

  const specimen = (): PainterSpecimen => ({
    samples: 1,
    classes: [],
    layers: [],
    patch: false,
    ...model.get("specimen"),
  });
  const size = (): [number, number] => meta?.size ?? [0, 0];
  const side = () => Math.min(...size()) || 28;
  const or = (name: string, standard: number) => ({
    get: () => shell.channel.get(name) || Math.max(1, Math.round(standard)),
    set: (value: number) => shell.channel.set({ [name]: value }),
  });
  const isSlide = () => model.get("mode") === "slide";
  const assigned = (name: string) => ({
    get: () => model.get(name),
    set: (value: unknown) => {
      shell.channel.assign({ [name]: value });
      mapPicture = null;
      redraw();
    },
  });
  const pressable = (name: Tool) => ({ get: () => tool === name, set: () => setTool(name) });
  const acts = (action: () => void) => ({ get: () => false, set: action });

  const shell = createShell(model, el, signal, {
    label: "Occlusion painter",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), size(), history, get),
    facts: () => (meta ? factsOf(meta, (name) => model.get(name), hint) : []),
    onFrame: show,
    onTheme: () => {
      mapPicture = null;
      redraw();
    },
    onPending: (pending) => board.setDimmed(pending && shell.root.dataset.link === "gone"),
    onMessage: (message, buffers) => {
      if (message.type !== "peek" || message.cell !== cell) return;
      const rgb = new Uint8Array(
        buffers[0].buffer as ArrayBuffer,
        buffers[0].byteOffset,
        buffers[0].byteLength,
      );
      peek = { size: size(), rgb, classes: message.classes as PeekProps["classes"] };
      renderSide();
    },
    local: {
      window_height: { get: () => or("window_height", side() / 7).get(), set: or("window_height", 0).set },
      window_width: { get: () => or("window_width", side() / 7).get(), set: or("window_width", 0).set },
      stride: { get: () => or("stride", side() / 28).get(), set: or("stride", 0).set },
      brush_size: {
        get: () => brush(),
        set: (value) => {
          shell.channel.assign({ brush: value });
          redraw();
        },
      },
      quantity: assigned("quantity"),
      opacity: assigned("opacity"),
      sample: {
        get: () => shell.channel.get("sample"),
        set: (value) => {
          mask = new Mask(...size());
          shell.channel.set({ sample: value, mask: mask.pack() });
        },
      },
      brush: pressable("brush"),
      eraser: pressable("eraser"),
      rectangle: pressable("rectangle"),
      undo: acts(() => change(history.undo(mask.copy()))),
      redo: acts(() => change(history.redo(mask.copy()))),
      clear: acts(() => {
        history.push(mask.copy());
        change(new Mask(...size()));
      }),
    },
  });
  const get = (name: string) => (name === "tool" ? tool : shell.channel.get(name));
  const brush = () => Number(model.get("brush")) || Math.max(1, Math.round(side() / 8));
  const { root, stage } = shell;
  root.classList.add("nbviz-painter");
  for (const sheet of [legendCss, barsCss, paintBoardCss, css]) addStyle(root, sheet);

  const board = createBoard(stage, {
    signal,
    label:
      "Picture to cover. B brush, E eraser, R rectangle, arrow keys move, Space paints, Ctrl Z undoes. " +
      "With a sliding window, arrow keys move it and Enter covers the place.",
    size,
    onDown(x, y, event) {
      if (isSlide()) {
        coverWindow();
        return;
      }
      hint = null;
      history.push(mask.copy());
      erasing = tool === "eraser" || event.altKey;
      start = last = [x, y];
      stroke(x, y);
    },
    onDrag(x, y) {
      if (start) stroke(x, y);
    },
    onUp(x, y) {
      if (start && tool === "rectangle") {
        mask.rectangle(...start, x, y, erasing ? 0 : 1);
        send();
      }
      start = last = null;
      redraw();
    },
    onMove(x, y) {
      cursor = x === null || y === null ? null : [x, y];
      if (isSlide() && map) point(cursor && cellAt(map, ...cursor));
      redraw();
    },
    onKey,
    onResize: () => redraw(),
  });

  function setTool(name: Tool): void {
    tool = name;
    shell.refresh();
    redraw();
  }

  function send(): void {
    shell.channel.set({ mask: mask.pack() });
    shell.refresh();
    redraw();
  }

  function change(next: Mask): void {
    hint = null;
    mask = next;
    send();
  }

  function stroke(x: number, y: number): void {
    if (tool !== "rectangle") {
      mask.line(...(last ?? [x, y]), x, y, brush(), erasing ? 0 : 1);
      send();
    }
    last = [x, y];
    redraw();
  }

  /** The window under the pointer becomes a stroke. */
  function coverWindow(): void {
    if (!map || cell === null) return;
    const [height, width] = map.meta.window;
    history.push(mask.copy());
    mask.rectangle(map.left[cell], map.top[cell], map.left[cell] + width, map.top[cell] + height, 1);
    hint = COVERED;
    shell.channel.set({ mode: "paint", mask: mask.pack() });
    shell.refresh();
  }

  function point(at: number | null): void {
    if (at === cell) return;
    cell = at;
    peek = null;
    if (cell !== null) shell.channel.send({ type: "peek", cell });
    renderSide();
  }

  function onKey(event: KeyboardEvent): void {
    const move: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const tools: Record<string, Tool> = { b: "brush", e: "eraser", r: "rectangle" };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const command = event.ctrlKey || event.metaKey;
    if (command && key === "z")
      change(event.shiftKey ? history.redo(mask.copy()) : history.undo(mask.copy()));
    else if (command && key === "y") change(history.redo(mask.copy()));
    else if (command) return;
    else if (tools[key] && !isSlide()) setTool(tools[key]);
    else if (move[key]) {
      const [dx, dy] = move[key];
      if (isSlide() && map) {
        const { rows, columns } = map.meta;
        const at = cell ?? 0;
        const row = Math.min(rows - 1, Math.max(0, Math.floor(at / columns) + dy));
        const column = Math.min(columns - 1, Math.max(0, (at % columns) + dx));
        point(row * columns + column);
      } else {
        const pace = Math.max(1, brush() / 2);
        const [x, y] = cursor ?? [size()[1] / 2, size()[0] / 2];
        cursor = [x + dx * pace, y + dy * pace];
      }
      redraw();
    } else if (key === " " && !isSlide()) {
      const [x, y] = cursor ?? [size()[1] / 2, size()[0] / 2];
      history.push(mask.copy());
      mask.line(x, y, x, y, brush(), tool === "eraser" ? 0 : 1);
      send();
    } else if (key === "Enter" && isSlide()) coverWindow();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function show(frame: Frame): void {
    const before = meta;
    meta = frame.meta as PainterMeta;
    [clean, occluded] = frame.arrays as Uint8Array[];
    map = meta.map ? readMap(meta.map, frame.arrays.slice(2)) : null;
    mapPicture = null;
    drawn = Mask.read(model.get("mask"), ...meta.size);
    if (!start && !shell.channel.isWaiting()) mask = drawn.copy();
    if (before && before.row !== meta.row) cell = null;
    const [height, width] = meta.size;
    stage.style.aspectRatio = `${width} / ${height}`;
    stage.dataset.generation = String(frame.generation);
    stage.dataset.kind = frame.kind;
    redraw();
    renderBelow();
  }

  function redraw(): void {
    if (!meta) return;
    const slide = isSlide() && map !== null;
    board.showPicture(slide ? clean : occluded);
    if (slide && map) mapPicture ??= drawMap(map, cellColours(map, quantity(), shell.theme().dark), size());
    board.drawOver((g, zoom) => {
      if (slide && map) {
        g.globalAlpha = Number(model.get("opacity"));
        if (mapPicture) g.drawImage(mapPicture, 0, 0, size()[1], size()[0]);
        g.globalAlpha = 1;
        if (cell !== null) outline(g, zoom, cell);
        return;
      }
      if (!mask.equals(drawn)) paintMask(g, mask, "rgba(86, 180, 233, 0.45)");
      if (start && last && tool === "rectangle") {
        g.fillStyle = "rgba(86, 180, 233, 0.45)";
        g.fillRect(start[0], start[1], last[0] - start[0], last[1] - start[1]);
      }
      if (cursor) paintCursor(g, zoom, ...cursor, brush(), tool);
    });
    renderSide();
  }

  function outline(g: CanvasRenderingContext2D, zoom: number, at: number): void {
    const [height, width] = map!.meta.window;
    const box = cellBox(map!, at);
    for (const [colour, line] of [
      ["#000", 3],
      ["#fff", 1.2],
    ] as [string, number][]) {
      g.strokeStyle = colour;
      g.lineWidth = line / zoom;
      g.strokeRect(map!.left[at], map!.top[at], width, height);
      g.strokeRect(...box);
    }
  }

  function quantity(): Quantity {
    const wanted = model.get("quantity") as Quantity;
    return wanted === "activation" && !map?.meta.layer ? "probability" : wanted;
  }

  function renderSide(): void {
    if (!meta) return;
    const slide = isSlide() && map !== null;
    const bars = meta.classes.map(({ name, before, after }) => ({
      name,
      before,
      after,
      emphasised: slide && name === map!.meta.target,
    }));
    const pick = (row: number) => shell.channel.set({ target: meta!.classes[row].index });
    shell.renderSide(
      h("div", { class: "nbviz-painter-side" }, [
        slide ? mapLegend(map!, quantity(), shell.theme().dark) : null,
        slide
          ? h(Peek, {
              peek,
              hint: "Point at the map: the picture as the model saw it there. A click covers the place.",
            })
          : null,
        h(
          "div",
          { class: "nbviz-side-title" },
          slide
            ? "class to map (probability on the picture as painted)"
            : "class probability: outline before, bar now",
        ),
        h(ShareBars, { label: "Class probabilities", bars, onPick: slide ? pick : undefined }),
      ]),
    );
  }

  function renderBelow(): void {
    if (!meta) return;
    shell.renderBelow(
      isSlide()
        ? null
        : h(ChangeStrip, { title: "relative change of each layer's activations", layers: meta.layers }),
    );
  }

  const listeners: [string, () => void][] = [
    [
      "change:mask",
      () => {
        const incoming = Mask.read(model.get("mask"), ...size());
        if (!start && !shell.channel.isWaiting()) mask = incoming;
        redraw();
      },
    ],
    [
      "change:quantity",
      () => {
        mapPicture = null;
        redraw();
      },
    ],
    ["change:opacity", redraw],
    [
      "change:mode",
      () => {
        if (isSlide()) hint = null;
      },
    ],
    ["change:brush", redraw],
    ["change:specimen", () => shell.refresh()],
  ];
  for (const [event, listener] of listeners) model.on(event, listener);
  signal.addEventListener("abort", () => {
    for (const [event, listener] of listeners) model.off(event, listener);
  });
}

const render: Render = ({ model, el }) => {
  const controller = new AbortController();
  open(model, el, controller.signal);
  return () => controller.abort();
};

export default { render };
