// Hidden states of a recurrent network: brush tokens, see which cells carry them, find where else they do.
// The other half is nbviz/views/hidden_states.py.
import { h } from "preact";
import type { Frame } from "../channel";
import { legendCss } from "../parts/legend";
import { acts, createShell } from "../parts/shell";
import tableCss from "../parts/table.css";
import { createTextEditor } from "../parts/textbox";
import { addStyle } from "../parts/theme";
import { createLive, createTip } from "../parts/tip";
import { cellName, snapped, toGlobal, toShown, valueAt } from "../parts/track";
import { defineView, type Model, onChange } from "../parts/view";
import { controlsOf, factsOf, LIMITS } from "./hidden_states/controls";
import { keyed } from "./hidden_states/keys";
import { plotColours } from "./hidden_states/marks";
import { Matches } from "./hidden_states/matches";
import { type HiddenMeta, type HiddenSpecimen, type HiddenTrack, trackOf } from "./hidden_states/meta";
import { createPlot, type PlotState } from "./hidden_states/plot";
import { countOn, type Selection, type Sign, selectCells, signOf } from "./hidden_states/select";
import { Side } from "./hidden_states/side";
import { type Annotation, paletteOf } from "./hidden_states/strips";
import css from "./hidden_states/style.css";

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let meta: HiddenMeta | null = null;
  let arrays: Frame["arrays"] = [];
  let track: HiddenTrack | null = null;
  let selection: Selection = { cells: [], signs: [] };
  let counts: Uint16Array = new Uint16Array(0);
  let hovered: number | null = null;
  let chosen: number | null = null;
  let zoom = 12;

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

  const shell = createShell(model, el, signal, {
    label: "Hidden states",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), track, meta, selection.cells.length, get, editor.isOpen()),
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
      edit: acts(() => editor.toggle()),
    },
  });
  const { root, stage, channel } = shell;
  root.classList.add("nbviz-states-view");
  for (const sheet of [legendCss, tableCss, css]) addStyle(root, sheet);
  const editor = createTextEditor(shell, model, signal, (value) =>
    channel.set({ text: value, span: [], pinned: [], position: 0 }),
  );
  const say = createLive(root);

  const plot = createPlot(stage, {
    signal,
    label:
      "Lines of all cells over the tokens. Arrow left and right move the brush, with Shift they widen it, " +
      "arrow up and down move the threshold, comma and full stop move the left and right handle, Escape clears.",
    state: plotState,
    onSpan: (value) => choose({ span: value ?? [], pinned: [] }),
    onZeros: (value) => choose({ zeros: value }),
    onThreshold: setThreshold,
    onHover: tell,
    onPick: pick,
    onKey,
  });
  const tip = createTip(stage, "nbviz-states-tip");

  /** Set parameters and show at once what follows from them here; the kernel's matches come after. */
  function choose(values: Record<string, unknown>): void {
    channel.set(values);
    select();
    shell.refresh();
  }

  function setThreshold(value: number): void {
    if (track) choose({ threshold: snapped(value, track.meta) });
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
    say(
      range
        ? `Steps ${range[0]} to ${range[1] - 1}, “${words.join("")}”: ${selection.cells.length} cells`
        : "",
    );
    draw();
  }

  function pick(cell: number): void {
    if (!track) return;
    const global = toGlobal(track.meta, cell);
    const now = get("pinned").length ? (get("pinned") as number[]) : globals();
    choose({ pinned: now.includes(global) ? now.filter((c) => c !== global) : [...now, global] });
  }

  function hover(cell: number | null): void {
    if (cell === hovered && cell === null) return;
    hovered = cell;
    tip.hide();
    draw();
  }

  /** As `hover`, with the value of the cell at a step, told beside the pointer. */
  function tell(cell: number | null, step: number, x: number, y: number): void {
    if (!track || cell === null) {
      hover(null);
      return;
    }
    hovered = cell;
    const { first } = track.meta;
    tip.show(
      `${cellName(track.meta, cell)}: ${valueAt(track, cell, step).toFixed(2)} at step ${first + step}`,
      Math.min(x + 12, Math.max(0, stage.clientWidth - 210)),
      Math.max(2, y - 28),
    );
    draw();
  }

  function onKey(event: KeyboardEvent): void {
    if (!track) return;
    const before = { span: span(), zeros: get("zeros"), threshold: get("threshold") };
    const values = keyed(event, before, track.meta);
    if (!values) return;
    choose(values);
    event.preventDefault();
    event.stopPropagation();
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (before.span && by) plot.reveal(before.span[0] + by);
  }

  /** The states travel apart from the matches: they are larger, and change less often. */
  function readTrack(): void {
    track = trackOf(model.get("track")) ?? track;
    hovered = null;
    select();
    shell.refresh();
  }

  function annotation(): Annotation | null {
    if (!meta?.annotation || meta.key !== track?.meta.key) return null;
    return { name: meta.annotation.name, values: arrays[1] as Float32Array, palette: palette() };
  }

  const colours = () => plotColours(root);
  const palette = () => paletteOf(meta?.annotation?.categories ?? [], colours(), shell.theme().dark);

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
        onHover: hover,
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
  onChange(model, signal, { height: onHeight, track: readTrack });
  readTrack();
}

export default defineView(open);
