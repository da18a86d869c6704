// Mark the same part on several pictures, and see whether hiding it changes the layers in the same way.
// The other half is nbviz/views/correspondence_analysis.py.
import { render as draw, h } from "preact";
import { type BoxBoard, createBoxBoard } from "../parts/box_board";
import { type DrawnBox, equalBoxes, freeName, type Part, withBox } from "../parts/boxes";
import { classPalette, contrast, toCss, unpack } from "../parts/colours";
import { History } from "../parts/mask";
import { PickList, pickListCss } from "../parts/pick_list";
import { acts, createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import { spriteUrl } from "../parts/thumbnails";
import { defineView, type Model, onChange } from "../parts/view";
import { Caption } from "./correspondence_analysis/caption";
import { Chips } from "./correspondence_analysis/chips";
import { controlsOf, factsOf } from "./correspondence_analysis/controls";
import { type Item, LIMITS, type Meta, type Specimen } from "./correspondence_analysis/meta";
import css from "./correspondence_analysis/style.css";
import { DeltaTable } from "./correspondence_analysis/table";

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let meta: Meta | null = null;
  let parts: Part[] = model.get("parts") ?? [];
  let items: Item[] = [];
  let boards: { board: BoxBoard; caption: HTMLElement }[] = [];
  let tiles = new AbortController(); // of the boards that stand now
  let changing = false; // the hand holds a box
  let naming = false;
  let history = new History<Part[]>();

  const shell = createShell(model, el, signal, {
    label: "Correspondence analysis",
    limits: LIMITS,
    controls: () => controlsOf(history),
    facts: () => factsOf(meta?.result ?? null, Number(model.get("n_random"))),
    onFrame: (frame) => {
      meta = frame.meta as Meta;
      shell.stage.dataset.generation = String(frame.generation);
      shell.stage.dataset.kind = frame.kind;
      follow();
      renderBelow();
    },
    onTheme: () => redraw(),
    local: {
      undo: acts(() => apply(history.undo(parts))),
      redo: acts(() => apply(history.redo(parts))),
    },
  });
  const { root, stage, channel } = shell;
  root.classList.add("nbviz-correspondence");
  for (const sheet of [pickListCss, css]) addStyle(root, sheet);
  const [chips, row] = ["nbviz-chip-row", "nbviz-tiles"].map((className) => {
    const element = document.createElement("div");
    element.className = className;
    stage.append(element);
    return element;
  });

  const specimen = (): Specimen => ({ pictures: 0, layers: [], usual: [], ...model.get("specimen") });
  const chosen = () =>
    Math.max(
      0,
      parts.findIndex(({ name }) => name === model.get("part")),
    );
  const colours = () => [...classPalette(parts.length, shell.theme().dark).colours];
  const choose = (part: number) => {
    naming = false;
    channel.assign({ part: parts[part]?.name ?? "" });
    redraw();
  };

  const fits = () => parts.every(({ boxes }) => boxes.length === items.length);

  /** Whether the pictures that were asked for are those on screen; else a box would go to the wrong one. */
  const isSettled = () => {
    const rows: number[] = channel.get("rows") ?? [];
    return fits() && rows.length === items.length && rows.every((value, i) => value === items[i].row);
  };

  function apply(next: Part[]): void {
    parts = next;
    channel.set({ parts });
    redraw();
  }

  function remember(): void {
    history.push(parts);
  }

  /** Take over what the kernel holds, unless the hand is ahead of it on these pictures. */
  function follow(): void {
    if (changing || (channel.isWaiting() && fits())) return;
    const held: Part[] = model.get("parts") ?? [];
    const same =
      held.length === parts.length &&
      held.every(
        (part, i) =>
          part.name === parts[i].name &&
          part.boxes.length === parts[i].boxes.length &&
          part.boxes.every((box, j) => equalBoxes(box, parts[i].boxes[j])),
      );
    if (!same) parts = held;
    redraw();
  }

  function begin(): boolean {
    if (!isSettled()) return false;
    remember();
    changing = true;
    if (!parts.length) add("part 1");
    return true;
  }

  function add(name: string): void {
    const free = freeName(parts, name);
    apply([...parts, { name: free, boxes: items.map(() => null) }]);
    channel.assign({ part: free });
    redraw();
  }

  function rename(part: number, wanted: string): void {
    remember();
    const others = parts.filter((_, i) => i !== part);
    const name = freeName(others, wanted);
    const wasChosen = chosen() === part;
    apply(parts.map((own, i) => (i === part ? { ...own, name } : own)));
    if (wasChosen) choose(part);
  }

  function remove(part: number): void {
    remember();
    const next = parts.filter((_, i) => i !== part);
    apply(next);
    choose(Math.min(part, Math.max(0, next.length - 1)));
  }

  function boxesOn(picture: number): DrawnBox[] {
    const now = chosen();
    const drawn = parts.flatMap((part, i): DrawnBox[] => {
      const box = part.boxes[picture];
      if (!box) return [];
      const rgb = unpack(colours()[i]);
      const ink = contrast(rgb, [255, 255, 255]) > contrast(rgb, [0, 0, 0]) ? "#fff" : "#000";
      return [{ box, colour: toCss(colours()[i]), ink, name: part.name, chosen: i === now }];
    });
    return drawn.sort((a, b) => Number(a.chosen) - Number(b.chosen)); // the chosen one on top
  }

  function labelOf(picture: number): string {
    const { name, label } = items[picture];
    const part = parts[chosen()];
    const box = part?.boxes[picture];
    const where = box ? `rows ${box[0]} to ${box[2]}, columns ${box[1]} to ${box[3]}` : "not marked";
    return (
      `${name}${label ? `, ${label}` : ""}. ${part ? `${part.name}: ${where}. ` : ""}Drag a box, or Enter makes ` +
      "one; arrow keys move it, Shift with arrows resizes, Delete removes it, 1 to 9 choose the part, Ctrl Z undoes."
    );
  }

  function onKey(event: KeyboardEvent): boolean {
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (command && key === "z") apply(event.shiftKey ? history.redo(parts) : history.undo(parts));
    else if (command && key === "y") apply(history.redo(parts));
    else if (!command && Number(key) >= 1 && Number(key) <= parts.length) choose(Number(key) - 1);
    else return event.key.startsWith("Arrow") || event.key === "Delete" || event.key === "Backspace";
    return true;
  }

  function buildTiles(): void {
    tiles.abort();
    tiles = new AbortController();
    items = model.get("pictures")?.items ?? [];
    history = new History();
    row.replaceChildren();
    boards = items.map((item, picture) => {
      const figure = document.createElement("figure");
      figure.className = "nbviz-tile";
      const board = createBoxBoard({
        signal: tiles.signal,
        size: item.size,
        src: spriteUrl(item.png, tiles.signal),
        label: () => labelOf(picture),
        boxes: () => boxesOn(picture),
        begin,
        change: (box) => {
          if (!equalBoxes(box, parts[chosen()]?.boxes[picture] ?? null))
            apply(withBox(parts, chosen(), picture, box));
        },
        end: () => {
          changing = false;
          redraw();
        },
        choose: (name) => choose(parts.findIndex((part) => part.name === name)),
        onKey,
      });
      const caption = document.createElement("figcaption");
      figure.append(board.element, caption);
      row.append(figure);
      return { board, caption };
    });
    fitTiles();
    follow();
  }

  function fitTiles(): void {
    const height = Number(model.get("height"));
    stage.style.height = "auto"; // of one picture here, not of all of them
    row.style.setProperty("--nbviz-tiles", String(boards.length));
    for (const [i, { board }] of boards.entries()) {
      const [rows, columns] = items[i].size;
      board.element.parentElement!.style.setProperty("--nbviz-tile-width", `${(height * columns) / rows}px`);
    }
  }

  function showRows(rows: number[]): void {
    channel.set({ rows });
    redraw();
  }

  function renderCaption(picture: number, host: HTMLElement): void {
    const rows = items.map((item) => item.row);
    const total = specimen().pictures;
    /** The nearest picture in one direction that is not shown yet. */
    const step = (from: number, way: 1 | -1) => {
      for (let i = 1; i < total; i++) {
        const next = (from + way * i + total) % total;
        if (!rows.includes(next)) return next;
      }
      return from;
    };
    draw(
      h(Caption, {
        item: items[picture],
        canChange: total > rows.length,
        canRemove: rows.length > 2,
        canAdd: total > rows.length && picture === rows.length - 1,
        onStep: (way) => showRows(rows.map((value, i) => (i === picture ? step(value, way) : value))),
        onRemove: () => showRows(rows.filter((_, i) => i !== picture)),
        onAdd: () => showRows([...rows, step(rows[picture], 1)]),
      }),
      host,
    );
  }

  function redraw(): void {
    draw(
      h(Chips, {
        parts,
        chosen: chosen(),
        colours: colours().map(toCss),
        naming,
        onChoose: choose,
        onRename: rename,
        onDelete: remove,
        onAdd: () => {
          remember();
          naming = true;
          add("part 1".replace("1", String(parts.length + 1)));
        },
      }),
      chips,
    );
    for (const [picture, { board, caption }] of boards.entries()) {
      board.redraw();
      renderCaption(picture, caption);
    }
    renderBelow();
    shell.refresh();
  }

  const shownLayers = (): string[] => {
    const layers: string[] = channel.get("layers") ?? [];
    return layers.length ? layers : specimen().usual;
  };

  function pickLayers(layers: string[]): void {
    channel.set({ layers });
    redraw();
  }

  function renderBelow(): void {
    if (!meta) return;
    const named = new Map(parts.map(({ name }, i) => [name, toCss(colours()[i])]));
    const key = (random: boolean, text: string) =>
      h("span", { class: "nbviz-delta-key" }, [
        h("span", {
          class: "nbviz-chip-swatch",
          "data-random": random || undefined,
          style: random ? undefined : "background: currentColor",
        }),
        text,
      ]);
    shell.renderBelow(
      h("div", null, [
        meta.words ? h("p", { class: "nbviz-words", role: "status" }, meta.words) : null,
        h("div", { class: "nbviz-delta-head" }, [
          h(PickList, {
            label: "Layers",
            tip: "Layers whose signs of change are compared",
            names: specimen().layers,
            chosen: shownLayers(),
            usual: specimen().usual,
            onPick: pickLayers,
            onUsual: () => pickLayers([]),
          }),
          meta.result ? key(false, "part, ± sd over pairs of pictures") : null,
          meta.result ? key(true, "random boxes of the same sizes") : null,
        ]),
        meta.result ? h(DeltaTable, { result: meta.result, colours: named }) : null,
      ]),
    );
  }

  onChange(model, signal, {
    pictures: buildTiles,
    parts: follow,
    part: () => redraw(),
    rows: () => redraw(),
    layers: () => renderBelow(),
    specimen: () => redraw(),
    height: fitTiles,
  });
  signal.addEventListener("abort", () => {
    tiles.abort();
    for (const host of [chips, ...boards.map(({ caption }) => caption)]) draw(null, host);
  });
  buildTiles();
}

export default defineView(open);
