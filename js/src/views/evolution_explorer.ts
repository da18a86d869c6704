// How the map of a layer's activations changes over epochs, or from layer to layer.
// The other half is nbviz/views/evolution_explorer.py.
import { h, render as renderNode } from "preact";
import type { Frame } from "../channel";
import { createCard } from "../parts/card";
import { ColumnLegend } from "../parts/column_legend";
import {
  answerLines,
  byRow,
  type Coloured,
  type Column,
  colourColumn,
  domainsOf,
  readColumns,
  sampleName,
  wrongOf,
} from "../parts/columns";
import { Curves, curveColours, curvesCss } from "../parts/curves";
import { GlyphKey, legendCss } from "../parts/legend";
import { createMapPlot, NO_AXES } from "../parts/map_plot";
import { createPictures } from "../parts/pictures";
import { SampleStrip } from "../parts/sample_strip";
import { createScatter } from "../parts/scatter";
import { plainColours } from "../parts/scatter_draw";
import { combine, type How, packRows, readRows, sameRows } from "../parts/selection";
import { createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import { thumbnailsCss } from "../parts/thumbnails";
import { defineView, type Model, onChange } from "../parts/view";
import { dequantise } from "../parts/viewport";
import {
  controlsOf,
  type EvolutionMeta,
  type EvolutionSpecimen,
  factsOf,
  LIMITS,
  percentDomain,
} from "./evolution_explorer/controls";
import { between, drawPaths, type Paths } from "./evolution_explorer/paths";
import { Player } from "./evolution_explorer/player";
import css from "./evolution_explorer/style.css";

const FRAMES_PER_SECOND = 0.8;

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let meta: EvolutionMeta | null = null;
  let frames: Float32Array = new Float32Array(0);
  let rows: Int32Array = new Int32Array(0);
  let paths: Paths | null = null;
  let own: Record<string, Column> = {}; // columns of the samples,
  let answers: { rows: Int32Array; frames: Record<string, Column>[] } | null = null; // those of each frame,
  let columns: Record<string, Column> = {}; // and both, as they are at the frame that is drawn
  let shownAt = 0; // that frame
  let domains: Record<string, [number, number]> = {}; // of the numbers of all frames together
  let coloured: Coloured | null = null;
  let colours: Uint32Array = new Uint32Array(0);
  let before: Int32Array = new Int32Array(0); // the selection before it was last changed here
  let hovered: number | null = null;
  let lasso = false;
  let playing = 0;
  let at = Number(model.get("frame_shown"));

  const specimen = (): EvolutionSpecimen => ({
    n: 0,
    layers: [],
    epochs: [],
    names: null,
    ...model.get("specimen"),
  });
  const get = (name: string) => shell.channel.get(name);
  const assigned = (name: string) => ({
    get: () => model.get(name),
    set: (value: unknown) => {
      shell.channel.assign({ [name]: value });
      draw();
    },
  });

  const shell = createShell(model, el, signal, {
    label: "Evolution of the activations",
    limits: LIMITS,
    controls: () =>
      controlsOf(specimen(), meta, Object.keys(columns), (name) => (name === "lasso" ? lasso : get(name))),
    facts: () => factsOf(meta, Math.round(at), specimen().n),
    onFrame: show,
    onTheme: (theme) => {
      scatter.setTheme(theme);
      recolour();
    },
    onPending: () => scatter.setDimmed(shell.root.dataset.link === "gone"),
    local: {
      show_trails: assigned("show_trails"),
      lasso: { get: () => lasso, set: (on) => setLasso(Boolean(on)) },
    },
  });
  const { root, stage } = shell;
  const pictures = createPictures(model, signal, (message) => shell.channel.send(message));
  root.classList.add("nbviz-evolution");
  for (const sheet of [legendCss, thumbnailsCss, curvesCss, css]) addStyle(root, sheet);
  const player = document.createElement("div");
  const charts = document.createElement("div");
  charts.className = "nbviz-evolution-charts";
  const strip = document.createElement("div");
  shell.below.append(player, charts, strip);

  const { plot, axes } = createMapPlot(root, stage);
  const scatter = createScatter(plot, {
    signal,
    label: "Map of samples by their activations at one frame",
    describe: (point) => describe(rows[point]).join(", "),
    onHover: (point, x, y) => {
      hovered = point;
      scatter.setLines(lines);
      card.show(point === null ? null : rows[point], x, y);
    },
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
  const card = createCard({ root, signal, pictures, lines: describe });

  function describe(row: number): string[] {
    return [sampleName(specimen().names, row), ...answerLines(columns, row)];
  }

  function show(frame: Frame): void {
    meta = frame.meta as EvolutionMeta;
    const [positions, shownRows, trails] = frame.arrays;
    const isOther = !sameRows(shownRows as Int32Array, rows);
    rows = shownRows as Int32Array;
    frames = dequantise(positions as Uint16Array, meta.extent);
    paths = trails
      ? { xy: dequantise(trails as Uint16Array, meta.extent), pointsPerTrail: meta.pointsPerTrail }
      : null;
    at = Math.min(at, meta.names.length - 1);
    place();
    if (isOther || Math.round(at) !== shownAt) recolour();
    showSelection();
    axes.textContent = NO_AXES;
    stage.dataset.frames = String(meta.names.length);
    draw();
  }

  /** Points of the selected rows. */
  function pointsOf(selected: DataView | ArrayLike<number>): Int32Array {
    const wanted = new Set(readRows(selected));
    return Int32Array.from([...rows.keys()].filter((point) => wanted.has(rows[point])));
  }

  function select(chosen: Int32Array, how: How): void {
    before = readRows(model.get("selection"));
    const next = combine(before, chosen, how);
    shell.channel.assign({ selection: packRows(next) });
    showSelection();
  }

  function showSelection(): void {
    const selection = readRows(model.get("selection"));
    scatter.setSelection(pointsOf(selection));
    scatter.setLines(lines);
    const props = {
      selection,
      columns,
      name: model.get("colour_by"),
      dark: shell.theme().dark,
      pictures,
      describe,
      onPick: (row: number) => select(Int32Array.of(row), "replace"),
    };
    renderNode(selection.length ? h(SampleStrip, props) : null, strip);
  }

  function setLasso(on: boolean): void {
    lasso = on;
    scatter.setTool(on ? "lasso" : "pan");
    shell.refresh();
  }

  function readSpecimen(): void {
    own = readColumns(model.get("specimen")?.columns);
    const packed = model.get("answers_sent");
    answers = packed?.frames ? { rows: readRows(packed.rows), frames: packed.frames.map(readColumns) } : null;
    domains = domainsOf(answers?.frames ?? []);
    recolour();
    shell.refresh();
  }

  function recolour(): void {
    shownAt = Math.round(at);
    const told = Object.entries(answers?.frames[shownAt] ?? {});
    columns = { ...own };
    for (const [name, column] of told) columns[name] = byRow(column, answers!.rows, specimen().n);
    if (!rows.length) return;
    const name = model.get("colour_by");
    const column = columns[name];
    coloured = column ? colourColumn(column, rows, shell.theme().dark, domains[name]) : null;
    colours = coloured?.colours ?? plainColours(rows.length, shell.theme().dark);
    scatter.setColours(colours, coloured?.shapes);
    const onSelect = (chosen: Int32Array, add: boolean) => select(chosen, add ? "add" : "replace");
    const wrong = wrongOf(columns, rows);
    scatter.setMarks(wrong);
    const misclassified = wrong?.reduce((n, x) => n + x, 0);
    shell.renderSide(
      h("div", { class: "nbviz-side-keys" }, [
        h(ColumnLegend, { what: "colour", name, column, coloured, rows, shapes: true, onSelect }),
        wrong ? h(GlyphKey, { name: "misclassified", count: misclassified }) : null,
      ]),
    );
    showSelection();
    draw();
  }

  function lines(context: CanvasRenderingContext2D, view: Parameters<typeof drawPaths>[1]): void {
    if (!paths || !model.get("show_trails")) return;
    const chosen = [...pointsOf(model.get("selection"))];
    const which = chosen.length ? chosen : [...rows.keys()];
    drawPaths(context, view, paths, colours, which);
    if (hovered !== null) drawPaths(context, view, paths, colours, [hovered]);
  }

  function place(): void {
    if (!meta) return;
    scatter.setPositions(between(frames, meta.samples, at), { extent: meta.extent });
  }

  /** What is still drawn may have more frames than what is asked for now. */
  function tellFrame(): void {
    const count = (get("over") === "epochs" ? specimen().epochs : specimen().layers).length;
    shell.channel.assign({ frame_shown: Math.max(0, Math.min(at, count - 1)) });
  }

  function setFrame(value: number, tell = true): void {
    at = value;
    place();
    if (Math.round(at) !== shownAt) recolour();
    if (tell) tellFrame();
    draw();
    shell.refresh();
  }

  function play(): void {
    if (playing) {
      cancelAnimationFrame(playing);
      playing = 0;
      tellFrame();
      draw();
      return;
    }
    if (!meta) return;
    const last = meta.names.length - 1;
    if (at >= last) at = 0;
    let before = performance.now();
    const step = (now: number) => {
      // A pause at each frame, so that one sees where it is: the eye follows an eased movement.
      at = Math.min(last, at + ((now - before) / 1000) * FRAMES_PER_SECOND);
      before = now;
      setFrame(at, false);
      if (at < last && !signal.aborted) playing = requestAnimationFrame(step);
      else {
        playing = 0;
        tellFrame();
        draw();
      }
    };
    playing = requestAnimationFrame(step);
    draw();
  }

  function draw(): void {
    if (!meta) return;
    scatter.setLines(lines);
    const what = get("over") === "epochs" ? "Epoch" : "Layer";
    renderNode(
      h(Player, {
        names: meta.names,
        at,
        playing: playing !== 0,
        what,
        onFrame: (v) => setFrame(v),
        onPlay: play,
      }),
      player,
    );
    renderNode(chartsOf(meta, what), charts);
  }

  function chartsOf(shown: EvolutionMeta, what: string) {
    const { dark } = shell.theme();
    const x = shown.names.map((_, i) => i); // the frames, as on the slider: epochs need not be evenly spaced
    const [map, direct, right] = curveColours(3, dark);
    const values = (list: (number | null)[] | null) =>
      (list ?? []).map((v) => (v === null ? Number.NaN : 100 * v));
    const curves = [
      { name: "NH in the map", colour: map, values: values(shown.hit) },
      { name: "NH in the activations", colour: direct, values: values(shown.hitActivations) },
      { name: "accuracy", colour: right, values: get("over") === "epochs" ? values(shown.accuracy) : [] },
    ].filter((curve) => curve.values.length);
    if (!curves.length) return null;
    return h(Curves, {
      label: "Neighbourhood hit and accuracy over the frames",
      x,
      xNames: shown.names,
      xTitle: what.toLowerCase(),
      yTitle: "percent",
      curves,
      height: 190,
      at: Math.round(at),
      onPoint: (index: number) => setFrame(index),
      formatY: (v: number) => v.toFixed(1),
      yDomain: percentDomain(curves.flatMap((curve) => curve.values)),
    });
  }

  const onFrameShown = () => {
    const value = Number(model.get("frame_shown"));
    if (!playing && value !== at) setFrame(Math.min(value, (meta?.names.length ?? 1) - 1), false);
  };
  onChange(model, signal, {
    frame_shown: onFrameShown,
    selection: showSelection,
    colour_by: recolour,
    show_trails: draw,
    specimen: readSpecimen,
    answers_sent: readSpecimen,
  });
  signal.addEventListener("abort", () => {
    cancelAnimationFrame(playing);
    for (const host of [player, charts, strip]) renderNode(null, host);
  });
  readSpecimen();
  pictures.follow(showSelection);
}

export default defineView(open);
