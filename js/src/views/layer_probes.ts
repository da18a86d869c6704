// Where a network tells which labels apart: layers down, label columns across, and curves with controls.
// The other half is nbviz/views/layer_probes.py.
import { h, render as renderInto } from "preact";
import { curvesCss } from "../parts/curves";
import { legendCss } from "../parts/legend";
import { PickList, pickListCss } from "../parts/pick_list";
import { createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import { defineView, type Model, onChange } from "../parts/view";
import { ProbeChart } from "./layer_probes/chart";
import { Details, Notes } from "./layer_probes/details";
import { type Measure, readTable, type Specimen, type Table } from "./layer_probes/meta";
import css from "./layer_probes/style.css";
import { type Place, ProbeGrid } from "./layer_probes/table";
import { controlsOf, factsOf, LIMITS } from "./layer_probes/words";

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let table: Table | null = null;
  let before: Table | null = null; // the last table that was full, while this one fills
  let focus: Place = { i: -1, j: 0 };
  let pointed: Place | null = null;
  let scheduled = 0;

  const specimen = (): Specimen => ({
    n: 0,
    layers: [],
    usual: [],
    maps: false,
    columns: [],
    untrained: false,
    ...model.get("specimen"),
  });

  const shell = createShell(model, el, signal, {
    label: "Layer probes",
    limits: LIMITS,
    controls: () => controlsOf(specimen()),
    facts: () => (table ? factsOf(table) : []),
    onFrame(frame) {
      if (table?.kind === "result") before = table;
      table = readTable(frame);
      shell.stage.dataset.generation = String(frame.generation);
      shell.stage.dataset.kind = frame.kind;
      draw();
    },
    onTheme: draw,
    local: {
      n_samples: {
        get: () => Math.min(channel.get("n_samples") || specimen().n, specimen().n),
        set: (value: number) => channel.set({ n_samples: value }),
      },
      colour_scale: {
        get: () => model.get("colour_scale"),
        set: (value: string) => channel.assign({ colour_scale: value }),
      },
    },
  });
  const { root, stage, channel } = shell;
  root.classList.add("nbviz-probes");
  for (const sheet of [curvesCss, legendCss, pickListCss, css]) addStyle(root, sheet);

  const shownLayers = (): string[] => {
    const layers: string[] = channel.get("layers") ?? [];
    return layers.length ? layers : specimen().usual;
  };

  function choose({ i, j }: Place): void {
    if (!table) return;
    const column = table.columns[j].name;
    if (i >= 0) channel.assign({ layer: table.layers[i] });
    if (column !== channel.get("column")) channel.set({ column });
    draw();
  }

  function draw(): void {
    if (!scheduled) scheduled = requestAnimationFrame(drawNow);
  }

  function drawNow(): void {
    scheduled = 0;
    if (!table || signal.aborted) return;
    const known = table;
    const measure = channel.get("measure") as Measure;
    const column = String(channel.get("column"));
    const layer = String(model.get("layer"));
    const chosen = Math.max(
      0,
      known.columns.findIndex(({ name }) => name === column),
    );
    const last = { i: known.layers.length - 1, j: known.columns.length - 1 };
    focus = { i: Math.min(focus.i, last.i), j: Math.min(focus.j, last.j) };
    if (pointed && (pointed.i > last.i || pointed.j > last.j)) pointed = null;
    const marked = known.layers.indexOf(layer);
    const at = pointed ? pointed.i : marked;
    const point = (place: Place | null) => {
      pointed = place;
      draw();
    };
    stage.style.height = "auto"; // the curves have the height
    renderInto(
      h("div", { class: "nbviz-probe-panels" }, [
        h("section", { class: "nbviz-probe-left", key: "table" }, [
          h("div", { class: "nbviz-probe-picks" }, [
            h(PickList, {
              label: "Layers",
              tip: "Layers of the table",
              names: specimen().layers,
              chosen: shownLayers(),
              usual: specimen().usual,
              onPick: (layers: string[]) => channel.set({ layers }),
              onUsual: () => channel.set({ layers: [] }),
            }),
            h(PickList, {
              label: "Columns",
              tip: "Labels that are looked for",
              names: specimen().columns,
              chosen: channel.get("columns") ?? [],
              atLeastOne: true,
              onPick: (columns: string[]) => channel.set({ columns }),
            }),
          ]),
          h(ProbeGrid, {
            table: known,
            before,
            measure,
            isShared: model.get("colour_scale") === "all columns",
            dark: shell.theme().dark,
            column,
            layer,
            focus,
            onFocus: (place: Place) => {
              focus = place;
              draw();
            },
            onPoint: point,
            onChoose: choose,
          }),
        ]),
        h("section", { class: "nbviz-probe-right", key: "chart" }, [
          h(ProbeChart, {
            table: known,
            j: chosen,
            at,
            dark: shell.theme().dark,
            height: Number(model.get("height")),
            onPoint: (i: number | null) => point(i === null ? null : { i, j: chosen }),
            onChoose: (i: number) => choose({ i, j: chosen }),
          }),
        ]),
      ]),
      stage,
    );
    const shown = pointed ?? { i: marked < 0 ? last.i : marked, j: chosen };
    shell.renderBelow(
      h("div", null, [
        h(Details, { table: known, i: shown.i, j: shown.j }),
        h(Notes, { notes: known.notes }),
      ]),
    );
  }

  onChange(model, signal, {
    measure: draw,
    column: draw,
    columns: draw,
    layers: draw,
    layer: draw,
    colour_scale: draw,
    height: draw,
    specimen: draw,
  });
  signal.addEventListener("abort", () => {
    cancelAnimationFrame(scheduled);
    renderInto(null, stage);
  });
}

export default defineView(open);
