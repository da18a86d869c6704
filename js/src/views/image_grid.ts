// A wall of pictures, alike ones side by side. The other half is nbviz/views/image_grid.py.
import { h } from "preact";
import type { Frame } from "../channel";
import { createCard } from "../parts/card";
import { ColumnLegend } from "../parts/column_legend";
import {
  answerLines,
  type Coloured,
  type Column,
  colourColumn,
  readColumns,
  sampleName,
} from "../parts/columns";
import { legendCss } from "../parts/legend";
import { createPictures } from "../parts/pictures";
import { SampleStrip } from "../parts/sample_strip";
import scatterCss from "../parts/scatter.css";
import { combine, type How, packRows, readRows, sameRows } from "../parts/selection";
import { acts, createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import { thumbnailsCss } from "../parts/thumbnails";
import { defineView, type Model, onChange } from "../parts/view";
import { Board } from "./image_grid/board";
import { controlsOf, factsOf, type GridMeta, type GridSpecimen, LIMITS } from "./image_grid/controls";
import { Sheets } from "./image_grid/sheets";
import css from "./image_grid/style.css";

const SEND_AFTER = 150; // milliseconds of rest after which zoom and centre are told to Python

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let meta: GridMeta | null = null;
  let rows: Int32Array = new Int32Array(0); // samples in their cells
  let cells: ArrayLike<number> = [];
  let columns: Record<string, Column> = {};
  let coloured: Coloured | null = null;
  let selection: Int32Array = new Int32Array(0);
  let rectangle = false;
  let sending: ReturnType<typeof setTimeout> | undefined;

  const specimen = (): GridSpecimen => model.get("specimen") ?? {};
  const get = (name: string) => (name === "rectangle" ? rectangle : shell.channel.get(name));
  const shell = createShell(model, el, signal, {
    label: "Image grid",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), Object.keys(columns), rows.length || specimen().n, get),
    facts: () => (meta ? factsOf(meta, rows.length, specimen().n) : []),
    onFrame: show,
    onTheme: (theme) => {
      board.setTheme(theme);
      recolour();
    },
    onPending: (pending) =>
      board.setDimmed(shell.root.dataset.link === "gone" || (pending && shell.channel.isWaiting())),
    onMessage: (message, buffers) => {
      // biome-ignore lint/suspicious/noExplicitAny: as it travels
      if (message.type === "pictures" && message.to === "wall") sheets.received(message as any, buffers[0]);
    },
    local: {
      colour_by: {
        get: () => model.get("colour_by"),
        set: (value) => shell.channel.assign({ colour_by: value }),
      },
      rectangle: {
        get: () => rectangle,
        set: (on) => {
          rectangle = Boolean(on);
          board.setTool(rectangle ? "lasso" : "pan");
        },
      },
      closer: acts(() => board.zoomBy(1.5)),
      farther: acts(() => board.zoomBy(1 / 1.5)),
      everything: acts(() => board.showAll()),
    },
  });
  const { root, stage } = shell;
  const pictures = createPictures(model, signal, (message) => shell.channel.send(message));
  root.classList.add("nbviz-grid");
  for (const sheet of [scatterCss, legendCss, thumbnailsCss, css]) addStyle(root, sheet);

  const sheets = new Sheets({
    signal,
    ownSize: () => specimen().pictures ?? 0,
    ask: (wanted, size) => shell.channel.send({ type: "pictures", to: "wall", rows: wanted, size }),
    onChange: () => {
      stage.dataset.pictures = sheets.count;
      board.pictures();
    },
  });
  const board = new Board(stage, {
    signal,
    describe: (row) => describe(row).join(", "),
    tileOf: (row) => sheets.tileOf(row),
    onHover: (row, x, y) => card.show(row, x, y),
    onSelect: select,
    onTool: (tool) => {
      rectangle = tool === "lasso";
      shell.refresh();
    },
    onView: (zoom, centre) => {
      clearTimeout(sending);
      sending = setTimeout(() => shell.channel.assign({ zoom, centre }), SEND_AFTER);
    },
    onSeen: (seen, pixels) => sheets.want(seen, pixels),
  });
  board.setTheme(shell.theme());
  const card = createCard({ root, signal, pictures, lines: describe });

  function describe(row: number): string[] {
    return [sampleName(specimen().names, row), ...answerLines(columns, row)];
  }

  function show(frame: Frame): void {
    meta = frame.meta as GridMeta;
    rows = frame.arrays[0] as Int32Array;
    cells = frame.arrays[1];
    stage.dataset.kind = frame.kind;
    stage.dataset.layer = meta.layer;
    stage.dataset.generation = String(frame.generation);
    recolour();
  }

  function recolour(): void {
    if (!meta) return;
    const name = model.get("colour_by");
    const column = columns[name];
    coloured = column ? colourColumn(column, rows, shell.theme().dark) : null;
    const [height, width] = meta.shape;
    const placed = new Int32Array(height * width).fill(-1);
    const frames = new Uint32Array(height * width);
    rows.forEach((row, i) => {
      const cell = cells[2 * i] * width + cells[2 * i + 1];
      placed[cell] = row;
      frames[cell] = coloured?.colours[i] ?? 0;
    });
    board.setWall({ shape: meta.shape, cells: placed, frames, selected: new Set(selection) });
    shell.renderSide(
      h("div", { class: "nbviz-grid-side" }, [
        h(ColumnLegend, {
          what: "frames",
          name,
          column,
          coloured,
          rows,
          onSelect: (chosen, add) => select(chosen, add ? "add" : "replace"),
        }),
      ]),
    );
    showStrip();
  }

  function select(chosen: Int32Array, how: How): void {
    selection = combine(selection, chosen, how);
    shell.channel.assign({ selection: packRows(selection) });
    showSelection();
  }

  function showSelection(): void {
    board.setSelected(new Set(selection));
    showStrip();
  }

  function showStrip(): void {
    const props = {
      selection,
      columns,
      name: columns.label ? "label" : model.get("colour_by"),
      dark: shell.theme().dark,
      pictures,
      describe,
      onPick: (row: number) => select(Int32Array.of(row), "replace"),
    };
    shell.renderBelow(selection.length === 0 ? null : h(SampleStrip, props));
  }

  function readSpecimen(): void {
    const { columns: own } = model.get("specimen") ?? {};
    columns = { ...readColumns(own), ...readColumns(model.get("predictions_sent")) };
    recolour();
    shell.refresh();
  }

  function readThumbnails(): void {
    const packed = model.get("thumbnails") ?? {};
    sheets.setAll(packed, readRows(packed.rows));
  }

  function readSelection(): void {
    const incoming = readRows(model.get("selection"));
    if (sameRows(incoming, selection)) return;
    selection = incoming;
    showSelection();
  }

  const readView = () => board.setView(Number(model.get("zoom")), model.get("centre"));
  onChange(model, signal, {
    specimen: readSpecimen,
    predictions_sent: readSpecimen,
    thumbnails: readThumbnails,
    selection: readSelection,
    colour_by: recolour,
    zoom: readView,
    centre: readView,
  });
  signal.addEventListener("abort", () => {
    clearTimeout(sending);
  });
  readSpecimen();
  readThumbnails();
  pictures.follow(showStrip);
  readSelection();
  readView();
}

export default defineView(open);
