// What the kernel says, see `GateSaturation.encode` in nbviz/views/gate_saturation.py.
import { HitIndex } from "../../parts/hit";

export interface Row {
  layer: string;
  cells: number;
  /** Cells whose gate is open, or closed, at nine steps of ten or more; and those that are hardly ever either. */
  open: number;
  closed: number;
  neither: number;
  meanOpen: number;
  meanClosed: number;
}

export interface PanelMeta {
  gate: string;
  label: string;
  tip: string;
  /** What a cell does where the gate is open, and where it is closed. */
  open: string;
  closed: string;
  layers: string[];
  rows: Row[];
}

export interface GateMeta {
  panels: PanelMeta[];
  layers: { name: string; from: number; cells: number }[];
  steps: number;
  thresholds: [number, number];
}

/** The points of one gate. */
export interface Panel {
  meta: PanelMeta;
  /** Pairs: share of the time open, share closed. */
  xy: Float32Array;
  /** Number of each point's cell over the whole model, and of its layer. */
  cells: Int32Array;
  layers: Uint8Array;
  index: HitIndex;
}

export function panelsOf(meta: GateMeta, points: Float32Array): Panel[] {
  let at = 0;
  return meta.panels.map((panel) => {
    const cells: number[] = [];
    const layers: number[] = [];
    for (const name of panel.layers) {
      const layer = meta.layers.findIndex((one) => one.name === name);
      const row = panel.rows.find((one) => one.layer === name);
      for (let i = 0; i < (row?.cells ?? 0); i++) {
        cells.push(meta.layers[layer].from + i);
        layers.push(layer);
      }
    }
    const xy = points.slice(at, at + 2 * cells.length);
    at += 2 * cells.length;
    return {
      meta: panel,
      xy,
      cells: Int32Array.from(cells),
      layers: Uint8Array.from(layers),
      index: new HitIndex(xy, [0, 0, 1, 1]),
    };
  });
}

/** Layer and number of a cell. */
export function nameOf(meta: GateMeta, cell: number): string {
  const layer = meta.layers.find(({ from, cells }) => cell >= from && cell < from + cells);
  return layer ? `${layer.name} · ${cell - layer.from}` : `cell ${cell}`;
}

export function percent(share: number): string {
  const value = 100 * share;
  return `${value > 0 && value < 1 ? value.toFixed(1) : value.toFixed(0)} %`;
}
