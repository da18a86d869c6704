// The words on a line chart: names at the ends of the lines or in a key, values at the marker.
import { keepApart, runsOf } from "./curve_shapes";

const LINE = 14; // height of a line of text, CSS pixels

export interface Curve {
  name: string;
  /** CSS colour; see `curveColours` in curves.tsx. */
  colour: string;
  /** One value per x. NaN, and on a logarithmic axis what is not positive, is a gap. */
  values: ArrayLike<number>;
  /** Edges of a band around the curve (a confidence interval, a range), one per x. */
  lower?: ArrayLike<number>;
  upper?: ArrayLike<number>;
  /** `stroke-dasharray`, for a curve that must be told apart without colour. */
  dash?: string;
}

/** A number as a person writes it: at most four digits, with a real minus sign. */
export function plain(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))).replace("-", "−") : "–";
}

/** The names in rows above the chart, with the values at the marker. */
export function Key(props: { curves: Curve[]; at?: number | null; format?: (value: number) => string }) {
  const { curves, at, format = plain } = props;
  return (
    <ul class="nbviz-curves-key">
      {curves.map(({ name, colour, dash, values }) => (
        <li key={name}>
          <svg width="18" height="10" aria-hidden="true" focusable="false">
            <line x1={1} x2={17} y1={5} y2={5} stroke={colour} stroke-width={2.5} stroke-dasharray={dash} />
          </svg>
          <span title={name}>{name}</span>
          {at != null && <b>{format(values[at])}</b>}
        </li>
      ))}
    </ul>
  );
}

type Drawn = Curve & { ys: number[] };

/** The name of each curve beside its last point. */
export function Ends(props: {
  drawn: Drawn[];
  places: number[];
  right: number;
  top: number;
  bottom: number;
  /** Longer names are cut. */
  letters: number;
}) {
  const { drawn, places, right, top, bottom, letters } = props;
  const ends = drawn.map((curve) => ({ ...curve, end: runsOf(curve.ys.length, curve.ys).at(-1)?.[1] ?? -1 }));
  const there = ends.filter(({ end }) => end >= 0);
  const at = keepApart(
    there.map(({ ys, end }) => ys[end]),
    LINE,
    top,
    bottom,
  );
  return (
    <g>
      {there.map(({ name, colour, ys, end }, i) => (
        <g key={name}>
          <line
            class="nbviz-curves-leader"
            x1={places[end]}
            y1={ys[end]}
            x2={right + 16}
            y2={at[i]}
            stroke={colour}
          />
          <text class="nbviz-curves-name" x={right + 19} y={at[i]} dominant-baseline="central">
            {name.length > letters ? `${name.slice(0, Math.max(1, letters - 1))}…` : name}
            <title>{name}</title>
          </text>
        </g>
      ))}
    </g>
  );
}

/** A line at the marked x, a dot on every curve and, unless the key has them, the values. */
export function Marker(props: {
  drawn: Drawn[];
  at: number;
  x: number;
  middle: number;
  top: number;
  bottom: number;
  values: ((value: number) => string) | null;
}) {
  const { drawn, at, x, middle, top, bottom, values } = props;
  const there = drawn.filter(({ ys }) => ys[at] >= top - 1 && ys[at] <= bottom + 1);
  const labels = keepApart(
    there.map(({ ys }) => ys[at] - 9),
    LINE,
    top + 4,
    bottom - 6,
  );
  const before = x > middle;
  return (
    <g class="nbviz-curves-marked">
      <line class="nbviz-curves-marker" x1={x} x2={x} y1={top} y2={bottom} />
      {there.map(({ name, colour, ys }) => (
        <circle key={name} class="nbviz-curves-dot" cx={x} cy={ys[at]} r={4.5} fill={colour} />
      ))}
      {values &&
        there.map((curve, i) => (
          <text
            key={curve.name}
            class="nbviz-curves-value nbviz-curves-halo"
            x={before ? x - 8 : x + 8}
            y={labels[i]}
            text-anchor={before ? "end" : "start"}
            dominant-baseline="central"
          >
            {values(curve.values[at])}
          </text>
        ))}
    </g>
  );
}
