// Two maps of the same samples side by side: two layers, two epochs, or two models.
// The other half is nbviz/views/map_comparison.py.
import { h } from "preact";
import type { Frame } from "../channel";
import { createCard } from "../parts/card";
import { colourValues, missingColour, toCss, VIRIDIS } from "../parts/colours";
import {
  type Column,
  colourColumn,
  countClasses,
  readColumns,
  sampleName,
  valueLines,
  valueText,
} from "../parts/columns";
import { ColourBar, Legend, legendCss } from "../parts/legend";
import { createPictures } from "../parts/pictures";
import { createScatter, type Scatter } from "../parts/scatter";
import { combine, type How, packRows, readRows, sameRows } from "../parts/selection";
import { acts, createShell } from "../parts/shell";
import type { StripItem } from "../parts/strip";
import { addStyle } from "../parts/theme";
import { thumbnailsCss } from "../parts/thumbnails";
import { defineView, type Model, onChange } from "../parts/view";
import { dequantise } from "../parts/viewport";
import { Below, NeighbourKey } from "./map_comparison/below";
import {
  axisText,
  type ComparisonMeta,
  type ComparisonSpecimen,
  controlsOf,
  factsOf,
  LIMITS,
  PRESERVATION,
} from "./map_comparison/controls";
import {
  drawNeighbours,
  GROUPS,
  type Group,
  groupsOf,
  mostChanged,
  type Neighbours,
} from "./map_comparison/neighbours";
import css from "./map_comparison/style.css";

const STRIP = 24;
const SIDES = ["left", "right"] as const;
type Side = (typeof SIDES)[number];

