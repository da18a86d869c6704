// The sheet and the tools beside the map: what the hand does, until it is a drawing for the kernel.
import { h, render } from "preact";
import { Controls } from "../../parts/controls";
import { History } from "../../parts/mask";
import { createBoard, paintCursor } from "../../parts/paint_board";
import { toRgb } from "../../parts/pixels";
import { createTextBox } from "../../parts/textbox";
import { type Hand, toolsOf } from "./controls";
import type { Placed, PlacementSpecimen } from "./meta";
import { brushAt, readColour, Sheet, Stroke } from "./sheet";
import { Seen } from "./side";
import { pictureIn, readPicture, type Uploaded } from "./upload";

const SIDE = 236; // longer side of the sheet on the screen, CSS pixels

export interface DrawPanelOptions {
  signal: AbortSignal;
  specimen: () => PlacementSpecimen;
  /** Diameter of the brush, pixels of the picture. */
  brush: () => number;
  /** Colour of the brush, "#rrggbb"; empty for the samples' ink. */
  ink: () => string;
  assign: (values: Record<string, unknown>) => void;
  onDraw: (sheet: Sheet) => void;
  onText: (text: string) => void;
  onPicture: (picture: Uploaded) => void;
  onKeep: () => void;
  /** Something that a person should be told; empty for nothing. */
  onHint: (text: string) => void;
  canKeep: () => boolean;
}

export interface DrawPanel {
  /** Follow a drawing or text that was set elsewhere. */
  follow: (sheet: Sheet | null, text: string) => void;
  /** The kernel's picture of it has come. */
  showSeen: (placed: Placed) => void;
  refresh: () => void;
}

