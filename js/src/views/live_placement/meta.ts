// What a frame of the live placement says; the other half is nbviz/views/live_placement_frame.py.
import type { Frame } from "../../channel";
import type { Shape } from "../../parts/pixels";
import type { Extent } from "../../parts/viewport";

export interface PlacementMeta {
  layer: string;
  /** Number of the map; 0 while it still moves. */
  map: number;
  extent: Extent;
  method: string;
  iteration: number;
  features: number;
  hit: number | null;
  k: number;
  notes: string[];
  /** Something is drawn or typed, and the network has answered. */
  drawn: boolean;
  landed: boolean;
  percentile: number | null;
  /** Farther from everything than nearly all samples: its place in the map means little. */
  far: boolean;
  distanceWords: string;
  classes: { name: string; share: number; best: boolean }[];
  shift: [down: number, right: number];
  seen: number[];
  kept: { name: string; share: number | null; far: boolean }[];
}

export interface PlacementSpecimen {
  n: number;
  layers: string[];
  /** Layers with feature maps or steps: there is something to reduce. */
  maps: string[];
  names: string[] | null;
  /** Whether the network reads texts; else pictures are drawn. */
  text: boolean;
  shape: Shape;
  background: number[];
  ink: number[];
  classifies: boolean;
}

/** A place in the map, in its units. */
export type Place = [x: number, y: number];

export interface Placed {
  meta: PlacementMeta;
  xy: Uint16Array;
  rows: Int32Array;
  /** Of the drawing; null if it has not landed. */
  place: Place | null;
  kept: Place[];
  /** Row numbers of the nearest samples, nearest first, and their distances. */
  neighbours: Int32Array;
  distances: Float32Array;
  /** The drawing as the network sees it. */
  seen: { shape: Shape; pixels: Uint8Array } | null;
}

export function readPlaced(frame: Frame): Placed {
  const meta = frame.meta as PlacementMeta;
  const [xy, rows, places, neighbours, distances, seen] = frame.arrays;
  const all = Array.from({ length: places.length / 2 }, (_, i): Place => [places[2 * i], places[2 * i + 1]]);
  const [height, width, channels = 1] = meta.seen;
  return {
    meta,
    xy: xy as Uint16Array,
    rows: rows as Int32Array,
    place: meta.landed ? all[0] : null,
    kept: all.slice(1),
    neighbours: neighbours as Int32Array,
    distances: distances as Float32Array,
    seen: height ? { shape: [height, width, channels], pixels: seen as Uint8Array } : null,
  };
}

/** How far the drawing was moved, in words. */
export function shiftWords([down, right]: [number, number]): string {
  const parts = [
    down && `${Math.abs(down)} px ${down > 0 ? "down" : "up"}`,
    right && `${Math.abs(right)} px to the ${right > 0 ? "right" : "left"}`,
  ].filter(Boolean);
  return parts.length ? `moved ${parts.join(" and ")}` : "not moved";
}
