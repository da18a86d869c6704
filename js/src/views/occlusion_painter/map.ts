// The map of a sliding window: its colours, its legend, and which cell lies under the pointer.
import { h, type VNode } from "preact";
import type { TypedArray } from "../../channel";
import {
  classPalette,
  divergingRamp,
  domainOf,
  type Ramp,
  signedDomainOf,
  toCss,
  VIRIDIS,
} from "../../parts/colours";
import { ColourBar, Legend } from "../../parts/legend";
import type { MapMeta } from "./controls";

const COARSE = 4;

export interface WindowMap {
  meta: MapMeta;
  top: Int32Array;
  left: Int32Array;
  values: Record<"probability" | "logit" | "activation", Float32Array>;
  classes: Int32Array;
}

export type Quantity = "probability" | "logit" | "class" | "activation";

export function readMap(meta: MapMeta, arrays: TypedArray[]): WindowMap {
  const [top, left, probability, logit, classes, activation] = arrays;
  return {
    meta,
    top: top as Int32Array,
    left: left as Int32Array,
    classes: classes as Int32Array,
    values: {
      probability: probability as Float32Array,
      logit: (logit as Float32Array).map((value) => value - meta.clean.logit),
      activation: activation as Float32Array,
    },
  };
}

/** What the map shows: without a layer there is no activation of a unit, and the probability stands in. */
export function quantityOf(map: WindowMap | null, wanted: Quantity): Quantity {
  return wanted === "activation" && !map?.meta.layer ? "probability" : wanted;
}

interface Scale {
  domain: [number, number];
  ramp: Ramp;
  label: string;
  unit?: string;
}

function scaleOf(map: WindowMap, quantity: Exclude<Quantity, "class">, dark: boolean): Scale {
  const values = map.values[quantity];
  const { meta } = map;
  if (quantity === "logit")
    return {
      domain: signedDomainOf(values),
      ramp: divergingRamp(dark),
      label: `change of the logit of ${meta.target}`,
    };
  if (quantity === "activation")
    return {
      domain: domainOf(values),
      ramp: VIRIDIS,
      label: `activation of ${meta.layer}, unit ${meta.unit}, summed`,
    };
  return { domain: domainOf(values), ramp: VIRIDIS, label: `probability of ${meta.target}` };
}

/** Classes that occur in the map, most frequent first, so that the palette's best colours go to them. */
function classOrder(map: WindowMap): number[] {
  const counts = new Map<number, number>();
  for (const code of map.classes) if (code >= 0) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts.keys()].sort((a, b) => counts.get(b)! - counts.get(a)!);
}

/** CSS colour of every cell; null where it is not computed yet. */
export function cellColours(map: WindowMap, quantity: Quantity, dark: boolean): (string | null)[] {
  if (quantity === "class") {
    const order = classOrder(map);
    const { colours } = classPalette(order.length, dark);
    const css = new Map(order.map((code, i) => [code, toCss(colours[i])]));
    return Array.from(map.classes, (code) => css.get(code) ?? null);
  }
  const { domain, ramp } = scaleOf(map, quantity, dark);
  const factor = domain[1] > domain[0] ? 255 / (domain[1] - domain[0]) : 0;
  return Array.from(map.values[quantity], (value) =>
    Number.isNaN(value) ? null : toCss(ramp[Math.round((value - domain[0]) * factor + (factor ? 0 : 127.5))]),
  );
}

/** Where a cell is drawn: around the middle of its window, as wide as the stride. */
export function cellBox(map: WindowMap, cell: number): [x: number, y: number, w: number, h: number] {
  const [wh, ww] = map.meta.window;
  const [sh, sw] = map.meta.stride;
  return [map.left[cell] + ww / 2 - sw / 2, map.top[cell] + wh / 2 - sh / 2, sw, sh];
}

/** The map as a picture of its own, opaque: laid over as a whole, its cells leave no seams. */
export function drawMap(
  map: WindowMap,
  colours: (string | null)[],
  size: [number, number],
): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  const [height, width] = size;
  const zoom = Math.max(1, Math.ceil(1024 / Math.max(height, width)));
  canvas.width = width * zoom;
  canvas.height = height * zoom;
  const g = canvas.getContext("2d")!;
  const { columns, partial } = map.meta;
  const fill = (cell: number, factor: number) => {
    const colour = colours[cell];
    if (!colour) return;
    const [x, y, w, h] = cellBox(map, cell).map((value) => Math.round(value * zoom));
    g.fillStyle = colour;
    g.fillRect(x, y, w * factor + 1, h * factor + 1);
  };
  if (partial)
    for (let cell = 0; cell < colours.length; cell++)
      if (Math.floor(cell / columns) % COARSE === 0 && (cell % columns) % COARSE === 0) fill(cell, COARSE);
  for (let cell = 0; cell < colours.length; cell++) fill(cell, 1);
  return canvas;
}

/** The cell whose window has its middle nearest to a place of the picture. */
export function cellAt(map: WindowMap, x: number, y: number): number {
  const [wh, ww] = map.meta.window;
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let cell = 0; cell < map.top.length; cell++) {
    const distance = (map.left[cell] + ww / 2 - x) ** 2 + (map.top[cell] + wh / 2 - y) ** 2;
    if (distance < least) {
      least = distance;
      best = cell;
    }
  }
  return best;
}

/** The cell so many columns and rows from another one, inside the map; from the first one for null. */
export function stepped(map: WindowMap, cell: number | null, right: number, down: number): number {
  const { rows, columns } = map.meta;
  const at = cell ?? 0;
  const row = Math.min(rows - 1, Math.max(0, Math.floor(at / columns) + down));
  const column = Math.min(columns - 1, Math.max(0, (at % columns) + right));
  return row * columns + column;
}

/** The outlines of a cell and of its window, in pixels of the picture. */
export function outlineCell(g: CanvasRenderingContext2D, zoom: number, map: WindowMap, cell: number): void {
  const [height, width] = map.meta.window;
  const box = cellBox(map, cell);
  for (const [colour, line] of [
    ["#000", 3],
    ["#fff", 1.2],
  ] as [string, number][]) {
    g.strokeStyle = colour;
    g.lineWidth = line / zoom;
    g.strokeRect(map.left[cell], map.top[cell], width, height);
    g.strokeRect(...box);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: props differ from part to part
export function mapLegend(map: WindowMap, quantity: Quantity, dark: boolean): VNode<any> {
  if (quantity === "class") {
    const order = classOrder(map);
    const { colours } = classPalette(order.length, dark);
    const entries = order.map((code, i) => ({
      name: map.meta.classNames[code] ?? `class ${code}`,
      colour: toCss(colours[i]),
      count: map.classes.filter((c) => c === code).length,
    }));
    return h(Legend, { label: "most probable class at each position", entries });
  }
  return h(ColourBar, scaleOf(map, quantity, dark));
}
