// Time scales of a recurrent network: replace one token, see how long each layer keeps the difference.
// The other half is nbviz/views/time_scales.py.
import { h, render } from "preact";
import type { Frame } from "../channel";
import { curveColours, curvesCss } from "../parts/curves";
import { legendCss } from "../parts/legend";
import { acts, createShell } from "../parts/shell";
import tableCss from "../parts/table.css";
import { createTextEditor } from "../parts/textbox";
import { addStyle, cssColours } from "../parts/theme";
import { createLive } from "../parts/tip";
import { named } from "../parts/tokens";
import { defineView, type Model, onChange } from "../parts/view";
import { Bracket, Decay } from "./time_scales/charts";
import { controlsOf, factsOf, LIMITS } from "./time_scales/controls";
import type { TimesMeta, TimesSpecimen } from "./time_scales/meta";
import { Side } from "./time_scales/side";
import css from "./time_scales/style.css";
import { Tabs } from "./time_scales/tabs";
import { createStrip, type StripState } from "./time_scales/text_strip";

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let meta: TimesMeta | null = null;
  let arrays: Frame["arrays"] = [];
  let hovered: number | null = null; // a step of the text
  let marked: number | null = null; // a distance from the bracket

  const specimen = (): TimesSpecimen => ({
    layers: [],
    has_cell: false,
    predicts: false,
    editable: false,
    ...model.get("specimen"),
  });
  const get = (name: string) => shell.channel.get(name);

  const shell = createShell(model, el, signal, {
    label: "Time scales",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), meta, get, editor.isOpen()),
    facts: () => factsOf(meta),
    onFrame(frame) {
      const before = meta;
      meta = frame.meta as TimesMeta;
      arrays = frame.arrays;
      if (marked !== null && marked >= (meta.bracket?.steps ?? 0)) marked = null;
      draw();
      const { position } = meta;
      if (position !== before?.position) requestAnimationFrame(() => strip.reveal(position));
      if (position !== before?.position || meta.replacement !== before?.replacement) announce();
    },
    onTheme: () => draw(),
    onPending: (pending) => shell.root.toggleAttribute("data-pending", pending),
    local: {
      position: { get: () => get("position"), set: (value) => pick(value) },
      brackets: {
        get: () => `${get("opening")} ${get("closing")}`,
        set: (value: string) => {
          const [opening, closing] = value.split(" ");
          shell.channel.set({ opening, closing });
        },
      },
      switch_off: acts(() => shell.channel.set({ off: get("off").length ? [] : get("pinned") })),
      edit: acts(() => editor.toggle()),
    },
  });
  const { root, stage, channel } = shell;
  root.classList.add("nbviz-times-view");
  for (const sheet of [legendCss, curvesCss, tableCss, css]) addStyle(root, sheet);
  const tabs = document.createElement("div");
  root.prepend(tabs);
  const editor = createTextEditor(shell, model, signal, (value) =>
    channel.set({ text: value, position: Math.min(get("position"), Math.max(0, value.length - 1)) }),
  );
  const say = createLive(root);

  const strip = createStrip(stage, {
    signal,
    state: stripState,
    onPick: pick,
    onType: type,
    onUndo: () => meta && replace(meta.tokens[get("position")]),
    onHover: (step) => {
      if (step === hovered) return;
      hovered = step;
      draw();
    },
  });

  function pick(step: number): void {
    if (step === get("position")) return;
    channel.set({ position: step });
    draw();
    strip.reveal(step);
    shell.refresh();
  }

  function replace(token: string): void {
    channel.set({ replacement: token });
    draw();
  }

  /** Tokens of one character are typed over in the text; longer ones in the field beside it. */
  function type(token: string): void {
    if (!meta) return;
    if (meta.tokens.every((one) => [...one].length <= 1)) {
      replace(token);
      return;
    }
    const field = root.querySelector<HTMLInputElement>(".nbviz-times-swap input");
    field?.focus();
  }

  function announce(): void {
    if (!meta) return;
    const { position, original, replacement } = meta;
    say(`Token ${position}, “${named(original)}”, is replaced by “${named(replacement)}”`);
  }

  function colours() {
    const read = cssColours(root);
    return {
      text: read("fg"),
      muted: read("muted"),
      line: read("line"),
      accent: read("accent"),
      page: read("bg"),
      panel: read("panel"),
    };
  }

  /** What the strip shows: a choice is drawn at once, its distances when they are there. */
  function stripState(): StripState | null {
    if (!meta) return null;
    const position = Math.min(Number(get("position")), meta.tokens.length - 1);
    const replacement = String(get("replacement")) || meta.replacement;
    const isNew = position !== meta.position || replacement !== meta.replacement;
    return {
      tokens: meta.tokens,
      layers: meta.layers,
      position,
      original: meta.tokens[position],
      replacement,
      distance: arrays[0] as Float32Array,
      steps: isNew && position !== meta.position ? 0 : meta.steps,
      hovered,
      colours: colours(),
    };
  }

  function draw(): void {
    const experiment = String(get("experiment"));
    root.dataset.experiment = experiment;
    render(
      h(Tabs, {
        value: experiment,
        disabled: !specimen().predicts,
        onChange: (value) => {
          channel.set({ experiment: value });
          draw();
          shell.refresh();
        },
      }),
      tabs,
    );
    if (!meta) return;
    const dark = shell.theme().dark;
    const { position, steps, layers } = meta;
    if (experiment === "typo") {
      strip.redraw();
      const shades = curveColours(layers.length, dark);
      shell.renderSide(
        h(Side, {
          meta,
          distance: arrays[0] as Float32Array,
          colours: shades,
          hovered,
          onReplace: (token) => {
            const single = meta?.tokens.every((one) => [...one].length <= 1);
            replace(single ? ([...token.replace("↵", "\n")].at(-1) ?? token) : token);
          },
        }),
      );
      const time = hovered === null ? -1 : hovered - position;
      const [distance, mean, lower, upper] = arrays as Float32Array[];
      shell.renderBelow(
        h(Decay, {
          meta,
          distance,
          mean,
          lower,
          upper,
          colours: shades,
          at: time >= 0 && time < Math.max(steps, meta.mean?.steps ?? 0) ? time : null,
          onPoint: (at) => {
            hovered = position + at;
            draw();
          },
        }),
      );
      return;
    }
    shell.renderBelow(
      meta.bracket
        ? h(Bracket, {
            meta: meta.bracket,
            values: arrays[4] as Float32Array,
            count: arrays[5] as Int32Array,
            colours: curveColours(3, dark),
            at: marked,
            off: get("off"),
            onPoint: (at) => {
              marked = at;
              draw();
            },
            onOff: (off) => channel.set({ off }),
          })
        : null,
    );
  }

  // Set from Python: the tab and the text follow at once, the numbers with the frame.
  onChange(model, signal, {
    experiment: draw,
    position: draw,
    replacement: draw,
    pinned: draw,
    specimen: draw,
  });
  signal.addEventListener("abort", () => {
    render(null, tabs);
  });
  draw();
}

export default defineView(open);
