// Cover parts of a picture, by hand or with a sliding window, and see what the model says.
// The other half is nbviz/views/occlusion_painter.py.
import { h } from "preact";
import { type Frame, typedArray } from "../channel";
import { barsCss, ChangeStrip } from "../parts/bars";
import { legendCss } from "../parts/legend";
import { Mask } from "../parts/mask";
import { createBoard, paintBoardCss, paintCursor, type Tool } from "../parts/paint_board";
import { acts, createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import { defineView, type Model, onChange } from "../parts/view";
import { Brushwork, paintUnsent } from "./occlusion_painter/brushwork";
import {
  COVERED,
  controlsOf,
  factsOf,
  LIMITS,
  type PainterMeta,
  type PainterSpecimen,
} from "./occlusion_painter/controls";
import { KEYS, onKey } from "./occlusion_painter/keys";
import {
  cellAt,
  cellColours,
  drawMap,
  outlineCell,
  quantityOf,
  readMap,
  stepped,
  type WindowMap,
} from "./occlusion_painter/map";
import type { PeekProps } from "./occlusion_painter/peek";
import { Side } from "./occlusion_painter/side";
import css from "./occlusion_painter/style.css";

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let meta: PainterMeta | null = null;
  let clean: Uint8Array = new Uint8Array(0);
  let occluded: Uint8Array = new Uint8Array(0);
  let map: WindowMap | null = null;
  let mapPicture: HTMLCanvasElement | null = null; // drawn anew when map, quantity or theme change
  let drawn = new Mask(0, 0); // the mask that the kernel's picture shows
  let cursor: [number, number] | null = null;
  let cell: number | null = null;
  let peek: PeekProps | null = null;
  let hint: string | null = null;

  const specimen = (): PainterSpecimen => ({
    samples: 1,
    classes: [],
    layers: [],
    patch: false,
    ...model.get("specimen"),
  });
  const size = (): [number, number] => meta?.size ?? [0, 0];
  const side = () => Math.min(...size()) || 28;
  /** 0 asks the kernel for its own choice: so many parts of the picture's shorter side. */
  const usual = (name: string, parts: number) => ({
    get: () => shell.channel.get(name) || Math.max(1, Math.round(side() / parts)),
    set: (value: number) => shell.channel.set({ [name]: value }),
  });
  const isSlide = () => model.get("mode") === "slide";
  const quantity = () => quantityOf(map, model.get("quantity"));
  const assigned = (name: string) => ({
    get: () => model.get(name),
    set: (value: unknown) => {
      shell.channel.assign({ [name]: value });
      redrawMap();
    },
  });
  const redrawMap = () => {
    mapPicture = null;
    redraw();
  };
  const pressable = (name: Tool) => ({ get: () => work.tool === name, set: () => setTool(name) });

  const work = new Brushwork({
    size,
    brush: () => brush(),
    onChange: () => {
      hint = null;
      shell.channel.set({ mask: work.mask.pack() });
      shell.refresh();
      redraw();
    },
  });

  const shell = createShell(model, el, signal, {
    label: "Occlusion painter",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), size(), work.history, get),
    facts: () => (meta ? factsOf(meta, (name) => model.get(name), hint) : []),
    onFrame: show,
    onTheme: redrawMap,
    onPending: (pending) => board.setDimmed(pending && shell.root.dataset.link === "gone"),
    onMessage: (message, buffers) => {
      if (message.type !== "peek" || message.cell !== cell) return;
      peek = {
        size: size(),
        rgb: typedArray(buffers[0], "uint8") as Uint8Array,
        classes: message.classes as PeekProps["classes"],
      };
      renderSide();
    },
    local: {
      window_height: usual("window_height", 7),
      window_width: usual("window_width", 7),
      stride: usual("stride", 28),
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
          work.mask = new Mask(...size());
          shell.channel.set({ sample: value, mask: work.mask.pack() });
        },
      },
      brush: pressable("brush"),
      eraser: pressable("eraser"),
      rectangle: pressable("rectangle"),
      undo: acts(() => work.undo()),
      redo: acts(() => work.redo()),
      clear: acts(() => work.clear()),
    },
  });
  const get = (name: string) => (name === "tool" ? work.tool : shell.channel.get(name));
  const brush = () => Number(model.get("brush")) || Math.max(1, Math.round(side() / 8));
  const { root, stage } = shell;
  root.classList.add("nbviz-painter");
  for (const sheet of [legendCss, barsCss, paintBoardCss, css]) addStyle(root, sheet);

  const board = createBoard(stage, {
    signal,
    label: `Picture to cover. ${KEYS}`,
    size,
    onDown(x, y, event) {
      if (isSlide()) {
        coverWindow();
        return;
      }
      hint = null;
      work.down(x, y, event);
      redraw();
    },
    onDrag(x, y) {
      work.drag(x, y);
      redraw();
    },
    onUp(x, y) {
      work.up(x, y);
      redraw();
    },
    onMove(x, y) {
      cursor = x === null || y === null ? null : [x, y];
      if (isSlide() && map) point(cursor && cellAt(map, ...cursor));
      redraw();
    },
    onKey: (event) => onKey(event, keys),
    onResize: () => redraw(),
  });

  const keys = {
    work,
    isSlide,
    setTool,
    brush,
    cursor: (): [number, number] => cursor ?? [size()[1] / 2, size()[0] / 2],
    setCursor: (x: number, y: number) => {
      cursor = [x, y];
      redraw();
    },
    moveWindow: (right: number, down: number) => {
      if (map) point(stepped(map, cell, right, down));
      redraw();
    },
    coverWindow,
  };

  function setTool(name: Tool): void {
    work.tool = name;
    shell.refresh();
    redraw();
  }

  /** The window under the pointer becomes a stroke. */
  function coverWindow(): void {
    if (!map || cell === null) return;
    const [height, width] = map.meta.window;
    work.cover(map.left[cell], map.top[cell], width, height);
    hint = COVERED;
    shell.channel.set({ mode: "paint", mask: work.mask.pack() });
    shell.refresh();
  }

  function point(at: number | null): void {
    if (at === cell) return;
    cell = at;
    peek = null;
    if (cell !== null) shell.channel.send({ type: "peek", cell });
    renderSide();
  }

  function show(frame: Frame): void {
    const before = meta;
    meta = frame.meta as PainterMeta;
    [clean, occluded] = frame.arrays as Uint8Array[];
    map = meta.map ? readMap(meta.map, frame.arrays.slice(2)) : null;
    mapPicture = null;
    drawn = Mask.read(model.get("mask"), ...meta.size);
    if (!work.isBusy && !shell.channel.isWaiting()) work.mask = drawn.copy();
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
        if (cell !== null) outlineCell(g, zoom, map, cell);
        return;
      }
      paintUnsent(g, work, drawn);
      if (cursor) paintCursor(g, zoom, ...cursor, brush(), work.tool);
    });
    renderSide();
  }

  function renderSide(): void {
    if (!meta) return;
    shell.renderSide(
      h(Side, {
        meta,
        map: isSlide() ? map : null,
        quantity: quantity(),
        dark: shell.theme().dark,
        peek,
        onPick: (index) => shell.channel.set({ target: index }),
      }),
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

  onChange(model, signal, {
    mask: () => {
      if (!work.isBusy && !shell.channel.isWaiting()) work.mask = Mask.read(model.get("mask"), ...size());
      redraw();
    },
    quantity: redrawMap,
    opacity: redraw,
    mode: () => (hint = isSlide() ? null : hint),
    brush: redraw,
    specimen: () => shell.refresh(),
  });
}

export default defineView(open);
