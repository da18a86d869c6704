// The frame around every picture: controls above, picture in the middle, status below, in the page's theme.
import { type ComponentChild, h, render } from "preact";
import { type Channel, createChannel, type Frame, type Link } from "../channel";
import { type Control, Controls } from "./controls";
import { savePicture } from "./save_picture";
import css from "./shell.css";
import { type Fact, StatusBar } from "./status";
import { addStyle, type Theme, watchTheme } from "./theme";
import type { Model } from "./view";

export interface ShellOptions {
  /** What the picture is, for a screen reader. */
  label: string;
  /** What this picture cannot tell you; shown behind the (i). */
  limits: string;
  /** The controls, given anew after every change. */
  controls: () => Control[];
  /** Short facts about the picture shown now. */
  facts: () => Fact[];
  onFrame: (frame: Frame) => void;
  /** The theme has changed; the first one is `shell.theme()`. */
  onTheme?: (theme: Theme) => void;
  /** A computation is under way: the picture is not the newest. */
  onPending?: (pending: boolean) => void;
  onMessage?: (message: Record<string, unknown>, buffers: DataView[]) => void;
  /** Values that only this page knows (a tool, a highlight), by control name. */
  // biome-ignore lint/suspicious/noExplicitAny: local values are of any type
  local?: Record<string, { get: () => any; set: (value: any) => void }>;
}

export interface Shell {
  root: HTMLElement;
  /** Where the picture goes. Its height is the trait `height`. */
  stage: HTMLElement;
  /** Beside the picture: legends, lists. */
  side: HTMLElement;
  /** Below the picture: strips, tables. */
  below: HTMLElement;
  channel: Channel;
  signal: AbortSignal;
  theme: () => Theme;
  /** Draw controls and status again. */
  refresh: () => void;
  renderSide: (node: ComponentChild) => void;
  renderBelow: (node: ComponentChild) => void;
}

/** A control that does something and holds no value: for `local`. */
export const acts = (action: () => void) => ({ get: () => false, set: action });

/** Facts about a picture, and what is to be known about its model, each once. */
export function withNotes(facts: Fact[], notes: string[]): Fact[] {
  const said = new Set(facts.map(({ text }) => text));
  return [...facts, ...notes.filter((text) => !said.has(text)).map((text) => ({ text }))];
}

function part(parent: HTMLElement, className: string): HTMLElement {
  const element = document.createElement("div");
  element.className = className;
  parent.append(element);
  return element;
}

export function createShell(
  model: Model,
  el: HTMLElement,
  signal: AbortSignal,
  options: ShellOptions,
): Shell {
  const root = part(el, "nbviz-root");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", options.label);
  addStyle(root, css);
  const toolbar = part(root, "nbviz-toolbar");
  const main = part(root, "nbviz-main");
  const stage = part(main, "nbviz-stage");
  const side = part(main, "nbviz-side");
  const below = part(root, "nbviz-below");
  const footer = part(root, "nbviz-footer");
  let link: Link = "ok";
  let theme: Theme = { dark: false, background: [255, 255, 255] };
  let scheduled = 0;

  const channel = createChannel(model, {
    signal,
    onFrame: (frame) => {
      options.onFrame(frame);
      refresh();
    },
    onLink: (state) => {
      link = state;
      refresh();
    },
    onMessage: options.onMessage,
  });

  const get = (name: string) => options.local?.[name]?.get() ?? channel.get(name);
  const set = (name: string, value: unknown) => {
    const local = options.local?.[name];
    if (local) local.set(value);
    else channel.set({ [name]: value });
    refresh();
  };

  const draw = () => {
    scheduled = 0;
    if (signal.aborted) return;
    const status = String(model.get("status"));
    const pending = status === "pending" || status === "running";
    root.dataset.status = status;
    root.dataset.link = link;
    options.onPending?.(pending || link !== "ok");
    render(h(Controls, { controls: options.controls(), get, set }), toolbar);
    render(
      h(StatusBar, {
        status,
        progress: model.get("progress") ?? {},
        problem: model.get("problem") ?? {},
        elapsed: Number(model.get("elapsed")),
        link,
        facts: withNotes(options.facts(), model.get("model_notes") ?? []),
        limits: options.limits,
        changed: model.get("model_changed") === true,
        canSave: stage.querySelector("canvas") !== null,
        onStop: () => channel.stop(),
        onRefresh: () => channel.set({}), // a request without new values: computed again
        onSave: () => savePicture(stage, theme.background, options.label.toLowerCase().replace(/\W+/g, "-")),
      }),
      footer,
    );
  };
  const refresh = () => {
    if (!scheduled) scheduled = requestAnimationFrame(draw);
  };

  const onSize = () => stage.style.setProperty("height", `${model.get("height")}px`);
  model.on("change", refresh);
  model.on("change:height", onSize);
  onSize();
  let built = false; // the view reads the first theme itself, once it has something to colour
  watchTheme(root, signal, (measured) => {
    theme = measured;
    if (built) options.onTheme?.(measured);
    refresh();
  });
  built = true;
  signal.addEventListener("abort", () => {
    cancelAnimationFrame(scheduled);
    model.off("change", refresh);
    model.off("change:height", onSize);
    for (const host of [toolbar, side, below, footer]) render(null, host);
    root.remove();
  });
  refresh();

  return {
    root,
    stage,
    side,
    below,
    channel,
    signal,
    theme: () => theme,
    refresh,
    renderSide: (node) => render(node, side),
    renderBelow: (node) => render(node, below),
  };
}
