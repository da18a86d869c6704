// Trails of samples over the frames: class colour, brighter towards later frames.
import { toCss } from "../../parts/colours";
import type { Viewport } from "../../parts/viewport";

export interface Paths {
  /** x, y of all points of all trails, in data units. */
  xy: Float32Array;
  pointsPerTrail: number;
}

const BANDS = 8; // stretches of equal brightness

/** Draw the trails of the samples in `which`; grouped by colour and stretch, so that few strokes are needed. */
export function drawPaths(
  context: CanvasRenderingContext2D,
  view: Viewport,
  paths: Paths,
  colours: Uint32Array,
  which: number[],
): void {
  const { xy, pointsPerTrail: n } = paths;
  const { scale, x, y } = view.affine();
  const groups = new Map<number, number[]>();
  for (const i of which) {
    const list = groups.get(colours[i]);
    if (list) list.push(i);
    else groups.set(colours[i], [i]);
  }
  const most = Math.max(0.03, Math.min(0.9, 12 / Math.sqrt(which.length + 1)));
  context.lineWidth = which.length > 300 ? 0.8 : 1.4;
  context.lineJoin = "round";
  for (let band = 0; band < BANDS; band++) {
    const from = Math.floor((band * (n - 1)) / BANDS);
    const to = Math.floor(((band + 1) * (n - 1)) / BANDS);
    context.globalAlpha = most * (0.15 + (0.85 * (band + 1)) / BANDS);
    for (const [colour, members] of groups) {
      context.strokeStyle = toCss(colour);
      context.beginPath();
      for (const i of members) {
        const base = 2 * i * n;
        context.moveTo(x + scale * xy[base + 2 * from], y - scale * xy[base + 2 * from + 1]);
        for (let p = from + 1; p <= to; p++)
          context.lineTo(x + scale * xy[base + 2 * p], y - scale * xy[base + 2 * p + 1]);
      }
      context.stroke();
    }
  }
  context.globalAlpha = 1;
}

/** Positions between two frames: `at` 1.25 is a quarter of the way from frame 1 to frame 2. */
export function between(frames: Float32Array, samples: number, at: number): Float32Array {
  const count = frames.length / (2 * samples);
  const low = Math.max(0, Math.min(count - 1, Math.floor(at)));
  const high = Math.min(count - 1, low + 1);
  const share = Math.max(0, Math.min(1, at - low));
  const out = new Float32Array(2 * samples);
  const [a, b] = [2 * samples * low, 2 * samples * high];
  for (let i = 0; i < 2 * samples; i++) out[i] = frames[a + i] * (1 - share) + frames[b + i] * share;
  return out;
}
