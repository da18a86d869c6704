// Draw a digit (or type a text) and watch where a layer puts it among the samples.
// The other half is nbviz/views/live_placement.py.
import { h, render as renderNode } from "preact";
import type { Frame } from "../channel";
import { barsCss } from "../parts/bars";
import { createCard } from "../parts/card";
import { pack, toCss, VIRIDIS } from "../parts/colours";
import {
  type Coloured,
  type Column,
  colourColumn,
  readColumns,
  sampleName,
  valueLines,
  valueText,
} from "../parts/columns";
import { ColourBar, Legend, legendCss } from "../parts/legend";
import { paintBoardCss } from "../parts/paint_board";
import { createPictures } from "../parts/pictures";
import { packPixels, paintPixels, readPixels } from "../parts/pixels";
import { createScatter } from "../parts/scatter";
import { createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import { thumbnailsCss } from "../parts/thumbnails";
import { defineView, type Model, onChange } from "../parts/view";
import { dequantise } from "../parts/viewport";
import { controlsOf, factsOf, LIMITS } from "./live_placement/controls";
import { createDrawPanel } from "./live_placement/draw_panel";
import { MarkerKey } from "./live_placement/key";
import { lengthened, paintOver } from "./live_placement/marker";
import { type Place, type Placed, type PlacementSpecimen, readPlaced } from "./live_placement/meta";
import { Sheet, usualBrush } from "./live_placement/sheet";
import { type Kept, Side } from "./live_placement/side";
import css from "./live_placement/style.css";

const NOTHING: PlacementSpecimen = {
  n: 0,
  layers: [],
  maps: [],
  names: null,
  text: false,
  shape: [28, 28, 1],
  background: [0],
  ink: [255],
  classifies: true,
};

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let placed: Placed | null = null;
  let data: Float32Array = new Float32Array(0); // places of the points, in the map's units
  let points = new Map<number, number>(); // row of a sample → its point
  let trail: Place[] = [];
  let columns: Record<string, Column> = {};
  let coloured: Coloured | null = null;
  let kept: (Kept & { picture: HTMLCanvasElement | null })[] = [];
  let hovered: number | null = null; // neighbour under the pointer, in the list
  let isNew = false; // whether the sample of the last click on the map was not on the sheet already
  let hint = "";
  let missed = false; // a drawing came from elsewhere while one of the hand was under way

  const specimen = (): PlacementSpecimen => ({ ...NOTHING, ...model.get("specimen") });
  const shell = createShell(model, el, signal, {
    label: "Live placement",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), (name) => shell.channel.get(name)),
    facts: () => factsOf(placed?.meta ?? null, placed?.rows.length ?? 0, specimen(), hint),
    onFrame: show,
    onTheme: (theme) => {
      scatter.setTheme(theme);
      recolour();
      redraw();
    },
    onPending: () => scatter.setDimmed(shell.root.dataset.link === "gone"),
    local: {
      n_samples: {
        get: () => {
          const { n } = specimen();
          return Math.min(shell.channel.get("n_samples") || n, n);
        },
        set: (value) => shell.channel.set({ n_samples: value }),
      },
    },
  });
  const { root, stage } = shell;
  const pictures = createPictures(model, signal, (message) => shell.channel.send(message));
  root.classList.add("nbviz-placement");
  root.dataset.kind = specimen().text ? "text" : "picture";
  for (const sheet of [legendCss, thumbnailsCss, barsCss, paintBoardCss, css]) addStyle(root, sheet);
  const [mapHost, drawHost] = ["map", "draw"].map((name) => {
    const section = document.createElement("section");
    section.className = `nbviz-placement-${name}`;
    stage.append(section);
    return section;
  });
  const heading = document.createElement("h4");
  const plot = document.createElement("div");
  const key = document.createElement("div");
  plot.className = "nbviz-placement-plot";
  key.className = "nbviz-placement-key";
  mapHost.append(heading, plot, key);

  const scatter = createScatter(plot, {
    signal,
    label: "Map of samples by their activations. Choose a point to begin with that sample.",
    canLasso: false,
    describe: (point) => describe(placed?.rows[point] ?? point).join(", "),
    onHover: (point, x, y) => card.show(point === null || !placed ? null : placed.rows[point], x, y),
    onSelect: (chosen) => {
      if (chosen.length !== 1 || !placed) return;
      const row = placed.rows[chosen[0]];
      isNew = row !== model.get("sample");
      bring(row);
    },
    onUndo: () => {
      if (isNew) shell.channel.send({ type: "undo" });
    },
  });
  scatter.setTheme(shell.theme());
  const card = createCard({ root, signal, pictures, lines: describe });

  const panel = createDrawPanel(drawHost, {
    signal,
    specimen,
    brush: () => {
      const { shape } = specimen();
      return Number(model.get("brush")) || usualBrush(shape);
    },
    ink: () => String(model.get("ink") ?? ""),
    assign: (values) => shell.channel.assign(values),
    onDraw: (sheet) => shell.channel.set({ drawing: packPixels(sheet.shape, sheet.pixels) }),
    onText: (text) => shell.channel.set({ text }),
    onPicture: ({ width, height, rgb }) => {
      shell.channel.flush();
      shell.channel.send({ type: "upload", width, height }, [rgb]);
    },
    onKeep: () => shell.channel.send({ type: "keep" }),
    onHint: (text) => {
      if (text !== hint) {
        hint = text;
        shell.refresh();
      }
    },
    canKeep: () => placed?.meta.landed === true,
  });

  /** A sample comes to the sheet, over what was drawn last. */
  function bring(row: number): void {
    shell.channel.flush();
    shell.channel.assign({ sample: row });
  }

  function describe(row: number): string[] {
    return [sampleName(specimen().names, row), ...valueLines(columns, row)];
  }

  function show(frame: Frame): void {
    const before = placed?.meta;
    placed = readPlaced(frame);
    const { meta, rows, xy } = placed;
    const isNew = !before || meta.map === 0 || meta.map !== before.map;
    if (isNew) {
      trail = [];
      data = dequantise(xy, meta.extent);
      points = new Map(Array.from(rows, (row, point) => [row, point]));
      scatter.setPositions(data, { extent: meta.extent });
      recolour();
    }
    if (!meta.drawn) trail = [];
    else if (placed.place) trail = lengthened(trail, placed.place);
    const kind = meta.method === "tsne" ? "t-SNE" : "Principal components";
    heading.textContent = `${kind} of ${meta.layer}${meta.method === "tsne" ? " (axes have no unit)" : ""}`;
    stage.dataset.generation = String(frame.generation);
    stage.dataset.kind = frame.kind;
    stage.dataset.map = String(meta.map);
    stage.dataset.landed = String(meta.landed);
    redraw();
    panel.showSeen(placed);
    renderSide();
    if (missed) readDrawing();
  }

  function placeOf(row: number): Place[] {
    const point = points.get(row);
    return point === undefined ? [] : [[data[2 * point], data[2 * point + 1]]];
  }

  /** What lies over the points. */
  function redraw(): void {
    const shown = placed;
    if (!shown || shown.meta.map === 0) {
      scatter.setLines(null);
      return;
    }
    const style = getComputedStyle(root);
    const colour = (name: string) => style.getPropertyValue(`--nbviz-${name}`).trim();
    const near = hovered === null ? [...shown.neighbours] : [hovered];
    const over = {
      place: shown.place,
      trail,
      neighbours: near.flatMap(placeOf),
      kept: shown.kept.map((place, i) => ({
        place,
        picture: kept[i]?.picture ?? null,
        text: kept[i]?.text ?? "",
        far: shown.meta.kept[i]?.far ?? false,
      })),
      far: shown.meta.far,
      ink: colour("fg"),
      paper: toCss(pack(shell.theme().background)),
      accent: colour("accent"),
      warn: colour("warn"),
    };
    scatter.setLines((g, view) => paintOver(g, view, over));
  }

  function recolour(): void {
    columns = readColumns(model.get("specimen")?.columns);
    const first = Object.entries(columns)[0];
    coloured = null;
    if (placed && first) {
      coloured = colourColumn(first[1], placed.rows, shell.theme().dark);
      scatter.setColours(coloured.colours, coloured.shapes);
    }
    const classes = first && coloured ? legendOf(first[0], first[1], coloured) : null;
    renderNode([classes, h(MarkerKey, { name: specimen().text ? "the text" : "the drawing" })], key);
  }

  function legendOf(label: string, column: Column, { palette, domain }: Coloured) {
    if (column.kind === "classes" && palette) {
      const entries = column.names.map((name, i) => ({
        name,
        colour: toCss(palette.colours[i]),
        shape: palette.shapes[i],
      }));
      return h(Legend, { label, entries });
    }
    return domain ? h(ColourBar, { label, domain, ramp: VIRIDIS }) : null;
  }

  function renderSide(): void {
    const first = Object.values(columns)[0];
    const neighbours = Array.from(placed?.neighbours ?? [], (row, i) => {
      const colour = coloured?.colours[points.get(row) ?? -1];
      return {
        row,
        name: sampleName(specimen().names, row),
        label: valueText(first, row),
        colour: colour === undefined ? "transparent" : toCss(colour),
        distance: placed!.distances[i],
      };
    });
    shell.renderSide(
      h(Side, {
        meta: placed?.meta ?? null,
        text: specimen().text,
        classifies: specimen().classifies,
        neighbours,
        kept: kept.map((one, i) => ({ ...one, meta: placed?.meta.kept[i] })),
        shape: specimen().shape,
        pictures,
        onPick: bring,
        onHover: (row) => {
          hovered = row;
          redraw();
        },
        onForget: forget,
      }),
    );
  }

  function readKept(): void {
    const packed = model.get("kept") ?? {};
    const { shape } = specimen();
    const size = shape[0] * shape[1] * shape[2];
    const texts: string[] = packed.texts ?? [];
    const count = texts.length || (packed.shape?.length > 2 ? packed.shape[0] : 0);
    const all = texts.length ? null : readPixels(packed, count * size);
    kept = Array.from({ length: all || texts.length ? count : 0 }, (_, i) => {
      const pixels = all ? all.subarray(i * size, (i + 1) * size) : null;
      const picture = pixels ? document.createElement("canvas") : null;
      if (pixels && picture) paintPixels(picture, shape, pixels);
      return { text: texts[i] ?? "", pixels, picture, meta: undefined };
    });
    redraw();
    renderSide();
  }

  function forget(index: number): void {
    const rest = kept.filter((_, i) => i !== index);
    const { shape } = specimen();
    const size = shape[0] * shape[1] * shape[2];
    const pile = new Uint8Array(rest.length * size);
    rest.forEach(({ pixels }, i) => {
      if (pixels) pile.set(pixels, i * size);
    });
    const texts = rest.map(({ text }) => text);
    shell.channel.set({ kept: specimen().text ? { texts } : packPixels(shape, pile, rest.length) });
  }

  function readDrawing(): void {
    missed = shell.channel.isWaiting(); // an older one may come back while the hand goes on
    if (missed) return;
    const { shape, text } = specimen();
    const pixels = text ? null : readPixels(model.get("drawing"), shape[0] * shape[1] * shape[2]);
    panel.follow(pixels ? new Sheet(shape, pixels) : null, String(model.get("text") ?? ""));
  }

  onChange(model, signal, {
    specimen: recolour,
    kept: readKept,
    drawing: readDrawing,
    text: readDrawing,
    brush: () => panel.refresh(),
    ink: () => panel.refresh(),
  });
  signal.addEventListener("abort", () => {
    renderNode(null, key);
  });
  recolour();
  pictures.follow(renderSide);
  readKept();
  readDrawing();
  redraw();
}

export default defineView(open);