interface Panel {
  title: HTMLElement;
  axes: HTMLElement;
  map: Scatter;
  xy: Float32Array;
}

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let meta: ComparisonMeta | null = null;
  let rows: Int32Array = new Int32Array(0);
  let place = new Map<number, number>(); // row of a sample → its point
  let neighbours: Neighbours | null = null;
  let columns: Record<string, Column> = {};
  let answers: Partial<Record<Side, Column>> = {};
  let selection: Int32Array = new Int32Array(0);
  let before = selection; // as it was before it was last changed here
  let pointed: number | null = null;
  let lasso = false;

  const specimen = (): ComparisonSpecimen => model.get("specimen") ?? {};
  const get = (name: string) =>
    name === "lasso" ? lasso : name === "clear" ? selection.length > 0 : shell.channel.get(name);
  const epoch = (name: string) => ({
    get: () => String(shell.channel.get(name) ?? ""),
    set: (value: string) => shell.channel.set({ [name]: value === "" ? null : Number(value) }),
  });
  const shell = createShell(model, el, signal, {
    label: "Map comparison",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), colourNames(), rows.length || specimen().n, get),
    facts: () => (meta ? factsOf(meta, rows.length) : []),
    onFrame: show,
    onTheme: (theme) => {
      for (const side of SIDES) panels[side].map.setTheme(theme);
      recolour();
    },
    onPending: (pending) => {
      const behind = shell.root.dataset.link === "gone" || (pending && shell.channel.isWaiting());
      for (const side of SIDES) panels[side].map.setDimmed(behind);
    },
    local: {
      checkpoint: epoch("checkpoint"),
      right_checkpoint: epoch("right_checkpoint"),
      colour_by: {
        get: () => model.get("colour_by"),
        set: (value) => shell.channel.assign({ colour_by: value }),
      },
      lasso: {
        get: () => lasso,
        set: (on) => {
          lasso = Boolean(on);
          for (const side of SIDES) panels[side].map.setTool(lasso ? "lasso" : "pan");
        },
      },
      clear: acts(() => select(new Int32Array(0), "replace")),
      everything: acts(() => {
        for (const side of SIDES) panels[side].map.resetView();
      }),
    },
  });
  const { root, stage } = shell;
  const pictures = createPictures(model, signal, (message) => shell.channel.send(message));
  root.classList.add("nbviz-compare");
  for (const sheet of [legendCss, thumbnailsCss, css]) addStyle(root, sheet);

  function panel(side: Side): Panel {
    const host = document.createElement("section");
    const title = document.createElement("h4");
    const map = document.createElement("div");
    const axes = document.createElement("div");
    host.className = "nbviz-compare-panel";
    map.className = "nbviz-compare-map";
    axes.className = "nbviz-compare-axes";
    host.append(title, map, axes);
    stage.append(host);
    const scatter = createScatter(map, {
      signal,
      label: `Map of the samples, ${side}`,
      describe: (point) => describe(rows[point]).join(", "),
      onHover: (point, x, y) => {
        card.show(point === null ? null : rows[point], x, y);
        pointAt(point);
      },
      onSelect: (points, how) =>
        select(
          Int32Array.from(points, (point) => rows[point]),
          how,
        ),
      onUndo: () => select(before, "replace"),
      onTool: (tool) => {
        lasso = tool === "lasso";
        for (const other of SIDES) panels[other].map.setTool(tool);
        shell.refresh();
      },
    });
    scatter.setTheme(shell.theme());
    return { title, axes, map: scatter, xy: new Float32Array(0) };
  }
  const panels: Record<Side, Panel> = { left: panel("left"), right: panel("right") };
  const card = createCard({ root, signal, pictures, lines: describe });

  function colourNames(): string[] {
    const names = Object.keys(columns);
    return [...names, ...(answers.left || answers.right ? ["prediction"] : []), PRESERVATION];
  }

  function describe(row: number): string[] {
    const lines = [sampleName(specimen().names, row), ...valueLines(columns, row)];
    const told = SIDES.map((side) => valueText(answers[side], row) || "?");
    if (answers.left || answers.right) lines.push(`prediction: ${told.join(" → ")}`);
    const point = place.get(row);
    if (neighbours && point !== undefined) {
      const kept = Math.round(neighbours.local[point] * neighbours.k);
      lines.push(`kept ${kept} of ${neighbours.k} neighbours`);
    }
    return lines;
  }

  /** The mouse is on a point of either map: the same sample is ringed in both, with lines to its neighbours. */
  function pointAt(point: number | null): void {
    pointed = point;
    for (const side of SIDES) panels[side].map.setHovered(point);
    showLines();
  }

  function showLines(): void {
    const pinned = selection.length === 1 ? place.get(selection[0]) : undefined;
    const point = pointed ?? pinned;
    const groups = neighbours && point !== undefined ? groupsOf(neighbours, point) : null;
    stage.dataset.sample = groups ? String(rows[point!]) : "";
    for (const side of SIDES) {
      const { map, xy } = panels[side];
      map.setLines(
        groups &&
          ((context, view) =>
            drawNeighbours(context, view, xy, { point: point!, groups, side, ink: shell.theme() })),
      );
    }
  }

  function show(frame: Frame): void {
    meta = frame.meta as ComparisonMeta;
    const [left, right, given, local, before, after] = frame.arrays;
    rows = given as Int32Array;
    place = new Map(Array.from(rows, (row, point) => [row, point]));
    neighbours = local ? { k: meta.k!, local: local as Float32Array, left: before, right: after } : null;
    SIDES.forEach((side, i) => {
      const shown = meta!.sides[i];
      const current = panels[side];
      current.xy = dequantise([left, right][i] as Uint16Array, shown.extent);
      current.map.setPositions(current.xy, { extent: shown.extent });
      const word = document.createElement("span");
      word.textContent = i ? "Right: " : "Left: ";
      current.title.replaceChildren(word, shown.title);
      current.title.title = shown.title;
      current.axes.textContent = axisText(shown, i === 1 && meta!.matched);
    });
    if (pointed !== null && pointed >= rows.length) pointed = null;
    stage.dataset.kind = frame.kind;
    stage.dataset.generation = String(frame.generation);
    recolour();
    showSelection();
  }

  function columnFor(side: Side): Column | undefined {
    const name = model.get("colour_by");
    return name === "prediction" ? answers[side] : columns[name];
  }

  function recolour(): void {
    if (rows.length === 0) return;
    const { dark } = shell.theme();
    const name = model.get("colour_by");
    let key = null;
    for (const side of SIDES) {
      const { map } = panels[side];
      const column = columnFor(side);
      if (name === PRESERVATION) {
        const values = neighbours?.local ?? new Float32Array(rows.length).fill(Number.NaN);
        map.setColours(colourValues(values, VIRIDIS, [0, 1], missingColour(dark)));
        const mark = meta?.chance === undefined ? undefined : { value: meta.chance, text: "" };
        if (mark) mark.text = `▮ chance: ${mark.value.toPrecision(2)}`;
        key = h(ColourBar, { label: "share of neighbours kept", domain: [0, 1], ramp: VIRIDIS, mark });
      } else if (column) {
        const coloured = colourColumn(column, rows, dark);
        map.setColours(coloured.colours, coloured.shapes);
        if (coloured.domain) key = h(ColourBar, { label: name, domain: coloured.domain, ramp: VIRIDIS });
        else if (column.kind === "classes" && coloured.palette) {
          const { palette } = coloured;
          const counts = countClasses(column, rows);
          key = h(Legend, {
            label: `Colour: ${name}`,
            entries: column.names.map((entry, i) => ({
              name: entry,
              colour: toCss(palette.colours[i]),
              shape: palette.shapes[i],
              count: name === "prediction" ? undefined : counts[i],
            })),
            onPick:
              name === "prediction" // which differ between the sides
                ? undefined
                : (entry, add) =>
                    select(
                      rows.filter((row) => column.codes[row] === entry),
                      add ? "add" : "replace",
                    ),
          });
        }
      }
    }
    shell.renderSide(
      h("div", { class: "nbviz-compare-side" }, [
        h("div", { class: "nbviz-side-title" }, `colour: ${name}`),
        key,
        h("div", { class: "nbviz-side-title" }, "neighbours of the sample under the pointer"),
        h(NeighbourKey, { dark }),
      ]),
    );
    showLines();
    showBelow();
  }

  function select(chosen: Int32Array, how: How): void {
    before = selection;
    selection = combine(selection, chosen, how);
    shell.channel.assign({ selection: packRows(selection) });
    showSelection();
  }

  function showSelection(): void {
    const points = Array.from(selection, (row) => place.get(row)).filter((point) => point !== undefined);
    for (const side of SIDES) panels[side].map.setSelection(Int32Array.from(points));
    showLines();
    showBelow();
    shell.refresh();
  }

  function item(point: number): StripItem {
    const row = rows[point];
    const column = columns.label ?? Object.values(columns)[0];
    const colours =
      column?.kind === "classes"
        ? colourColumn(column, [row], shell.theme().dark).colours
        : new Uint32Array(0);
    const kept = neighbours ? Math.round(neighbours.local[point] * neighbours.k) : null;
    return {
      index: row,
      name: describe(row).join(", "),
      className: valueText(column, row) || String(row),
      colour: colours.length ? toCss(colours[0]) : "",
      note: kept === null ? undefined : `${kept} of ${neighbours!.k}`,
      current: selection.length === 1 && selection[0] === row,
    };
  }

  function showBelow(): void {
    if (!neighbours) {
      shell.renderBelow(null);
      return;
    }
    const points = Array.from(selection, (row) => place.get(row)).filter((point) => point !== undefined);
    const several = points.length > 1;
    const order = mostChanged(neighbours.local, several ? points : [...rows.keys()]);
    const shares = order.map((point) => neighbours!.local[point]);
    const mean = shares.reduce((sum, x) => sum + x, 0) / Math.max(1, shares.length);
    const title = several
      ? `${points.length.toLocaleString("en")} selected, ${(100 * mean).toFixed(1)} % of their neighbours kept; those that changed most first`
      : "Changed neighbours most (neighbours kept)";
    let groups = null;
    if (points.length === 1) {
      const found = groupsOf(neighbours, points[0]);
      const items = Object.fromEntries(
        GROUPS.map(({ name }) => [name, found[name].map((point) => ({ ...item(point), note: undefined }))]),
      ) as Record<Group, StripItem[]>;
      groups = {
        name: sampleName(specimen().names, selection[0]),
        own: item(points[0]),
        items,
      };
    }
    shell.renderBelow(
      h(Below, {
        pictures,
        groups,
        changed: {
          title,
          label: several ? "Selected samples" : "Samples that changed neighbours most",
          items: order.slice(0, STRIP).map(item),
          total: order.length,
        },
        onPick: (row) => select(Int32Array.of(row), "replace"),
        onHover: (row) => pointAt(row === null ? null : (place.get(row) ?? null)),
      }),
    );
  }

  function readSpecimen(): void {
    columns = readColumns(model.get("specimen")?.columns);
    answers = readColumns(model.get("predictions_sent"));
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
  pictures.follow(showBelow);
  readSelection();
}

export default defineView(open);
