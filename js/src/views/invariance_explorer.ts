// Shift, scale or turn a picture and see how far the features move and whether the answer stays.
// The other half is nbviz/views/invariance_explorer.py.
import { h, render as renderInto } from "preact";
import { nearest } from "../parts/curve_shapes";
import { curvesCss } from "../parts/curves";
import { createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import { defineView, type Model, onChange } from "../parts/view";
import {
  AS_GIVEN,
  axisTitle,
  controlsOf,
  factsOf,
  LIMITS,
  strength,
  TAB_NAMES,
} from "./invariance_explorer/controls";
import {
  type ExplorerData,
  type ExplorerSpecimen,
  readData,
  type Transform,
} from "./invariance_explorer/meta";
import { Panels } from "./invariance_explorer/panels";
import { Strip } from "./invariance_explorer/picture";
import css from "./invariance_explorer/style.css";

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let data: ExplorerData | null = null;
  let full: { value: number; pixels: Uint8Array } | null = null; // the marked picture in full
  let asked: { value: number; since: number } | null = null;
  let scheduled = 0;

  const specimen = (): ExplorerSpecimen => ({
    samples: 1,
    labelled: false,
    classes: [],
    layers: [],
    usual: [],
    signal: false,
    ...model.get("specimen"),
  });
  const tab = (name: Transform) => ({
    get: () => shell.channel.get("transform") === name,
    set: () => shell.channel.set({ transform: name, value: AS_GIVEN[name] }),
  });
  /** A trait whose 0 stands for the usual: on screen the number itself. */
  const orUsual = (name: string, usual: () => number) => ({
    get: () => shell.channel.get(name) || usual(),
    set: (value: number) => shell.channel.set({ [name]: value }),
  });

  const shell = createShell(model, el, signal, {
    label: "Invariance explorer",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), (name) => shell.channel.get(name), data?.size ?? [28, 28]),
    facts: () => (data ? factsOf(data, specimen()) : []),
    onFrame(frame) {
      data = readData(frame);
      full = asked = null;
      shell.stage.dataset.generation = String(frame.generation);
      shell.stage.dataset.kind = frame.kind;
      draw();
    },
    onTheme: draw,
    onMessage(message, [pixels]) {
      if (message.type !== "picture" || message.generation !== data?.generation) return;
      asked = null;
      full = {
        value: Number(message.value),
        pixels: new Uint8Array(pixels.buffer as ArrayBuffer, pixels.byteOffset, pixels.byteLength),
      };
      draw();
    },
    local: {
      ...Object.fromEntries(TAB_NAMES.map((name) => [name, tab(name)])),
      furthest: orUsual("furthest", () => (data?.transform === "translate" ? (data.values.at(-1) ?? 1) : 1)),
      points: orUsual("points", () => data?.total ?? 0),
      target: {
        get: () => String(shell.channel.get("target")),
        set: (value) => shell.channel.set({ target: Number(value) }),
      },
      measure: {
        get: () => model.get("measure"),
        set: (value) => shell.channel.assign({ measure: value }),
      },
    },
  });
  shell.root.classList.add("nbviz-invariance");
  for (const sheet of [curvesCss, css]) addStyle(shell.root, sheet);

  /** Large pictures come one at a time: the marked one, when the one before is there. */
  function ask(value: number): void {
    if (!data || data.tile[0] === data.size[0] || full?.value === value) return;
    if (asked && performance.now() - asked.since < 2000) return;
    asked = { value, since: performance.now() };
    shell.channel.send({ type: "picture", value });
  }

  function draw(): void {
    if (!scheduled) scheduled = requestAnimationFrame(drawNow);
  }

  function drawNow(): void {
    scheduled = 0;
    if (!data?.values.length || signal.aborted) return;
    const known = data; // what is drawn now: a pointer may come before the next frame is
    const onPoint = (index: number) => shell.channel.assign({ value: known.values[index] });
    const at = nearest(data.values, Number(model.get("value")));
    const { classes, signal: isSignal } = specimen();
    ask(data.values[at]);
    shell.stage.style.height = "auto"; // the charts have the height, the words around them come on top
    shell.stage.dataset.value = String(data.values[at]);
    renderInto(
      h(Panels, {
        data,
        specimen: specimen(),
        at,
        full: full?.value === data.values[at] ? full.pixels : null,
        relative: model.get("measure") === "relative",
        dark: shell.theme().dark,
        height: Number(model.get("height")),
        onPoint,
        onLayers: (layers) => shell.channel.set({ layers }),
      }),
      shell.stage,
    );
    shell.renderBelow(
      h(Strip, {
        data,
        at,
        axisTitle: axisTitle(data, isSignal),
        className: (index) => classes[index] ?? `class ${index}`,
        describe: (value) => strength(known, value),
        onPoint,
      }),
    );
  }

  onChange(model, signal, { value: draw, measure: draw, height: draw, specimen: draw });
  signal.addEventListener("abort", () => {
    cancelAnimationFrame(scheduled);
    renderInto(null, shell.stage);
  });
}

export default defineView(open);
