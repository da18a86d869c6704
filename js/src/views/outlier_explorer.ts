// Which samples lie among another class, and are they the ones the network gets wrong? Worst first.
// The other half is nbviz/views/outlier_explorer.py.
import { h, render as renderNode } from "preact";
import type { Frame } from "../channel";
import { createCard } from "../parts/card";
import { classPalette, type Palette } from "../parts/colours";
import { type Column, colourColumn, readColumns, sampleName, valueLines } from "../parts/columns";
import { legendCss } from "../parts/legend";
import { longListCss } from "../parts/long_list";
import { axisText, createMapPlot } from "../parts/map_plot";
import { createPictures } from "../parts/pictures";
import { createScatter } from "../parts/scatter";
import { combine, type How, packRows, readRows, sameRows } from "../parts/selection";
import { acts, createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import { thumbnailsCss } from "../parts/thumbnails";
import { defineView, type Model, onChange } from "../parts/view";
import { dequantise } from "../parts/viewport";
import { controlsOf, factsOf, LIMITS, type OutlierSpecimen } from "./outlier_explorer/controls";
import { groundPainter, groundPixels } from "./outlier_explorer/ground";
import { MapKey } from "./outlier_explorer/key";
import { type Marks, paintMarks } from "./outlier_explorer/marks";
import { NeighbourCard, SampleDetail } from "./outlier_explorer/neighbours";
import {
  arraysOf,
  listed,
  neighboursOf,
  OUTLIER,
  type OutlierMeta,
  type Report,
  reportOf,
  rowsOf,
  sortKey,
  WRONG,
} from "./outlier_explorer/report";
import { phrases, SHORT, sampleAt } from "./outlier_explorer/sample";
import { Side } from "./outlier_explorer/side";
import css from "./outlier_explorer/style.css";

type Classes = Column & { kind: "classes" };

const NONE = new Int32Array(0);

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let columns: Record<string, Column> = {};
  let palette: Palette = classPalette(0, false);
  let meta: OutlierMeta | null = null;
  let report: Report | null = null;
  let rows: Int32Array = NONE;
  let xy: Float32Array = new Float32Array(0);
  let colours: Uint32Array = new Uint32Array(0);
  let regions: { classes: Uint16Array; opacity: Uint8Array } | null = null;
  let selection: Int32Array = NONE;
  let active: number | null = null; // row number that the arrow keys are at
  let hovered: number | null = null; // row number under the mouse in the list
  let peeked: { row: number; clientX: number; clientY: number } | null = null; // whose neighbours the card shows
  let before = { selection, sample: null as number | null, active: null as number | null }; // the last click or lasso on the map
  let lasso = false;
  let drawing = 0;

  const specimen = (): OutlierSpecimen => ({ n: 0, layers: [], names: null, ...model.get("specimen") });
  const get = (name: string) => (name === "lasso" ? lasso : shell.channel.get(name));
  const sample = (): number | null => model.get("sample") ?? null;
  const assigned = (name: string) => ({
    get: () => model.get(name),
    set: (value: unknown) => assign({ [name]: value }),
  });

  const shell = createShell(model, el, signal, {
    label: "Outliers and errors, worst first",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), rows.length || specimen().n, "prediction" in columns, get),
    facts: () => (meta ? factsOf(meta, rows.length, get("of")) : []),
    onFrame: (frame) => show(frame),
    onTheme: (theme) => {
      scatter.setTheme(theme);
      recolour();
    },
    onPending: () => {
      const status = model.get("status");
      const answered = meta !== null && meta.layer === model.get("layer");
      const waits = (status === "pending" || status === "running") && !answered;
      scatter.setDimmed(root.dataset.link === "gone" || waits);
    },
    local: {
      sort_by: assigned("sort_by"),
      k: {
        get: () => shell.channel.get("k"),
        set: (k) => shell.channel.set(get("most_hit") < k ? { k } : { k, most_hit: Math.max(0, k - 1) }),
      },
      n_samples: {
        get: () => shell.channel.get("n_samples") || specimen().n,
        set: (value) => shell.channel.set({ n_samples: value >= specimen().n ? 0 : value }),
      },
      lasso: {
        get: () => lasso,
        set: (on) => {
          lasso = Boolean(on);
          scatter.setTool(lasso ? "lasso" : "pan");
        },
      },
      everything: acts(() => scatter.resetView()),
    },
  });
  const { root, stage } = shell;
  const pictures = createPictures(model, signal, (message) => shell.channel.send(message));
  root.classList.add("nbviz-outliers");
  for (const sheet of [legendCss, thumbnailsCss, longListCss, css]) addStyle(root, sheet);
  const { plot, axes } = createMapPlot(root, stage);
  const key = document.createElement("div");
  stage.append(key);
  const peekHost = document.createElement("div");
  root.append(peekHost);
  const card = createCard({ root, signal, pictures, lines: linesOf });

  const scatter = createScatter(plot, {
    signal,
    label: "Map of samples by their activations",
    describe: (point) => linesOf(rows[point]).join(", "),
    onHover: (point, x, y) => {
      showNeighbours(null);
      card.show(point === null ? null : rows[point], x, y);
    },
    onSelect: (points, how) =>
      choose(
        Int32Array.from(points, (point) => rows[point]),
        how,
      ),
    onUndo: () => {
      active = before.active;
      select(before.selection, { sample: before.sample });
    },
    onTool: (tool) => {
      lasso = tool === "lasso";
      shell.refresh();
    },
  });
  scatter.setTheme(shell.theme());
  scatter.setLines((context, view) => paintMarks(context, view, marks(), shell.theme()));

  // Words and colours

  const nameOf = (row: number) => sampleName(specimen().names, row);

  const sampleOf = (measured: Report, point: number) =>
    sampleAt(measured, point, { columns, palette, nameOf, lossUnit: meta?.lossUnit ?? "" });
  const pointOf = (row: number | null) => (row === null ? null : (report?.points.get(row) ?? null));
  function linesOf(row: number): string[] {
    const measured = pointOf(row);
    if (report && measured !== null) return phrases(sampleOf(report, measured));
    return [nameOf(row), ...valueLines(columns, row)];
  }

  // What happens

  function assign(values: Record<string, unknown>): void {
    shell.channel.assign(values);
    redraw();
    shell.refresh();
  }

  function select(next: Int32Array, more: Record<string, unknown> = {}): void {
    selection = next;
    showSelection();
    assign({ selection: packRows(next), ...more });
  }

  /** A click on one point shows it with its neighbours; a lasso, or Shift and a click, selects. */
  function choose(chosen: Int32Array, how: How): void {
    before = { selection, sample: sample(), active };
    if (chosen.length === 1 && how === "replace") pick(chosen[0]);
    else select(combine(selection, chosen, how));
  }

  function pick(row: number | null): void {
    const next = row === sample() ? null : row;
    if (row !== null) active = row;
    assign({ sample: next });
  }

  function chooseCell(cell: string): void {
    if (!report) return;
    const again = model.get("show") === cell;
    select(again ? NONE : rowsOf(report, cell), { show: again ? "all" : cell });
  }

  /** Whether the selection came with a cell of the table: it goes when that goes. */
  const isOfCell = () => report !== null && sameRows(rowsOf(report, model.get("show")), selection);

  function setShow(value: unknown): void {
    if (selection.length && isOfCell()) select(NONE, { show: value });
    else assign({ show: value });
  }

  /** What the mouse is over in the list: the picture of a sample, or its neighbours. */
  function peek(row: number, what: "sample" | "neighbours" | null, { clientX, clientY }: MouseEvent): void {
    card.show(what === "sample" ? row : null, clientX, clientY);
    showNeighbours(what === "neighbours" ? { row, clientX, clientY } : null);
  }

  function showNeighbours(of: typeof peeked): void {
    peeked = of;
    drawPeeked();
  }

  function drawPeeked(): void {
    const measured = peeked && pointOf(peeked.row);
    const shown =
      peeked && report && measured !== null
        ? h(NeighbourCard, { ...peeked, sample: sampleOf(report, measured), pictures, nameOf })
        : null;
    renderNode(shown, peekHost);
  }

  // Drawing

  function marks(): Marks {
    const measured = report && report.layer === meta?.layer && report.rows === rows ? report : null;
    const point = measured ? pointOf(sample()) : null;
    const flags = measured?.flags;
    return {
      xy,
      colours,
      outliers: flags ? [...rows.keys()].filter((i) => flags[i] & OUTLIER) : [],
      selected: new Set(measured ? Array.from(selection, (row) => pointOf(row) ?? -1) : []),
      sample: point,
      neighbours: measured && point !== null ? neighboursOf(measured, point) : [],
      hovered: measured ? pointOf(hovered ?? active) : null,
    };
  }

  function show(frame: Frame): void {
    meta = frame.meta as OutlierMeta;
    const arrays = arraysOf(frame);
    const given = arrays.rows as Int32Array;
    const isSame = sameRows(given, rows);
    if (!isSame) rows = given;
    const measured = reportOf(frame);
    if (measured) report = { ...measured, rows }; // one array for one list of samples: compared by identity
    xy = dequantise(arrays.positions as Uint16Array, meta.extent);
    scatter.setPositions(xy, { extent: meta.extent });
    axes.textContent = axisText(meta.variance);
    regions = meta.regions
      ? { classes: arrays.regionClasses as Uint16Array, opacity: arrays.regionOpacity as Uint8Array }
      : null;
    stage.dataset.kind = frame.kind;
    stage.dataset.layer = meta.layer;
    stage.dataset.measured = String(measured !== null);
    recolour();
    if (!isSame) showSelection();
  }

  function recolour(): void {
    const { dark } = shell.theme();
    const label = columns.label as Classes | undefined;
    palette = classPalette(label?.names.length ?? 0, dark);
    if (!meta || !label) return;
    const coloured = colourColumn(label, rows, dark);
    colours = coloured.colours;
    scatter.setColours(coloured.colours, coloured.shapes);
    const flags = report?.rows === rows ? report.flags : null;
    scatter.setMarks(flags && report?.overlap ? flags.map((value) => (value & WRONG ? 1 : 0)) : null);
    const ground =
      regions && meta.regions
        ? groundPixels(meta.regions, regions.classes, regions.opacity, palette, dark)
        : null;
    scatter.setUnderlay(ground && meta.regions ? groundPainter(meta.regions, ground) : null);
    stage.toggleAttribute("data-regions", ground !== null);
    redraw();
  }

  function showSelection(): void {
    const chosen = new Set(selection);
    scatter.setSelection(Int32Array.from([...rows.keys()].filter((point) => chosen.has(rows[point]))));
  }

  /** Everything beside the points, at the next frame. */
  function redraw(): void {
    drawing ||= requestAnimationFrame(() => {
      drawing = 0;
      if (!signal.aborted) draw();
    });
  }

  function draw(): void {
    scatter.setLines((context, view) => paintMarks(context, view, marks(), shell.theme()));
    drawKey();
    if (!report) return;
    const measured = report;
    const chosen = pointOf(sample());
    shell.renderSide(
      h(Side, {
        report: measured,
        lossUnit: meta?.lossUnit ?? "",
        pictures,
        hasWords: (columns.label as Classes | undefined)?.names.some((name) => name.length > SHORT) ?? false,
        list: listed(measured, model.get("sort_by"), model.get("show"), selection),
        sortBy: sortKey(measured, model.get("sort_by")),
        show: model.get("show"),
        selected: selection.length,
        active: pointOf(active),
        chosen,
        isBehind: measured.layer !== meta?.layer,
        sampleOf: (point) => sampleOf(measured, point),
        onSet: (name, value) => (name === "show" ? setShow(value) : assign({ [name]: value })),
        onCell: chooseCell,
        onClear: () => select(NONE, isOfCell() ? { show: "all" } : {}),
        onMove: (point) => {
          active = measured.rows[point];
          redraw();
        },
        onPick: (point) => pick(point === null ? null : measured.rows[point]),
        onHover: (point) => {
          hovered = point === null ? null : measured.rows[point];
          scatter.setLines((context, view) => paintMarks(context, view, marks(), shell.theme()));
        },
        onPeek: (point, what, event) => peek(measured.rows[point], what, event),
      }),
    );
    shell.renderBelow(
      chosen === null
        ? null
        : h(SampleDetail, {
            sample: sampleOf(measured, chosen),
            pictures,
            nameOf,
            where: get("of"),
            onPick: pick,
            onClose: () => pick(null),
          }),
    );
  }

  function drawKey(): void {
    const label = columns.label as Classes | undefined;
    const [wrong] = report?.overlap?.table.reduce((sums, [a]) => [sums[0] + a], [0]) ?? [null];
    renderNode(
      h(MapKey, {
        names: label?.names ?? [],
        palette,
        onClass: (code, add) => {
          const chosen = rows.filter((row) => label?.codes[row] === code);
          select(combine(selection, chosen, add ? "add" : "replace"));
        },
        outliers: report?.outliers ?? null,
        errors: wrong,
        note: meta?.regions?.note ?? "",
      }),
      key,
    );
  }

  // What comes from Python

  function readClasses(): void {
    columns = readColumns(model.get("columns_sent"));
    recolour();
    shell.refresh();
  }

  function readSelection(): void {
    const incoming = readRows(model.get("selection"));
    if (sameRows(incoming, selection)) return;
    selection = incoming;
    showSelection();
    redraw();
  }

  function readSample(): void {
    active = sample() ?? active;
    redraw();
  }

  const readHeight = () => root.style.setProperty("--nbviz-outliers-height", `${model.get("height")}px`);
  onChange(model, signal, {
    columns_sent: readClasses,
    specimen: redraw,
    selection: readSelection,
    sample: readSample,
    sort_by: redraw,
    show: redraw,
    height: readHeight,
  });
  signal.addEventListener("abort", () => {
    cancelAnimationFrame(drawing);
    for (const host of [peekHost, key]) renderNode(null, host);
  });
  readHeight();
  readClasses();
  pictures.follow(() => {
    redraw();
    drawPeeked();
  });
  readSelection();
  readSample();
}

export default defineView(open);
