// Hidden states of a recurrent network: brush tokens, see which cells carry them, find where else they do.
// The other half is nbviz/views/hidden_states.py.
import type { AnyModel, Render } from "@anywidget/types";
import { h, render } from "preact";
import { type Frame, typedArray } from "../channel";
import { classPalette, toCss } from "../parts/colours";
import { legendCss } from "../parts/legend";
import { createShell } from "../parts/shell";
import { createTextBox } from "../parts/textbox";
import { addStyle } from "../parts/theme";
import { controlsOf, factsOf, LIMITS } from "./hidden_states/controls";
import { Matches } from "./hidden_states/matches";
import type { HiddenMeta, HiddenSpecimen } from "./hidden_states/meta";
import { createPlot, type PlotState } from "./hidden_states/plot";
import { Side } from "./hidden_states/side";
import type { Annotation } from "./hidden_states/strips";
import css from "./hidden_states/style.css";
import {
  cellName,
  countOn,
  levelOf,
  type Selection,
  type Sign,
  selectCells,
  type Track,
  thresholdOf,
  toGlobal,
  toShown,
  valueAt,
} from "./hidden_states/track";

// biome-ignore lint/suspicious/noExplicitAny: traits are of any type
function open(model: AnyModel<any>, el: HTMLElement, signal: AbortSignal): void {
  let meta: HiddenMeta | null = null;
  let arrays: Frame["arrays"] = [];
  let track: Track | null = null;
  let selection: Selection = { cells: [], signs: [] };
  let counts: Uint16Array = new Uint16Array(0);
  let hovered: number | null = null;
  let chosen: number | null = null;
  let zoom = 12;
  let isEditing = false;

  const specimen = (): HiddenSpecimen => ({
    symbols: [],
    sources: [],
    layers: [],
    annotations: [],
    editable: false,
    clampable: false,
    ...model.get("specimen"),
  });
  const get = (name: string) => shell.channel.get(name);
  const span = (): [number, number] | null => (get("span").length === 2 ? get("span") : null);
  const acts = (action: () => void) => ({ get: () => false, set: action });

  const shell = createShell(model, el, signal, {
    label: "Hidden states",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), track, meta, selection.cells.length, get, isEditing),
    facts: () => factsOf(track, meta),
    onFrame(frame) {
      meta = frame.meta as HiddenMeta;
      arrays = frame.arrays;
      if (chosen !== null && chosen >= (meta.matches?.rows.length ?? 0)) chosen = null;
      select();
    },
    onTheme: () => draw(),
    onPending: (pending) => shell.root.toggleAttribute("data-pending", pending),
    local: {
      threshold: {
        get: () => Number(get("threshold").toFixed(3)),
        set: (value) => setThreshold(value),
      },
      zoom: {
        get: () => zoom,
        set: (value) => {
          zoom = value;
          draw();
        },
      },
      sign: { get: () => get("sign"), set: (value) => choose({ sign: value }) },
      show_next: {
        get: () => model.get("show_next"),
        set: (value) => {
          shell.channel.assign({ show_next: value });
          draw();
        },
      },
      switch_off: acts(() => {
        const off = get("off").length ? [] : globals();
        shell.channel.set({ off });
      }),
      by_rule: acts(() => choose({ pinned: [] })),
      clear: acts(() => choose({ span: [], pinned: [] })),
      edit: acts(() => {
        isEditing = !isEditing;
        text.box.hidden = !isEditing;
        if (isEditing) text.box.focus();
      }),
    },
  });
  const { root, stage, channel } = shell;
  root.classList.add("nbviz-states-view");
  for (const sheet of [legendCss, css]) addStyle(root, sheet);
  const text = createTextBox(
    "Text that the network reads",
    String(model.get("text") ?? ""),
    signal,
    (value) => channel.set({ text: value, span: [], pinned: [], position: 0 }),
  );
  text.box.className = "nbviz-states-text";
  text.box.hidden = true;
  root.insertBefore(text.box, stage.parentElement);
  const tip = document.createElement("div");
  tip.className = "nbviz-states-tip";
  tip.hidden = true;
  const live = document.createElement("div");
  live.className = "nbviz-hidden";
  live.setAttribute("aria-live", "polite");
  root.append(live);

  const plot = createPlot(stage, {
    signal,
    label:
      "Lines of all cells over the tokens. Arrow left and right move the brush, with Shift they widen it, " +
      "arrow up and down move the threshold, comma and full stop move the left and right handle, Escape clears.",
    state: plotState,
    onSpan: (value) => choose({ span: value ?? [], pinned: [] }),
    onZeros: (value) => choose({ zeros: value }),
    onThreshold: setThreshold,
    onHover: hover,
    onPick: pick,
    onKey,
  });
  stage.append(tip);

  /** Set parameters and show at once what follows from them here; the kernel's matches come after. */
  function choose(values: Record<string, unknown>): void {
    channel.set(values);
    select();
    shell.refresh();
  }

  function setThreshold(value: number): void {
    if (track) choose({ threshold: thresholdOf(levelOf(value, track.meta), track.meta) });
  }

  function globals(): number[] {
    const shown = track;
    return shown ? selection.cells.map((cell) => toGlobal(shown.meta, cell)) : [];
  }

  function select(): void {
    if (!track) return;
    const shown = track;
    const [range, sign] = [span(), get("sign") as Sign];
    const pinned = (get("pinned") as number[]).map((cell) => toShown(shown.meta, cell)).filter((c) => c >= 0);
    if (pinned.length)
      selection = { cells: pinned, signs: pinned.map((cell) => signOf(shown, cell, range, sign)) };
    else
      selection = range
        ? selectCells(track, range, get("threshold"), get("zeros"), sign)
        : { cells: [], signs: [] };
    counts = countOn(track, selection, get("threshold"));
    const words = range
      ? shown.meta.tokens.slice(range[0] - shown.meta.first, range[1] - shown.meta.first)
      : [];
    live.textContent = range
      ? `Steps ${range[0]} to ${range[1] - 1}, “${words.join("")}”: ${selection.cells.length} cells`
      : "";
    draw();
  }

  /** The side on which a cell chosen by hand counts: that of the brush, else the one asked for. */
  function signOf(shown: Track, cell: number, range: [number, number] | null, sign: Sign): number {
    if (!shown.meta.signed || sign === "positive") return 1;
    if (sign === "negative") return -1;
    if (!range || range[0] < shown.meta.first || range[0] >= shown.meta.first + shown.meta.steps) return 1;
    const byte = shown.levels[cell * shown.meta.steps + range[0] - shown.meta.first];
    return byte < 128 ? -1 : 1;
  }

  function pick(cell: number): void {
    if (!track) return;
    const global = toGlobal(track.meta, cell);
    const now = get("pinned").length ? (get("pinned") as number[]) : globals();
    choose({ pinned: now.includes(global) ? now.filter((c) => c !== global) : [...now, global] });
  }

  function hover(cell: number | null, x = 0, y = 0): void {
    if (cell === hovered && cell === null) return;
    hovered = cell;
    tip.hidden = cell === null || !x;
    if (track && cell !== null && x) {
      const at = Math.floor(
        (x - 44 + (stage.querySelector(".nbviz-states-scroller")?.scrollLeft ?? 0)) / zoom,
      );
      const step = Math.max(0, Math.min(track.meta.steps - 1, at));
      tip.textContent = `${cellName(track.meta, cell)}: ${valueAt(track, cell, step).toFixed(2)} at step ${
        track.meta.first + step
      }`;
      tip.style.left = `${Math.min(x + 12, Math.max(0, stage.clientWidth - 210))}px`;
      tip.style.top = `${Math.max(2, y - 28)}px`;
    }
    draw();
  }

  function onKey(event: KeyboardEvent): void {
    if (!track) return;
    const { first, steps } = track.meta;
    const range = span();
    const [a, b] = range ?? [first, first + 1];
    const [left, right] = get("zeros") as [number, number];
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const within = (x: number, low: number, high: number) => Math.max(low, Math.min(high, x));
    if (by && !range) choose({ span: [a, b], pinned: [] });
    else if (by && event.shiftKey) choose({ span: [a, within(b + by, a + 1, first + steps)], pinned: [] });
    else if (by) {
      const to = within(a + by, first, first + steps - (b - a));
      choose({ span: [to, to + b - a], pinned: [] });
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const level = levelOf(get("threshold"), track.meta) + (event.key === "ArrowUp" ? 2 : -2);
      setThreshold(thresholdOf(Math.max(1, level), track.meta));
    } else if (event.key === "," || event.key === "<")
      choose({ zeros: [Math.max(0, left + (event.shiftKey ? -1 : 1)), right] });
    else if (event.key === "." || event.key === ">")
      choose({ zeros: [left, Math.max(0, right + (event.shiftKey ? -1 : 1))] });
    else if (event.key === "Escape") choose({ span: [], pinned: [] });
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (range && by) plot.reveal(a + by);
  }

  /** The states travel apart from the matches: they are larger, and change less often. */
  function readTrack(): void {
    const value = model.get("track");
    if (!value?.meta) return;
    const [levels, next, share, loss] = value.buffers.map((buffer: DataView, i: number) =>
      typedArray(buffer, value.dtypes[i]),
    );
    const cells = value.meta.layers.reduce((n: number, layer: { cells: number }) => n + layer.cells, 0);
    track = { meta: value.meta, cells, levels, next, nextShare: share, loss };
    hovered = null;
    select();
    shell.refresh();
  }

  function annotation(): Annotation | null {
    if (!meta?.annotation || meta.key !== track?.meta.key) return null;
    return { name: meta.annotation.name, values: arrays[1] as Float32Array, palette: palette() };
  }

  function palette(): string[] | null {
    const names = meta?.annotation?.categories ?? [];
    const n = names.length;
    if (names.join() === "False,True") return [colours().line, colours().accent];
    return n ? [...classPalette(n, shell.theme().dark).colours].map(toCss) : null;
  }

  function colours() {
    const style = getComputedStyle(root);
    const read = (name: string) => style.getPropertyValue(`--nbviz-${name}`).trim();
    return {
      text: read("fg"),
      muted: read("muted"),
      line: read("line"),
      accent: read("accent"),
      page: read("bg"),
      quiet: read("fg"),
      positive: read("positive"),
      negative: read("negative"),
    };
  }

  function plotState(): PlotState | null {
    if (!track) return null;
    return {
      track,
      selection,
      counts,
      threshold: Number(get("threshold")),
      sign: get("sign"),
      span: span(),
      zeros: get("zeros"),
      hovered,
      step: zoom,
      colours: colours(),
      annotation: annotation(),
      changedLoss: meta?.intervention && meta.key === track.meta.key ? (arrays[3] as Float32Array) : null,
      showNext: Boolean(model.get("show_next")) && track.meta.best > 0,
      symbols: specimen().symbols,
    };
  }

  function draw(): void {
    plot.redraw();
    if (!track) return;
    shell.renderSide(
      h(Side, {
        track,
        selection,
        hovered,
        pinned: get("pinned").length > 0,
        hasSpan: span() !== null,
        enriched: meta?.enriched ?? [],
        intervention: meta?.intervention ?? null,
        annotation: meta?.annotation ?? null,
        palette: palette(),
        onHover: (cell) => hover(cell),
        onPick: pick,
        onOnly: (cell) => track && choose({ pinned: [toGlobal(track.meta, cell)] }),
      }),
    );
    const matches = meta?.matches;
    shell.renderBelow(
      matches && selection.cells.length
        ? h(Matches, {
            matches,
            counts: arrays[0] as Uint8Array,
            notes: meta?.annotation ? (arrays[2] as Float32Array) : null,
            noteName: meta?.annotation?.name ?? "",
            notePalette: palette(),
            selected: meta?.cells.length ?? 0,
            chosen,
            onChoose(row) {
              chosen = row;
              draw();
              showMatch(matches.rows[row].start);
            },
            colours: colours(),
            wide: track.meta.tokens.some((token) => token.length > 2),
          })
        : null,
    );
  }

  /** Bring a match into sight, where it lies in the text that is shown. */
  function showMatch(start: number): void {
    if (!track || !meta?.matches?.inText) return;
    const { first, steps } = track.meta;
    if (start >= first && start < first + steps) plot.reveal(start);
    else channel.set({ position: Math.max(0, start - 20) });
  }

  // The list beside the lines scrolls, so that the matches stand right under them.
  const onHeight = () => {
    shell.side.style.maxHeight = `${model.get("height")}px`;
  };
  onHeight();
  model.on("change:height", onHeight);
  const onText = () => text.set(String(model.get("text")));
  model.on("change:text", onText);
  model.on("change:track", readTrack);
  signal.addEventListener("abort", () => {
    model.off("change:height", onHeight);
    model.off("change:text", onText);
    model.off("change:track", readTrack);
    render(null, shell.side);
  });
  readTrack();
}

const view: Render = ({ model, el }) => {
  const controller = new AbortController();
  open(model, el, controller.signal);
  return () => controller.abort();
};

export default { render: view };