export function createDrawPanel(host: HTMLElement, options: DrawPanelOptions): DrawPanel {
  const { signal, specimen } = options;
  const isText = specimen().text;
  const [heading, place, tools, below] = ["h4", "div", "div", "div"].map((tag) =>
    document.createElement(tag),
  );
  heading.textContent = isText ? "Type here" : "Draw here";
  host.append(heading, place, tools, below);
  const hand = { tool: "brush" as Hand["tool"] };
  const history = new History<Sheet>();
  let sheet = blank();
  let text = "";
  let placed: Placed | null = null;
  let stroke: Stroke | null = null;
  let last: [number, number] = [0, 0];
  let cursor: [number, number] | null = null;

  function blank(): Sheet {
    const { shape, background } = specimen();
    return Sheet.blank(shape, background);
  }

  const chosen = document.createElement("input");
  chosen.type = "file";
  chosen.accept = "image/*";
  chosen.hidden = true;
  chosen.setAttribute("aria-label", "Picture to upload");
  host.append(chosen);
  chosen.addEventListener("change", () => {
    void take(chosen.files?.[0] ?? null);
    chosen.value = "";
  });

  async function take(file: File | null): Promise<void> {
    if (!file) {
      options.onHint("what came is no picture");
      return;
    }
    try {
      const picture = await readPicture(file);
      options.onHint("");
      if (!signal.aborted) options.onPicture(picture);
    } catch {
      options.onHint(`${file.name || "the file"} cannot be read as a picture`);
    }
  }

  const textBox = isText
    ? createTextBox("Text to place in the map", "", signal, (typed) => {
        text = typed;
        options.onText(typed);
        refresh();
      })
    : null;
  if (textBox) {
    textBox.box.placeholder = "type a text";
    place.append(textBox.box);
  } else {
    place.className = "nbviz-placement-board";
    const { shape } = specimen();
    place.style.aspectRatio = `${shape[1]} / ${shape[0]}`;
    place.style.width = `${SIDE * Math.min(1, shape[1] / shape[0])}px`;
  }

  const board = isText
    ? null
    : createBoard(place, {
        signal,
        label:
          "Sheet to draw on. B brush, E eraser, arrow keys move, Space draws a dot, Shift with an arrow key draws a " +
          "line, Ctrl Z undoes, Ctrl V pastes a picture.",
        size: () => [specimen().shape[0], specimen().shape[1]],
        onDown(x, y, event) {
          begin(hand.tool === "eraser" || event.altKey);
          draw(x, y, x, y);
        },
        onDrag: (x, y) => draw(...last, x, y),
        onUp: () => {
          stroke = null;
          refresh();
        },
        onMove(x, y) {
          cursor = x === null || y === null ? null : [x, y];
          redraw();
        },
        onKey,
        onResize: () => redraw(),
      });

  function begin(erasing: boolean): void {
    options.onHint("");
    history.push(sheet.copy());
    sheet = sheet.copy();
    const { background, ink, shape } = specimen();
    const colour = (shape[2] === 3 && readColour(options.ink())) || ink;
    stroke = new Stroke(sheet, erasing ? background : colour, options.brush());
  }

  function draw(ax: number, ay: number, bx: number, by: number): void {
    stroke?.line(ax, ay, bx, by);
    last = [bx, by];
    redraw();
    options.onDraw(sheet);
  }

  function change(next: Sheet): void {
    sheet = next;
    redraw();
    refresh();
    options.onDraw(sheet);
  }

  function onKey(event: KeyboardEvent): void {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const { shape } = specimen();
    const at = cursor ?? [shape[1] / 2, shape[0] / 2];
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" && !event.shiftKey) change(history.undo(sheet));
      else if (key === "y" || key === "z") change(history.redo(sheet));
      else return;
    } else if (key === "b" || key === "e") setTool(key === "b" ? "brush" : "eraser");
    else if (steps[key]) {
      const [dx, dy] = steps[key];
      const limit = (value: number, size: number) => Math.min(Math.max(value, 0), size);
      cursor = [limit(at[0] + dx, shape[1]), limit(at[1] + dy, shape[0])];
      if (event.shiftKey) {
        begin(hand.tool === "eraser");
        draw(...at, ...cursor);
        stroke = null;
        refresh();
      } else redraw();
    } else if (key === " ") {
      begin(hand.tool === "eraser");
      draw(...at, ...at);
      stroke = null;
      refresh();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function setTool(tool: Hand["tool"]): void {
    hand.tool = tool;
    refresh();
    redraw();
  }

  function redraw(): void {
    if (!board) return;
    board.showPicture(toRgb(sheet.pixels, sheet.shape[2]));
    board.drawOver((g, zoom) => {
      if (!cursor) return;
      const [height, width] = sheet.shape;
      const brush = options.brush();
      const [x, y] = [brushAt(cursor[0], width, brush), brushAt(cursor[1], height, brush)];
      paintCursor(g, zoom, x, y, brush, hand.tool);
    });
  }

  const actions: Record<string, (value: unknown) => void> = {
    pen: () => setTool("brush"),
    eraser: () => setTool("eraser"),
    brush: (value) => options.assign({ brush: value }),
    ink: (value) => options.assign({ ink: value }),
    undo: () => change(history.undo(sheet)),
    redo: () => change(history.redo(sheet)),
    clear: () => {
      if (textBox) {
        textBox.box.value = text = "";
        options.onText("");
        refresh();
        return;
      }
      history.push(sheet);
      change(blank());
    },
    invert: () => {
      history.push(sheet);
      change(sheet.inverted(specimen().background, specimen().ink));
    },
    upload: () => chosen.click(),
    keep: options.onKeep,
  };

  function inkNow(): string {
    const hex = (value: number) => value.toString(16).padStart(2, "0");
    return options.ink() || `#${specimen().ink.map(hex).join("")}`;
  }

  function refresh(): void {
    if (signal.aborted) return;
    const controls = toolsOf(specimen(), {
      tool: hand.tool,
      canUndo: history.canUndo,
      canRedo: history.canRedo,
      isBlank: isText ? text === "" : sheet.equals(blank()),
      canKeep: options.canKeep(),
    });
    const get = (name: string) => (name === "brush" ? options.brush() : name === "ink" ? inkNow() : false);
    const set = (name: string, value: unknown) => {
      actions[name]?.(value);
      redraw();
      refresh();
    };
    render(h(Controls, { controls, get, set }), tools);
    render(isText ? null : h(Seen, { seen: placed?.seen ?? null, meta: placed?.meta ?? null }), below);
  }

  const stop = (event: Event) => {
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would open the file
  };
  if (!isText) {
    const listen = <Name extends keyof HTMLElementEventMap>(
      name: Name,
      handler: (event: HTMLElementEventMap[Name]) => void,
    ) => host.addEventListener(name, handler, { signal });
    listen("dragover", (event) => {
      stop(event);
      place.dataset.over = "";
    });
    listen("dragleave", () => delete place.dataset.over);
    listen("drop", (event) => {
      stop(event);
      delete place.dataset.over;
      void take(pictureIn(event.dataTransfer));
    });
    listen("paste", (event) => {
      stop(event);
      void take(pictureIn(event.clipboardData));
    });
  }
  signal.addEventListener("abort", () => {
    render(null, tools);
    render(null, below);
  });

  return {
    follow(next, typed) {
      text = typed;
      textBox?.set(typed);
      if (next && !stroke && !next.equals(sheet)) {
        history.push(sheet);
        sheet = next;
        redraw();
      }
      refresh();
    },
    showSeen(now) {
      placed = now;
      refresh();
    },
    refresh: () => {
      redraw();
      refresh();
    },
  };
}
