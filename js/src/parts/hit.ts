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

  /**
   * The points inside a closed polygon of data coordinates, in ascending order. Points are tested one by one
   * only in cells that the outline touches; between them a whole run of cells is in or out.
   */
  inside(polygon: [number, number][]): Int32Array {
    if (polygon.length < 3) return new Int32Array(0);
    const border = this.outline(polygon);
    const found: number[] = [];
    const point: [number, number] = [0, 0];
    const contains = (x: number, y: number) => {
      point[0] = x;
      point[1] = y;
      return polygonContains(polygon, point);
    };
    for (let row = 0; row < this.rows; row++) {
      let isIn: boolean | null = null; // of the run of cells since the last that the outline touches
      for (let column = 0; column < this.columns; column++) {
        const cell = row * this.columns + column;
        const first = this.start[cell];
        const end = this.start[cell + 1];
        if (border[cell]) {
          isIn = null;
          for (let j = first; j < end; j++) {
            const i = this.order[j];
            if (contains(this.xy[2 * i], this.xy[2 * i + 1])) found.push(i);
          }
        } else {
          isIn ??= contains(
            this.extent[0] + (column + 0.5) * this.cell,
            this.extent[1] + (row + 0.5) * this.cell,
          );
          if (isIn) for (let j = first; j < end; j++) found.push(this.order[j]);
        }
      }
    }
    return Int32Array.from(found).sort();
  }

  /** Which cells the outline of a polygon touches, 1 or 0. What lies beyond the grid touches its edge cells. */
  private outline(polygon: [number, number][]): Uint8Array {
    const border = new Uint8Array(this.columns * this.rows);
    const slack = 1e-6 * this.cell; // rounding must not move a point across an edge
    for (let p = 0; p < polygon.length; p++) {
      const a = polygon[p];
      const b = polygon[(p + 1) % polygon.length];
      const [low, high] = a[1] <= b[1] ? [a, b] : [b, a];
      const slope = high[1] > low[1] ? (high[0] - low[0]) / (high[1] - low[1]) : 0;
      const last = this.row(high[1] + slack);
      for (let row = this.row(low[1] - slack); row <= last; row++) {
        // The part of the edge within this row; rows at the rim also stand for all beyond.
        const bottom = row === 0 ? -Infinity : this.extent[1] + row * this.cell - slack;
        const top = row === this.rows - 1 ? Infinity : this.extent[1] + (row + 1) * this.cell + slack;
        const at = (y: number) => low[0] + slope * (Math.min(Math.max(y, low[1]), high[1]) - low[1]);
        const ends = slope === 0 && low[1] === high[1] ? [low[0], high[0]] : [at(bottom), at(top)];
        const until = this.column(Math.max(...ends) + slack);
        for (let column = this.column(Math.min(...ends) - slack); column <= until; column++)
          border[row * this.columns + column] = 1;
      }
    }
    return border;
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
