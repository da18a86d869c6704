// Samples and units side by side: which units answer to these samples, which samples to these units.
// The other half is nbviz/views/neuron_explorer.py.
import { h, render as renderNode } from "preact";
import type { Frame } from "../channel";
import { createCard } from "../parts/card";
import {
  classPalette,
  colourValues,
  divergingRamp,
  domainOf,
  missingColour,
  pack,
  signedDomainOf,
  toCss,
  unpack,
  VIRIDIS,
} from "../parts/colours";
import { ColumnLegend } from "../parts/column_legend";
import { type Column, colourColumn, readColumns, sampleName, valueLines } from "../parts/columns";
import { ColourBar, Legend, legendCss } from "../parts/legend";
import { createPictures } from "../parts/pictures";
import { SampleStrip } from "../parts/sample_strip";
import { createScatter, type Tool } from "../parts/scatter";
import { combine, type How, packRows, readRows } from "../parts/selection";
import { acts, createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import { thumbnailsCss } from "../parts/thumbnails";
import { defineView, type Model, onChange } from "../parts/view";
import { dequantise } from "../parts/viewport";
import {
  axesOfUnits,
  controlsOf,
  factsOf,
  LIMITS,
  type NeuronMeta,
  type NeuronSpecimen,
} from "./neuron_explorer/controls";
import css from "./neuron_explorer/style.css";

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let meta: NeuronMeta | null = null;
  let arrays: Frame["arrays"] = [];
  let rows: Int32Array = new Int32Array(0);
  let units: Int32Array = new Int32Array(0);
  let columns: Record<string, Column> = {};
  let before: Int32Array = new Int32Array(0); // selection or units, whichever was changed last, before that
  let lasso = false;

  const specimen = (): NeuronSpecimen => ({
    n: 0,
    layers: [],
    maps: [],
    names: null,
    classes: false,
    ...model.get("specimen"),
  });
  const shell = createShell(model, el, signal, {
    label: "Samples and units of a layer",
    limits: LIMITS,
    controls: () =>
      controlsOf(specimen(), Object.keys(columns), (name) =>
        name === "lasso" ? lasso : shell.channel.get(name),
      ),
    facts: () => factsOf(meta, rows.length, specimen().n),
    onFrame: show,
    onTheme: (theme) => {
      for (const map of [left, right]) map.setTheme(theme);
      recolour();
    },
    onPending: () => {
      for (const map of [left, right]) map.setDimmed(shell.root.dataset.link === "gone");
    },
    local: {
      lasso: {
        get: () => lasso,
        set: (on) => setTool(on ? "lasso" : "pan"),
      },
      colour_by: {
        get: () => model.get("colour_by"),
        set: (value) => shell.channel.assign({ colour_by: value }),
      },
      clear_samples: acts(() => shell.channel.set({ selection: packRows(new Int32Array(0)) })),
      clear_units: acts(() => shell.channel.set({ units: packRows(new Int32Array(0)) })),
    },
  });
  const { root, stage } = shell;
  const pictures = createPictures(model, signal, (message) => shell.channel.send(message));
  root.classList.add("nbviz-neurons");
  for (const sheet of [legendCss, thumbnailsCss, css]) addStyle(root, sheet);

  function panel(): { title: HTMLElement; map: HTMLElement; key: HTMLElement } {
    const host = document.createElement("section");
    const title = document.createElement("h4");
    const map = document.createElement("div");
    const key = document.createElement("div");
    host.className = "nbviz-neurons-panel";
    map.className = "nbviz-neurons-map";
    key.className = "nbviz-neurons-key";
    host.append(title, map, key);
    stage.append(host);
    return { title, map, key };
  }
  const [samplePanel, unitPanel] = [panel(), panel()];

  const left = createScatter(samplePanel.map, {
    signal,
    label: "Map of samples",
    describe: (point) => describeSample(rows[point]).join(", "),
    onHover: (point, x, y) => card.show(point === null ? null : rows[point], x, y),
    onSelect: (points, how) => choose("selection", rows, points, how),
    onUndo: () => chooseRows("selection", before, "replace"),
    onTool: setTool,
  });
  const right = createScatter(unitPanel.map, {
    signal,
    label: "Map of units",
    describe: (point) => describeUnit(point).join(", "),
    onHover: (point, x, y) => unitCard.show(point, x, y),
    onSelect: (points, how) => choose("units", units, points, how),
    onUndo: () => chooseRows("units", before, "replace"),
    onTool: setTool,
  });
  for (const map of [left, right]) map.setTheme(shell.theme());
  const card = createCard({
    root,
    signal,
    pictures,
    lines: describeSample,
  });
  const unitCard = createCard({
    root,
    signal,
    pictures: null,
    lines: describeUnit,
  });

  /** Both maps have one tool, which is that of the toolbar. */
  function setTool(tool: Tool): void {
    lasso = tool === "lasso";
    for (const map of [left, right]) map.setTool(tool);
    shell.refresh();
  }

  function choose(name: "selection" | "units", all: Int32Array, points: Int32Array, how: How): void {
    chooseRows(
      name,
      Int32Array.from(points, (point) => all[point]),
      how,
    );
  }

  function chooseRows(name: "selection" | "units", chosen: Int32Array, how: How): void {
    before = readRows(shell.channel.get(name));
    shell.channel.set({ [name]: packRows(combine(before, chosen, how)) });
    mark();
    shell.refresh();
  }

  function mark(): void {
    for (const [map, all, name] of [
      [left, rows, "selection"],
      [right, units, "units"],
    ] as const) {
      const chosen = new Set(readRows(shell.channel.get(name)));
      map.setSelection(Int32Array.from([...all.keys()].filter((point) => chosen.has(all[point]))));
    }
    showStrip();
  }

  function showStrip(): void {
    const selection = readRows(shell.channel.get("selection"));
    const props = {
      selection,
      columns,
      name: model.get("colour_by"),
      dark: shell.theme().dark,
      pictures,
      describe: describeRow,
      onPick: (row: number) => chooseRows("selection", Int32Array.of(row), "replace"),
    };
    shell.renderBelow(selection.length ? h(SampleStrip, props) : null);
  }

  function describeRow(row: number): string[] {
    return [sampleName(specimen().names, row), ...valueLines(columns, row)];
  }

  function describeSample(row: number): string[] {
    const lines = describeRow(row);
    const point = rows.indexOf(row);
    if (meta?.sampleTitle && point >= 0)
      lines.push(`${meta.sampleTitle}: ${(arrays[5][point] ?? Number.NaN).toFixed(2)}`);
    return lines;
  }

  function describeUnit(point: number): string[] {
    const lines = [`unit ${units[point]} of ${meta?.layer}`];
    if (meta) lines.push(`${meta.unitTitle}: ${arrays[4][point].toFixed(2)}`);
    if (meta?.classes) lines.push(`tells ${meta.classes[arrays[6][point]]} best`);
    return lines;
  }

  function show(frame: Frame): void {
    meta = frame.meta as NeuronMeta;
    arrays = frame.arrays;
    rows = arrays[1] as Int32Array;
    units = arrays[3] as Int32Array;
    left.setPositions(dequantise(arrays[0] as Uint16Array, meta.sampleExtent), { extent: meta.sampleExtent });
    right.setPositions(dequantise(arrays[2] as Uint16Array, meta.unitExtent), { extent: meta.unitExtent });
    samplePanel.title.textContent = "Samples by their activations (t-SNE: axes have no unit)";
    unitPanel.title.textContent = `Units by how alike they respond (${axesOfUnits(meta.method)})`;
    stage.dataset.units = String(units.length);
    recolour();
    mark();
  }

  function recolour(): void {
    columns = readColumns(model.get("specimen")?.columns);
    if (!meta) return;
    const { dark } = shell.theme();
    colourSamples(meta, dark);
    colourUnits(meta, dark);
  }

  function colourSamples(shown: NeuronMeta, dark: boolean): void {
    const values = arrays[5] as Float32Array;
    if (shown.sampleTitle) {
      const domain = signedDomainOf(values);
      const ramp = divergingRamp(dark);
      left.setColours(colourValues(values, ramp, domain, missingColour(dark)));
      renderNode(h(ColourBar, { label: shown.sampleTitle, domain, ramp }), samplePanel.key);
      return;
    }
    const name = model.get("colour_by");
    const column = columns[name];
    const coloured = column ? colourColumn(column, rows, dark) : null;
    left.setColours(coloured?.colours ?? null, coloured?.shapes ?? null);
    const onSelect = (chosen: Int32Array, add: boolean) =>
      chooseRows("selection", chosen, add ? "add" : "replace");
    renderNode(
      h(ColumnLegend, { what: "colour", name, column, coloured, rows, shapes: true, onSelect }),
      samplePanel.key,
    );
  }

  function colourUnits(shown: NeuronMeta, dark: boolean): void {
    if (shown.classes) {
      const palette = classPalette(shown.classes.length, dark);
      const [best, saturation] = [arrays[6], arrays[7]];
      const grey = unpack(missingColour(dark));
      // Pale where the unit hardly helps: towards grey, never invisible.
      const colours = Uint32Array.from(best, (code, i) => {
        const share = Math.min(1, Math.max(0, saturation[i]));
        const full = unpack(palette.colours[code]);
        return pack(
          full.map((v, c) => Math.round(v * share + grey[c] * (1 - share))) as [number, number, number],
        );
      });
      right.setColours(colours);
      const entries = shown.classes.map((name, i) => ({ name, colour: toCss(palette.colours[i]) }));
      renderNode(
        h("div", null, [
          h("div", { class: "nbviz-side-title" }, "class that a unit tells best; grey where it hardly helps"),
          h(Legend, { label: "class that a unit tells best", entries }),
        ]),
        unitPanel.key,
      );
      return;
    }
    const values = arrays[4] as Float32Array;
    const domain = shown.isSigned ? signedDomainOf(values) : domainOf(values);
    const ramp = shown.isSigned ? divergingRamp(dark) : VIRIDIS;
    right.setColours(colourValues(values, ramp, domain, missingColour(dark)));
    renderNode(h(ColourBar, { label: shown.unitTitle, domain, ramp }), unitPanel.key);
  }

  onChange(model, signal, {
    selection: mark,
    units: mark,
    specimen: recolour,
    colour_by: () => {
      recolour();
      showStrip();
    },
  });
  signal.addEventListener("abort", () => {
    for (const host of [samplePanel.key, unitPanel.key]) renderNode(null, host);
  });
  pictures.follow(showStrip);
}

export default defineView(open);
