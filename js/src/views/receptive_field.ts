// What a unit really looks at, next to what it could see.
// The other half is nbviz/views/receptive_field.py.
import { render as draw, h } from "preact";
import { VIRIDIS } from "../parts/colours";
import { ColourBar, legendCss } from "../parts/legend";
import { acts, createShell } from "../parts/shell";
import { addStyle } from "../parts/theme";
import { defineView, type Model, onChange } from "../parts/view";
import { controlsOf, type FieldSpecimen, factsOf, LIMITS } from "./receptive_field/controls";
import { drawImage, drawMean, meanWindow, type Placing } from "./receptive_field/draw";
import { Panel } from "./receptive_field/panel";
import { createReader, decoded, type Field, mapPicture, missingCss } from "./receptive_field/read";
import css from "./receptive_field/style.css";
import { short, Thumbs } from "./receptive_field/thumbs";
import { Key, TIPS, Words } from "./receptive_field/words";

function open(model: Model, el: HTMLElement, signal: AbortSignal): void {
  let field: Field | null = null;
  let hovered: number | null = null;
  let cursor: [number, number] | null = null; // on the mean map, in pixels from its middle
  let placing: Placing | null = null;
  // Drawn anew when the frame, the image or the theme changes.
  let pictures: {
    of: Field;
    dark: boolean;
    index: number;
    mean: HTMLCanvasElement;
    own: HTMLCanvasElement;
  } | null = null;

  const specimen = (): FieldSpecimen => ({ layers: [], samples: 1, ...model.get("specimen") });
  const unitsOf = (layer: string) => specimen().layers.find(({ name }) => name === layer)?.units ?? 1;
  /** 0 asks the kernel for its own choice, which the frame tells. */
  const usual = (name: "window" | "n") => ({
    get: () => shell.channel.get(name) || field?.meta[name] || 1,
    set: (value: number) => shell.channel.set({ [name]: value }),
  });
  const assigned = (name: string) => ({
    get: () => model.get(name),
    set: (value: unknown) => {
      shell.channel.assign({ [name]: value });
      redraw();
    },
  });
  const goTo = (unit: number) => {
    const most = unitsOf(String(shell.channel.get("layer"))) - 1;
    shell.channel.set({ unit: Math.min(most, Math.max(0, Math.round(unit))) });
  };
  const step = (by: number) => acts(() => goTo(Number(shell.channel.get("unit")) + by));

  const shell = createShell(model, el, signal, {
    label: "Receptive field of a unit",
    limits: LIMITS,
    controls: () => controlsOf(specimen(), field?.meta ?? null, (name) => shell.channel.get(name)),
    facts: () => (field ? factsOf(field.meta) : []),
    onFrame: createReader((read) => {
      if (signal.aborted) return;
      field = read;
      shell.stage.dataset.generation = String(read.generation);
      shell.stage.dataset.kind = read.kind;
      shell.refresh();
      redraw();
    }),
    onTheme: () => redraw(),
    local: {
      layer: {
        get: () => shell.channel.get("layer"),
        set: (layer: string) => {
          const unit = Math.min(Number(shell.channel.get("unit")), unitsOf(layer) - 1);
          shell.channel.set({ layer, unit });
        },
      },
      unit: { get: () => shell.channel.get("unit"), set: goTo },
      previous: step(-1),
      next: step(1),
      window: usual("window"),
      n: usual("n"),
      n_images: {
        get: () => Math.min(shell.channel.get("n_images"), specimen().samples),
        set: (value: number) => shell.channel.set({ n_images: value }),
      },
      opacity: assigned("opacity"),
      whole_map: assigned("whole_map"),
    },
  });
  const { root, stage } = shell;
  root.classList.add("nbviz-field");
  for (const sheet of [legendCss, css]) addStyle(root, sheet);

  const isWhole = () => Boolean(model.get("whole_map"));

  function shownImage(of: Field): number {
    return Math.min(hovered ?? Number(model.get("shown")), of.meta.images.length - 1);
  }

  function picturesOf(of: Field, index: number) {
    const { dark } = shell.theme();
    if (pictures?.of === of && pictures.dark === dark && pictures.index === index) return pictures;
    const [rows, columns] = of.meta.maps.size;
    const own = of.maps.subarray(index * rows * columns, (index + 1) * rows * columns);
    pictures = {
      of,
      dark,
      index,
      mean: mapPicture(of.mean, of.meta.mean, dark, false),
      own: mapPicture(own, of.meta.maps, dark, true),
    };
    return pictures;
  }

  /** The value of the mean map under the cursor, in words. */
  function reading(of: Field): string {
    if (!cursor) return "Point at the map, or use the arrow keys on it, to read values.";
    const { size, step: side } = of.meta.mean;
    const isSignal = of.meta.picture[0] === 1;
    const column = Math.floor((cursor[0] + (size[1] * side) / 2) / side);
    const row = isSignal ? 0 : Math.floor((cursor[1] + (size[0] * side) / 2) / side);
    const inside = row >= 0 && row < size[0] && column >= 0 && column < size[1];
    const value = inside ? decoded(of.mean[row * size[1] + column], of.meta.mean) : Number.NaN;
    const [x, y] = cursor;
    const across = x === 0 ? "" : `${Math.abs(x)} px ${x < 0 ? "left" : "right"}`;
    const down = y === 0 ? "" : `${Math.abs(y)} px ${y < 0 ? "up" : "down"}`;
    const where = [across, down].filter(Boolean).join(", ") || "in the middle";
    return `${where}: ${Number.isNaN(value) ? "no image has a pixel there" : short(value)}`;
  }

  function point(at: [number, number] | null): void {
    if (!field) return;
    const [x0, y0, x1, y1] = meanWindow(field, isWhole());
    cursor = null;
    if (at && placing) {
      const [x, y] = [x0 + (at[0] - placing.x) / placing.scaleX, y0 + (at[1] - placing.y) / placing.scaleY];
      const isSignal = field.meta.picture[0] === 1;
      if (x >= x0 && x <= x1 && y >= y0 && y <= y1) cursor = [Math.round(x), isSignal ? 0 : Math.round(y)];
    }
    redraw();
  }

  function key(name: string): boolean {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    if (!field || !moves[name]) return false;
    const [x0, y0, x1, y1] = meanWindow(field, isWhole());
    const within = (value: number, low: number, high: number) =>
      Math.min(Math.floor(high - 0.5), Math.max(Math.ceil(low + 0.5), value));
    const [x, y] = cursor ?? [0, 0];
    cursor = [within(x + moves[name][0], x0, x1), within(y + moves[name][1], y0, y1)];
    redraw();
    return true;
  }

  function redraw(): void {
    if (!field || signal.aborted) return;
    const of = field;
    const { meta } = of;
    const { dark } = shell.theme();
    const index = shownImage(of);
    const image = meta.images[index];
    const drawn = picturesOf(of, index);
    const foreground = getComputedStyle(root).getPropertyValue("--nbviz-muted").trim();
    const bar = (label: string, most: number | null) =>
      most === null
        ? null
        : h(ColourBar, { label, domain: [0, most], ramp: VIRIDIS, unit: "units of activation" });
    const many = meta.images.length > 1 ? `Mean over ${meta.images.length} images` : "One image";
    draw(
      [
        h(
          Panel,
          {
            key: "mean",
            title: `${many}, centred on the unit`,
            tip: TIPS.discrepancy,
            label:
              `Mean discrepancy map of ${meta.layer}, unit ${meta.unit}: estimated field ${meta.size} pixels, ` +
              `theoretical field ${meta.theoretical.size.join(" by ")} pixels. Arrow keys read values.`,
            draw: (g, size) => {
              placing = drawMean(g, size, of, {
                picture: drawn.mean,
                window: meanWindow(of, isWhole()),
                foreground,
                missing: missingCss(dark),
                cursor,
              });
            },
            onPoint: point,
            onKey: key,
          },
          h("div", { class: "nbviz-field-legend" }, [
            bar("mean change", meta.mean.most),
            h(Key, { colour: missingCss(dark), text: meta.mean.most === null ? "no value yet" : "no value" }),
            h("output", { "aria-live": "polite" }, reading(of)),
          ]),
        ),
        h(
          Panel,
          {
            key: "image",
            title: `${image.name}${image.label ? `, label ${image.label}` : ""}: activation ${short(image.activation)}`,
            tip: TIPS.discrepancy,
            label: `${image.name} under its own discrepancy map`,
            draw: (g, size) =>
              drawImage(g, size, of, index, {
                picture: drawn.own,
                opacity: Number(model.get("opacity")),
              }),
          },
          h("div", { class: "nbviz-field-legend" }, [
            bar("change on this image", meta.maps.most),
            h(
              "span",
              { class: "nbviz-field-key" },
              meta.maps.most === null ? "" : "clear: no change; cross: the unit’s place",
            ),
            h("output", null, meta.images.length > 1 ? "Point at an image below to see it here." : ""),
          ]),
        ),
      ],
      stage,
    );
    shell.renderSide(h(Words, { meta }));
    shell.renderBelow(
      h(Thumbs, {
        field: of,
        shown: index,
        onPick: (picked) => {
          hovered = null;
          if (picked !== model.get("shown")) shell.channel.assign({ shown: picked });
          redraw();
        },
        onHover: (at) => {
          hovered = at;
          redraw();
        },
      }),
    );
  }

  onChange(model, signal, {
    shown: redraw,
    opacity: redraw,
    whole_map: redraw,
    specimen: () => shell.refresh(),
  });
  signal.addEventListener("abort", () => {
    draw(null, stage);
  });
}

export default defineView(open);
