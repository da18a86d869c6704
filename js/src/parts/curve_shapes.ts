// The geometry of a line chart: paths with gaps, bands, labels that keep apart. Pure functions of pixels.

/** The index of the number nearest to `value`. */
export function nearest(numbers: ArrayLike<number>, value: number): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++)
    if (Math.abs(numbers[i] - value) < Math.abs(numbers[best] - value)) best = i;
  return best;
}

/** Runs of neighbouring indices, first and last, at which all `columns` are finite. */
export function runsOf(count: number, ...columns: ArrayLike<number>[]): [number, number][] {
  const runs: [number, number][] = [];
  let first = -1;
  for (let i = 0; i <= count; i++) {
    const here = i < count && columns.every((column) => Number.isFinite(column[i]));
    if (here && first < 0) first = i;
    if (!here && first >= 0) {
      runs.push([first, i - 1]);
      first = -1;
    }
  }
  return runs;
}

const place = (x: number, y: number) => `${x.toFixed(1)},${y.toFixed(1)}`;

/** An SVG path through the points: a gap where a coordinate is missing, a dot where a point stands alone. */
export function pathOf(xs: ArrayLike<number>, ys: ArrayLike<number>): string {
  return runsOf(xs.length, xs, ys)
    .map(([first, last]) => {
      let path = `M${place(xs[first], ys[first])}`;
      for (let i = first + 1; i <= last; i++) path += `L${place(xs[i], ys[i])}`;
      return first === last ? `${path}h0` : path; // round caps make a dot of a line of no length
    })
    .join("");
}

/** A closed SVG path between two curves, for each run of points where both are there. */
export function bandOf(xs: ArrayLike<number>, lower: ArrayLike<number>, upper: ArrayLike<number>): string {
  return runsOf(xs.length, xs, lower, upper)
    .map(([first, last]) => {
      const points: string[] = [];
      for (let i = first; i <= last; i++) points.push(place(xs[i], upper[i]));
      for (let i = last; i >= first; i--) points.push(place(xs[i], lower[i]));
      return `M${points.join("L")}Z`;
    })
    .join("");
}

/** Heights for labels that belong at `ys`: at least `gap` apart, inside [top, bottom] as far as they fit, in order. */
export function keepApart(ys: readonly number[], gap: number, top: number, bottom: number): number[] {
  const order = ys.map((_, i) => i).sort((a, b) => ys[a] - ys[b]);
  const out = ys.slice();
  let edge = top;
  for (const i of order) {
    out[i] = Math.max(out[i], edge);
    edge = out[i] + gap;
  }
  edge = bottom;
  for (const i of order.reverse()) {
    out[i] = Math.min(out[i], edge);
    edge = out[i] - gap;
  }
  return out;
}
