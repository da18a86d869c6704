// How often each gate of a recurrent network is closed and how often open: a point for each cell.
// The other half is nbviz/views/gate_saturation.py.
import { h } from "preact";
import { classPalette, toCss } from "../parts/colours";
import type { Control } from "../parts/controls";
import { legendCss } from "../parts/legend";
import { acts, createShell } from "../parts/shell";
import type { Fact } from "../parts/status";
import tableCss from "../parts/table.css";
import { addStyle, cssColours } from "../parts/theme";
import { createLive, createTip } from "../parts/tip";
import { defineView, type Model, onChange } from "../parts/view";
import { type GateMeta, nameOf, type Panel, panelsOf, percent } from "./gate_saturation/meta";
import type { PlotsState, Spot } from "./gate_saturation/panels";
import { createPlots } from "./gate_saturation/plots";
import css from "./gate_saturation/style.css";
import { Side, Words } from "./gate_saturation/words";

const LIMITS =
  "A gate that is open nearly always only says that its cell could remember: whether there is anything in it to be " +
  "remembered is seen in HiddenStates and CellText. The shares are those of this text; another text can move the " +
  "points. Points that lie on one another hide how many they are: the table counts them. 0.1 and 0.9 are the " +
  "thresholds of the paper, and conventions.";

const SAME = 0.004; // points as near as this cannot be told apart

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let meta: GateMeta | null = null;
  let panels: Panel[] = [];
  const pinned = (): number[] => model.get("pinned") ?? [];

  const shell = createShell(model, el, signal, {
    label: "How often the gates of each cell are open and closed",
    limits: LIMITS,
    controls,
    facts,
    onFrame(frame) {
      meta = frame.meta as GateMeta;
      panels = panelsOf(meta, frame.arrays[0] as Float32Array);
      tip.hide();
      plots.reset();
      draw();
    },
    onTheme: () => draw(),
    onPending: (pending) => shell.root.toggleAttribute("data-pending", pending),
    local: { clear: acts(() => pin([])) },
  });
  const { root, stage, channel } = shell;
  root.classList.add("nbviz-gates-view");
  for (const sheet of [legendCss, tableCss, css]) addStyle(root, sheet);
  const say = createLive(root);
  const plots = createPlots(stage, {
    signal,
    label:
      "A point for each cell: to the right how often its gate is open, upwards how often it is closed. Arrows go " +
      "from point to point, page up and down to the same cell in another plot, Enter selects, with Shift it adds, " +
      "Escape clears.",
    state: plotsState,
    height: () => Number(model.get("height")),
    onHover: hover,
    onSelect: (cells, add) => pin(add ? toggled(cells) : cells),
    onClear: () => pin([]),
  });
  const tip = createTip(stage, "nbviz-gates-tip");

  /** With Shift one cell is added or taken away, several are added. */
  function toggled(cells: number[]): number[] {
    const now = pinned();
    if (cells.length === 1 && now.includes(cells[0])) return now.filter((cell) => cell !== cells[0]);
    return [...new Set([...now, ...cells])];
  }

  function pin(cells: number[]): void {
    channel.assign({ pinned: [...cells].sort((a, b) => a - b) });
    const shown = meta;
    say(shown && cells.length ? `selected: ${cells.map((c) => nameOf(shown, c)).join(", ")}` : "");
    draw();
    shell.refresh();
  }

  function hover(spot: Spot | null, x: number, y: number): void {
    if (!spot || !meta) {
      tip.hide();
      return;
    }
    const { meta: panel, xy, cells } = panels[spot.panel];
    const [right, left] = [xy[2 * spot.point], xy[2 * spot.point + 1]];
    let others = -1;
    for (let i = 0; i < cells.length; i++)
      if (Math.abs(xy[2 * i] - right) + Math.abs(xy[2 * i + 1] - left) < SAME) others++;
    const words =
      `${nameOf(meta, cells[spot.point])}, ${panel.label}: open ${percent(right)} of the time, ` +
      `closed ${percent(left)}${others > 0 ? `; ${others} more cells here` : ""}`;
    say(words);
    tip.show(
      words,
      Math.max(4, Math.min(x + 12, stage.clientWidth - 306)),
      Math.max(2, y + stage.scrollTop - 48),
    );
  }

  function colours(): string[] {
    return [...classPalette(meta?.layers.length ?? 0, shell.theme().dark).colours].map(toCss);
  }

  function plotsState(): PlotsState | null {
    if (!meta) return null;
    const read = cssColours(root);
    return {
      meta,
      panels,
      colours: colours(),
      pinned: new Set(pinned()),
      ink: { text: read("fg"), muted: read("muted"), line: read("line"), page: read("bg") },
    };
  }

  function controls(): Control[] {
    const slider = (name: string, label: string, tip: string, min: number, max: number): Control => ({
      kind: "slider",
      name,
      label,
      tip,
      min,
      max,
      step: 0.01,
    });
    return [
      slider("left", "Closed below", "Below this a gate counts as closed (left-saturated)", 0, 0.5),
      slider("right", "Open above", "Above this a gate counts as open (right-saturated)", 0.5, 1),
      ...(pinned().length
        ? [
            {
              kind: "button",
              name: "clear",
              label: "Clear selection",
              tip: "Select no cell (Escape)",
            } as const,
          ]
        : []),
    ];
  }

  function facts(): Fact[] {
    if (!meta) return [];
    const cells = meta.layers.reduce((n, layer) => n + layer.cells, 0);
    return [
      {
        text: `${cells} cells over ${meta.steps.toLocaleString("en")} steps`,
        tip: "Every point is one cell; all lie in the triangle, since no gate is open and closed at once",
      },
    ];
  }

  function draw(): void {
    plots.redraw();
    if (!meta) return;
    const props = { meta, panels, colours: colours(), pinned: pinned(), onPick: pin };
    shell.renderSide(h(Side, props));
    shell.renderBelow(h(Words, props));
  }

  const onPinned = () => {
    draw();
    shell.refresh();
  };
  onChange(model, signal, { pinned: onPinned, height: plots.redraw });
  draw();
}

export default defineView(open);
