// What a layer makes of the samples: its activations as a map of points.
// The other half is nbviz/views/layer_explorer.py.
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
  wrongOf,
} from "../parts/columns";
import { GlyphKey, legendCss } from "../parts/legend";
import { axisText, createMapPlot } from "../parts/map_plot";
import { createPictures } from "../parts/pictures";
import { SampleStrip } from "../parts/sample_strip";
import { createScatter } from "../parts/scatter";
import { combine, type How, packRows, readRows, sameRows } from "../parts/selection";
import { acts, createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import { thumbnailsCss } from "../parts/thumbnails";
import { defineView, type Model, onChange } from "../parts/view";
import { controlsOf, factsOf, type LayerInfo, LIMITS, type MapMeta, NOW } from "./layer_explorer/controls";

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let columns: Record<string, Column> = {};
  let layers: LayerInfo[] = [];
  let epochs: number[] = [];
  let names: string[] | null = null;
  let total = 0;
  let meta: MapMeta | null = null;
  let rows: Int32Array = new Int32Array(0);
  let place: Int32Array = new Int32Array(0); // row of a sample → its point, -1 where it is not shown
  let coloured: Coloured | null = null;
  let selection: Int32Array = new Int32Array(0);
  let before = selection; // as it was before it was last changed here
  let lasso = false;

  const shell = createShell(model, el, signal, {
    label: "Layer explorer",
    limits: LIMITS,
    controls: () => controlsOf(layers, epochs, Object.keys(columns), rows.length || total, total, get),
    facts: () => (meta ? factsOf(meta, rows.length) : []),
    onFrame: (frame) => show(frame),
    onTheme: ({ dark, background }) => {
      scatter.setTheme({ dark, background });
      recolour();
    },
    onPending: () => scatter.setDimmed(isBehind()),
    local: {
      colour_by: {
        get: () => model.get("colour_by"),
        set: (value) => shell.channel.assign({ colour_by: value }),
      },
      epoch: {
        get: () => String(shell.channel.get("epoch") ?? NOW),
        set: (value) => shell.channel.set({ epoch: value === NOW ? null : Number(value) }),
      },
      n_samples: {
        get: () => shell.channel.get("n_samples") || total,
        set: (value) => shell.channel.set({ n_samples: value >= total ? 0 : value }),
      },
      lasso: { get: () => lasso, set: (on) => setLasso(Boolean(on)) },
      everything: acts(() => scatter.resetView()),
    },
  });
  const get = (name: string) => (name === "lasso" ? lasso : shell.channel.get(name));
  const { root, stage } = shell;
  const pictures = createPictures(model, signal, (message) => shell.channel.send(message));
  root.classList.add("nbviz-explorer");
  for (const sheet of [legendCss, thumbnailsCss]) addStyle(root, sheet);

  const { plot, axes } = createMapPlot(root, stage);
  const scatter = createScatter(plot, {
    signal,
    label: "Map of samples by their activations",
    describe: (point) => describe(rows[point]).join(", "),
    onHover: (point, x, y) => card.show(point === null ? null : rows[point], x, y),
    onSelect: (points, how) =>
      select(
        Int32Array.from(points, (point) => rows[point]),
        how,
      ),
    onUndo: () => select(before, "replace"),
    onTool: (tool) => {
      lasso = tool === "lasso";
      shell.refresh();
    },
  });
  scatter.setTheme(shell.theme());
  const card = createCard({
    root,
    signal,
    pictures,
    lines: (row) => describe(row),
  });

  function describe(row: number): string[] {
    return [sampleName(names, row), ...answerLines(columns, row)];
  }

  /** Whether what is shown is not what was asked for last. */
  function isBehind(): boolean {
    const status = model.get("status");
    const answered =
      meta !== null && meta.layer === model.get("layer") && meta.epoch === (model.get("epoch") ?? null);
    return root.dataset.link === "gone" || ((status === "pending" || status === "running") && !answered);
  }

  function setLasso(on: boolean): void {
    lasso = on;
    scatter.setTool(on ? "lasso" : "pan");
  }

  function show(frame: Frame): void {
    meta = frame.meta as MapMeta;
    const positions = frame.arrays[0] as Uint16Array;
    const count = positions.length / 2;
    const given = frame.arrays[1] as Int32Array | undefined;
    const changed = given ? !sameRows(given, rows) : rows.length !== count || rows.length !== total;
    if (changed) {
      rows = given ?? Int32Array.from({ length: count }, (_, i) => i);
      place = new Int32Array(total).fill(-1);
      for (let point = 0; point < rows.length; point++) place[rows[point]] = point;
    }
    scatter.setPositions(positions, { extent: meta.extent });
    if (changed) {
      recolour();
      showSelection();
    }
    axes.textContent = axisText(meta.variance);
    stage.dataset.generation = String(frame.generation);
    stage.dataset.kind = frame.kind;
    stage.dataset.layer = meta.layer;
    stage.dataset.epoch = String(meta.epoch ?? NOW);
  }

  function recolour(): void {
    if (rows.length === 0) return;
    const name = model.get("colour_by");
    const column = columns[name];
    coloured = column ? colourColumn(column, rows, shell.theme().dark) : null;
    if (coloured) scatter.setColours(coloured.colours, coloured.shapes);
    const wrong = wrongOf(columns, rows);
    scatter.setMarks(wrong);
    const misclassified = wrong ? wrong.reduce((n, x) => n + x, 0) : 0;
    shell.renderSide(
      h("div", { class: "nbviz-side-keys" }, [
        h(ColumnLegend, {
          what: "colour",
          name,
          column,
          coloured,
          rows,
          shapes: true,
          onSelect: (chosen, add) => select(chosen, add ? "add" : "replace"),
        }),
        wrong ? h(GlyphKey, { name: "misclassified", count: misclassified }) : null,
      ]),
    );
    showStrip();
  }

  function select(chosen: Int32Array, how: How): void {
    before = selection;
    selection = combine(selection, chosen, how);
    shell.channel.assign({ selection: packRows(selection) });
    showSelection();
  }

  function showSelection(): void {
    scatter.setSelection(selection.map((row) => place[row] ?? -1).filter((point) => point >= 0));
    showStrip();
  }

  function showStrip(): void {
    const props = {
      selection,
      columns,
      name: model.get("colour_by"),
      dark: shell.theme().dark,
      pictures,
      describe,
      onPick: (row: number) => select(Int32Array.of(row), "replace"),
    };
    shell.renderBelow(selection.length === 0 ? null : h(SampleStrip, props));
  }

  function readSpecimen(): void {
    const specimen = model.get("specimen") ?? {};
    layers = specimen.layers ?? [];
    epochs = specimen.epochs ?? [];
    names = specimen.names ?? null;
    total = specimen.n ?? 0;
    columns = { ...readColumns(specimen.columns), ...readColumns(model.get("predictions_sent")) };
    recolour();
    shell.refresh();
  }

  function readSelection(): void {
    const incoming = readRows(model.get("selection"));
    if (sameRows(incoming, selection)) return;
    selection = incoming;
    showSelection();
  }

  onChange(model, signal, {
    specimen: readSpecimen,
    predictions_sent: readSpecimen,
    selection: readSelection,
    colour_by: recolour,
  });
  readSpecimen();
  pictures.follow(showStrip);
  readSelection();
}

export default defineView(open);
