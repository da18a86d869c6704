// The text, each character on the colour of one cell's state, and which cells follow what is known about it.
// The other half is nbviz/views/cell_text.py.
import { h } from "preact";
import { divergingRamp, type Ramp, toCss } from "../parts/colours";
import { legendCss } from "../parts/legend";
import { acts, createShell } from "../parts/shell";
import tableCss from "../parts/table.css";
import { createTextEditor } from "../parts/textbox";
import { addStyle, cssColours } from "../parts/theme";
import { createLive, createTip } from "../parts/tip";
import { type Track, toGlobal, toShown, valueAt } from "../parts/track";
import { defineView, type Model, onChange } from "../parts/view";
import { controlsOf, factsOf, LIMITS } from "./cell_text/controls";
import { type Scores, scoresOf, type TextSpecimen, trackOf } from "./cell_text/meta";
import { createPage, type PageState } from "./cell_text/page";
import { Side } from "./cell_text/side";
import css from "./cell_text/style.css";

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let shown: Track | null = null;
  let scores: Scores | null = null;
  let sides = 0;
  let ramp: Ramp = textRamp(false, true);
  let colours: string[] = [];

  const specimen = (): TextSpecimen => ({
    sources: [],
    annotations: [],
    cells: 1,
    editable: false,
    ...model.get("specimen"),
  });
  const drawn = () => (shown ? toShown(shown.meta, Number(model.get("cell"))) : -1);

  const shell = createShell(model, el, signal, {
    label: "Text coloured by the state of one cell",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), shown, scores, editor.isOpen()),
    facts: () => factsOf(shown, scores),
    onFrame(frame) {
      scores = scoresOf(frame.meta, frame.arrays);
      draw();
    },
    onTheme: () => recolour(),
    local: {
      cell: { get: () => Number(model.get("cell")), set: (value) => toCell(value) },
      previous: acts(() => step(-1)),
      next: acts(() => step(1)),
      edit: acts(() => editor.toggle()),
    },
  });
  const { root, stage, channel } = shell;
  root.classList.add("nbviz-celltext-view");
  for (const sheet of [legendCss, tableCss, css]) addStyle(root, sheet);
  const editor = createTextEditor(shell, model, signal, (value) => channel.set({ text: value, position: 0 }));
  const say = createLive(root);
  const page = createPage(stage, {
    signal,
    label:
      "The text on the colours of one cell. Arrow left and right: previous and next cell of the list; Home and " +
      "End: its first and last; arrow up and down scroll; with Shift the arrows move over the characters.",
    state: pageState,
    onStep: tell,
    onCell: (by) => (typeof by === "number" ? step(by) : jump(by)),
  });
  const tip = createTip(stage, "nbviz-celltext-tip");

  /** Cells as the list has them, as drawn. */
  const order = (): ArrayLike<number> =>
    scores && scores.cells === shown?.cells
      ? scores.order
      : Array.from({ length: shown?.cells ?? 0 }, (_, i) => i);

  /** Show a cell, numbered over the model. Nothing has to be computed for it. */
  function toCell(cell: number): void {
    if (cell === model.get("cell")) return;
    channel.assign({ cell });
  }

  function toDrawn(cell: number): void {
    if (shown && cell >= 0) toCell(toGlobal(shown.meta, cell));
  }

  function step(by: number): void {
    const list = order();
    const at = Array.prototype.indexOf.call(list, drawn());
    const to = at < 0 ? 0 : Math.max(0, Math.min(list.length - 1, at + by));
    toDrawn(list[to]);
  }

  function jump(to: "first" | "last"): void {
    const list = order();
    toDrawn(list[to === "first" ? 0 : list.length - 1]);
  }

  function tell(at: number | null, x: number, y: number, isKeyboard: boolean): void {
    const cell = drawn();
    if (!shown || at === null || cell < 0) {
      tip.hide();
      return;
    }
    const { meta } = shown;
    const token = meta.tokens[at].replace("\n", "end of line").replace("\t", "tab");
    let words = `“${token}”, step ${meta.first + at}: ${meta.quantity} = ${valueAt(shown, cell, at).toFixed(2)}`;
    const note = annotation();
    if (note) {
      const known = note.values[at];
      words += ` · ${note.name}: ${note.isBoolean ? (known ? "yes" : "no") : Number(known.toPrecision(4))}`;
    }
    tip.show(words, Math.max(4, Math.min(x + 10, stage.clientWidth - 330)), y > 40 ? y - 28 : y + 30);
    if (isKeyboard) say(words);
  }

  /** The annotation that sorts, where it is that of the steps shown. */
  function annotation() {
    const meta = scores?.meta;
    if (!meta?.annotation || !scores || meta.key !== shown?.meta.key) return null;
    return { ...meta.annotation, values: scores.along };
  }

  function underline(): Float32Array | null {
    const note = annotation();
    if (!note) return null;
    const [low, high] = note.domain;
    return note.isBoolean ? note.values : note.values.map((v) => (high > low ? (v - low) / (high - low) : 0));
  }

  function recolour(): void {
    const isSigned = shown?.meta.signed ?? true;
    ramp = textRamp(shell.theme().dark, isSigned);
    colours = Array.from(ramp, toCss);
    draw();
  }

  function pageState(): PageState | null {
    if (!shown) return null;
    const read = cssColours(root);
    return {
      shown,
      cell: drawn(),
      colours,
      underline: underline(),
      ink: { text: read("fg"), muted: read("muted"), accent: read("accent") },
    };
  }

  /** The text at once; what stands beside it in the next frame. */
  function draw(): void {
    page.draw();
    if (!sides) sides = requestAnimationFrame(drawSide);
  }

  function drawSide(): void {
    sides = 0;
    if (!shown || signal.aborted) return;
    const fits = scores && scores.cells === shown.cells ? scores : null;
    shell.renderSide(h(Side, { shown, scores: fits, cell: drawn(), ramp, onCell: toDrawn, onStep: step }));
    reveal(shell.side.querySelector(".nbviz-celltext-list"));
  }

  /** Scroll the list, and nothing around it, to the cell that is shown. */
  function reveal(list: HTMLElement | null): void {
    const row = list?.querySelector<HTMLElement>("tr[data-chosen]");
    if (!list || !row) return;
    const head = list.querySelector("thead")?.clientHeight ?? 0;
    const top = row.offsetTop - head;
    if (top < list.scrollTop || row.offsetTop + row.clientHeight > list.scrollTop + list.clientHeight)
      list.scrollTop = Math.max(0, top - list.clientHeight / 3);
  }

  function readTrack(): void {
    const read = trackOf(model.get("track"));
    if (!read) return;
    shown = read;
    tip.hide();
    recolour();
    shell.refresh();
  }

  const onHeight = () => root.style.setProperty("--nbviz-celltext-height", `${model.get("height")}px`);
  onHeight();
  const onCell = () => {
    tip.hide();
    draw();
    if (shown && drawn() >= 0) say(`cell ${model.get("cell")}`);
  };
  onChange(model, signal, { height: onHeight, cell: onCell, track: readTrack });
  signal.addEventListener("abort", () => {
    cancelAnimationFrame(sides);
  });
  readTrack();
}

/**
 * Blue above zero, red below, as in the paper. Only the inner half of the map: its ends are too strong for
 * letters to be read on them. A gate, which has no negative side, takes the blue half.
 */
function textRamp(dark: boolean, isSigned: boolean): Ramp {
  const whole = divergingRamp(dark);
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const share = isSigned ? (i - 127.5) / 127.5 : i / 255;
    return whole[Math.round(127.5 - share * 63.75)];
  });
}

export default defineView(open);
