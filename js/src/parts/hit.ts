// Which points lie under the mouse, inside a lasso, or next to a point in some direction.
import { polygonContains } from "d3-polygon";
import type { Extent } from "./viewport";

/**
 * A uniform grid over the points, about two per cell, as a counting sort in two typed arrays:
 * `order` holds the point numbers cell after cell, `start[c]` where cell c begins.
 */
export class HitIndex {
  private readonly columns: number;
  private readonly rows: number;
  private readonly cell: number;
  private readonly start: Uint32Array;
  private readonly order: Uint32Array;

  constructor(
    readonly xy: Float32Array,
    private readonly extent: Extent,
  ) {
    const n = xy.length / 2;
    const [x0, y0, x1, y1] = extent;
    const width = x1 - x0;
    const height = y1 - y0;
    // A cell may not be so thin that a line of points makes an endless row of cells, nor empty when all coincide.
    const thin = Math.max(width, height) / 2048;
    this.cell = Math.max(Math.sqrt((2 * width * height) / Math.max(n, 1)), thin) || 1;
    this.columns = Math.floor(width / this.cell) + 1;
    this.rows = Math.floor(height / this.cell) + 1;
    this.start = new Uint32Array(this.columns * this.rows + 1);
    const cellOf = new Int32Array(n);
    let placed = 0;
    for (let i = 0; i < n; i++) {
      const x = xy[2 * i];
      const y = xy[2 * i + 1];
      cellOf[i] = Number.isFinite(x + y) ? this.row(y) * this.columns + this.column(x) : -1;
      if (cellOf[i] >= 0) {
        this.start[cellOf[i] + 1]++;
        placed++;
      }
    }
    for (let c = 1; c < this.start.length; c++) this.start[c] += this.start[c - 1];
    this.order = new Uint32Array(placed);
    const next = this.start.slice();
    for (let i = 0; i < n; i++) if (cellOf[i] >= 0) this.order[next[cellOf[i]]++] = i;
  }

  private column(x: number): number {
    return Math.min(Math.max(Math.floor((x - this.extent[0]) / this.cell), 0), this.columns - 1);
  }

  private row(y: number): number {
    return Math.min(Math.max(Math.floor((y - this.extent[1]) / this.cell), 0), this.rows - 1);
  }

  /** Calls `visit` for every point in the cells that touch the box. */
  private visit(x0: number, y0: number, x1: number, y1: number, visit: (i: number) => void): void {
    const first = this.column(x0);
    const last = this.column(x1);
    const bottom = this.row(y1);
    for (let row = this.row(y0); row <= bottom; row++) {
      const end = this.start[row * this.columns + last + 1]; // cells of one row are neighbours in `order`
      for (let j = this.start[row * this.columns + first]; j < end; j++) visit(this.order[j]);
    }
  }

  /** The point nearest to (x, y) within `radius` (data units), or null. */
  nearest(x: number, y: number, radius: number): number | null {
    let best: number | null = null;
    let limit = radius * radius;
    this.visit(x - radius, y - radius, x + radius, y + radius, (i) => {
      const d = (this.xy[2 * i] - x) ** 2 + (this.xy[2 * i + 1] - y) ** 2;
      if (d <= limit) {
        limit = d;
        best = i;
      }
    });
    return best;
  }

  /** The points inside a closed polygon of data coordinates, in ascending order. */
  inside(polygon: [number, number][]): Int32Array {
    if (polygon.length < 3) return new Int32Array(0);
    const xs = polygon.map((p) => p[0]);
    const ys = polygon.map((p) => p[1]);
    const [x0, y0, x1, y1] = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    const found: number[] = [];
    const point: [number, number] = [0, 0];
    this.visit(x0, y0, x1, y1, (i) => {
      point[0] = this.xy[2 * i];
      point[1] = this.xy[2 * i + 1];
      if (point[0] < x0 || point[0] > x1 || point[1] < y0 || point[1] > y1) return;
      if (polygonContains(polygon, point)) found.push(i);
    });
    return Int32Array.from(found).sort();
  }

  /** The next point from point `from` in the direction (dx, dy), for the arrow keys; null at the edge. */
  towards(from: number, dx: number, dy: number): number | null {
    const x = this.xy[2 * from];
    const y = this.xy[2 * from + 1];
    let best: number | null = null;
    let least = Infinity;
    for (let i = 0; i < this.xy.length / 2; i++) {
      const ahead = (this.xy[2 * i] - x) * dx + (this.xy[2 * i + 1] - y) * dy;
      const aside = Math.abs((this.xy[2 * i] - x) * dy - (this.xy[2 * i + 1] - y) * dx);
      if (!(ahead > 0 && ahead >= aside)) continue; // a quarter of the plane: four keys reach every point
      const cost = ahead + 2 * aside; // rather straight on than near
      if (cost < least) {
        least = cost;
        best = i;
      }
    }
    return best;
  }
}
