// Curves over one variable, with axes, names, and a marker that follows the pointer and the arrow keys.
import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from "d3-scale";
import { classPalette, toCss } from "./colours";
import { type Curve, Ends, Key, Marker, plain } from "./curve_names";
import { bandOf, nearest, pathOf } from "./curve_shapes";
import css from "./curves.css";
import { useWidth } from "./width";

export { type Curve, css as curvesCss, plain };

/** A dotted line across the chart at a value that means something: chance level, the picture as given. */
export interface Rule {
  axis: "x" | "y";
  value: number;
  name: string;
  /** Of a rule across: the area below it is shaded, as one in which a value says nothing. */
  shade?: boolean;
}

export interface CurvesProps {
  /** What the chart is, for a screen reader. */
  label: string;
  /** Ascending. */
  x: ArrayLike<number>;
  /** One for each x, where these are no numbers: they stand along the axis, slanted if there is little room. */
  xNames?: string[];
  /** With the unit, if there is one: "shift (pixels)". */
  xTitle: string;
  yTitle: string;
  curves: Curve[];
  height: number;
  /** CSS pixels; by default as wide as there is room. */
  width?: number;
  xScale?: "linear" | "log";
  yScale?: "linear" | "log";
  /** By default from the first x to the last. */
  xDomain?: [number, number];
  /** By default what the curves and bands span, rounded outwards. */
  yDomain?: [number, number];
  rules?: Rule[];
  /** Index of the x that is marked. */
  at?: number | null;
  /** The pointer or a key has moved the marker. Without it the chart is a still picture. */
  onPoint?: (index: number) => void;
  /**
   * Names at the ends of the lines (values at the marker then stand beside it, of up to four curves), or in a
   * key above (values in the key). By default what fits.
   */
  names?: "ends" | "key" | "none";
  formatX?: (value: number) => string;
  formatY?: (value: number) => string;
}

const TOP = 24; // the title of the y axis stands here
const BOTTOM = 36;
const LETTER = 6.4; // mean width of a letter, CSS pixels
const SLANT = 38; // of names along the axis, degrees
const NAME = 16; // letters of a name along the axis

/** Colours for `n` curves, as CSS. */
export function curveColours(n: number, dark: boolean): string[] {
  return Array.from(classPalette(n, dark).colours, toCss);
}

function spanOf(curves: Curve[], log: boolean): [number, number] {
  const all = curves.flatMap(({ values, lower = [], upper = [] }) =>
    [values, lower, upper].flatMap((column) => Array.from(column)),
  );
  const usable = all.filter((value) => Number.isFinite(value) && (!log || value > 0));
  if (!usable.length) return log ? [1, 10] : [0, 1];
  const [low, high] = [usable.reduce((a, b) => Math.min(a, b)), usable.reduce((a, b) => Math.max(a, b))];
  if (low < high) return [low, high];
  return log ? [low / 2, high * 2] : [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
}

export function Curves(props: CurvesProps) {
  const [host, room] = useWidth<HTMLElement>();
  const width = props.width ?? room;
  const longest = Math.max(0, ...props.curves.map(({ name }) => name.length * LETTER));
  const fits = props.curves.length <= 6 && longest < 0.26 * width;
  const names = props.names ?? (props.curves.length < 2 ? "none" : fits ? "ends" : "key");
  return (
    <figure class="nbviz-curves" ref={host}>
      {names === "key" && <Key curves={props.curves} at={props.at} format={props.formatY} />}
      {width > 0 && (
        <Chart {...props} width={width} names={names} endWidth={Math.min(longest, 0.4 * width)} />
      )}
    </figure>
  );
}

type Scale = ScaleContinuousNumeric<number, number>;

/** Ticks as decimals; a logarithmic axis labels as many as there is room for (d3 would write 100m for 0.1). */
function format(scale: Scale, count: number): (tick: number) => string {
  return "base" in scale ? scale.tickFormat(count, "~g") : scale.tickFormat(count);
}

/** The end of a name tells more than its beginning: "…encoder.layer3.relu". */
const shortened = (name: string) => (name.length > NAME ? `…${name.slice(1 - NAME)}` : name);

function Chart(props: CurvesProps & { width: number; names: string; endWidth: number }) {
  const { label, x, xTitle, yTitle, curves, width, height, names, rules = [], at = null, onPoint } = props;
  const xs = Array.from(x);
  const words = props.xNames?.map(shortened);
  const widest = LETTER * Math.max(0, ...(words ?? []).map((word) => word.length));
  const isSlanted = words !== undefined && widest + 8 > (0.85 * width) / Math.max(1, words.length);
  const foot = BOTTOM + (isSlanted ? widest * Math.sin((SLANT * Math.PI) / 180) : 0);
  const { formatX = props.xNames ? (value) => props.xNames![xs.indexOf(value)] : plain, formatY = plain } =
    props;
  const bottom = height - foot;
  const logY = props.yScale === "log";
  const sy: Scale = (logY ? scaleLog() : scaleLinear())
    .domain(props.yDomain ?? spanOf(curves, logY))
    .range([bottom, TOP]);
  if (!props.yDomain) sy.nice();
  const rows = Math.max(2, Math.round((height - TOP - foot) / 40));
  const yTicks = sy.ticks(rows).map((tick) => ({ at: sy(tick), text: format(sy, rows)(tick) }));
  const left = 10 + LETTER * Math.max(1, ...yTicks.map(({ text }) => text.length));
  const right = width - (names === "ends" ? props.endWidth + 22 : 12);
  const sx: Scale = (props.xScale === "log" ? scaleLog() : scaleLinear())
    .domain(props.xDomain ?? (xs.length ? [xs[0], xs[xs.length - 1]] : [0, 1]))
    .range([left, right]);
  const columns = Math.max(2, Math.round((right - left) / 60));
  const places = xs.map((value) => sx(value));
  const every = Math.ceil((15 * xs.length) / Math.max(1, right - left)); // a line of text is 15 pixels high
  const xTicks = words
    ? words.map((text, i) => ({ at: places[i], text })).filter((_, i) => i % every === 0)
    : sx.ticks(columns).map((tick) => ({ at: sx(tick), text: format(sx, columns)(tick) }));
  const heights = (values: ArrayLike<number>) =>
    Array.from(values, (value) => (logY && value <= 0 ? Number.NaN : sy(value)));
  // The lower edge of a band goes down to the axis where a logarithmic one has no place for it.
  const raise = (value: number) => (logY && value <= 0 ? sy.domain()[0] : value);
  const drawn = curves.map((curve) => ({ ...curve, ys: heights(curve.values) }));
  const marked = at !== null && at >= 0 && at < xs.length ? at : null;

  const pick = (index: number) => {
    const inside = Math.max(0, Math.min(xs.length - 1, index));
    if (inside !== at) onPoint!(inside);
  };
  const point = (event: PointerEvent & { currentTarget: SVGSVGElement }) => {
    if (!xs.length) return;
    const box = event.currentTarget.getBoundingClientRect();
    pick(nearest(places, ((event.clientX - box.left) * width) / (box.width || width)));
  };
  const steps: Record<string, number> = {
    ArrowRight: 1,
    ArrowUp: 1,
    ArrowLeft: -1,
    ArrowDown: -1,
    PageUp: 5,
    PageDown: -5,
    Home: -xs.length,
    End: xs.length,
  };
  const step = (event: KeyboardEvent) => {
    if (!(event.key in steps) || !xs.length) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would walk through the cells
    pick((marked ?? 0) + steps[event.key]);
  };
  const readout =
    marked === null
      ? ""
      : `${xTitle} ${formatX(xs[marked])}: ${curves.map((c) => `${c.name} ${formatY(c.values[marked])}`).join(", ")}`;
  const role = onPoint
    ? {
        role: "slider" as const,
        tabindex: 0, // in SVG the name of an attribute keeps its case
        "aria-valuemin": xs[0],
        "aria-valuemax": xs.at(-1),
        "aria-valuenow": marked === null ? undefined : xs[marked],
        "aria-valuetext": readout,
        onPointerMove: point,
        onPointerDown: (event: PointerEvent & { currentTarget: SVGSVGElement }) => {
          event.currentTarget.focus();
          point(event);
        },
        onKeyDown: step,
      }
    : { role: "img" as const };

  return (
    <svg class="nbviz-curves-chart" width={width} height={height} aria-label={label} {...role}>
      <text class="nbviz-curves-title" x={2} y={12}>
        {yTitle}
      </text>
      {yTicks.map((tick) => (
        <g key={tick.at}>
          <line class="nbviz-curves-grid" x1={left} x2={right} y1={tick.at} y2={tick.at} />
          <text x={left - 6} y={tick.at} text-anchor="end" dominant-baseline="central">
            {tick.text}
          </text>
        </g>
      ))}
      <line class="nbviz-curves-axis" x1={left} x2={right} y1={bottom} y2={bottom} />
      {xTicks.map((tick) => (
        <g key={tick.at}>
          <line class="nbviz-curves-axis" x1={tick.at} x2={tick.at} y1={bottom} y2={bottom + 4} />
          <text
            x={tick.at + (isSlanted ? 4 : 0)}
            y={bottom + (isSlanted ? 12 : 16)}
            text-anchor={isSlanted ? "end" : "middle"}
            transform={isSlanted ? `rotate(${-SLANT} ${tick.at + 4} ${bottom + 12})` : undefined}
          >
            {tick.text}
          </text>
        </g>
      ))}
      <text class="nbviz-curves-title" x={(left + right) / 2} y={height - 4} text-anchor="middle">
        {xTitle}
      </text>
      {rules.map(({ axis, value, name, shade }) => {
        const [x1, x2] = axis === "x" ? [sx(value), sx(value)] : [left, right];
        const [y1, y2] = axis === "y" ? [sy(value), sy(value)] : [TOP, bottom];
        return (
          <g key={name}>
            {shade && axis === "y" && (
              <rect
                class="nbviz-curves-shade"
                x={left}
                width={Math.max(0, right - left)}
                y={y1}
                height={Math.max(0, bottom - y1)}
              />
            )}
            <line class="nbviz-curves-rule" x1={x1} x2={x2} y1={y1} y2={y2} />
            <text
              class="nbviz-curves-halo"
              x={axis === "x" ? x1 + 4 : left + 4}
              y={axis === "x" ? TOP + 10 : y1 - 4}
            >
              {name}
            </text>
          </g>
        );
      })}
      {/* What lies beyond the axes is cut off, at some distance, so that a line along the edge stays whole. */}
      <svg
        x={left - 3}
        y={TOP - 3}
        width={Math.max(0, right - left + 6)}
        height={Math.max(0, bottom - TOP + 6)}
        viewBox={`${left - 3} ${TOP - 3} ${Math.max(0, right - left + 6)} ${Math.max(0, bottom - TOP + 6)}`}
        aria-hidden="true"
      >
        {drawn.map(({ name, colour, lower, upper }) =>
          lower && upper ? (
            <path
              key={name}
              class="nbviz-curves-band"
              d={bandOf(places, heights(Array.from(lower, raise)), heights(upper))}
              fill={colour}
            />
          ) : null,
        )}
        {drawn.map(({ name, colour, dash, ys }) => (
          <path
            key={name}
            class="nbviz-curves-line"
            d={pathOf(places, ys)}
            stroke={colour}
            stroke-dasharray={dash}
          >
            <title>{name}</title>
          </path>
        ))}
      </svg>
      {names === "ends" && (
        <Ends
          drawn={drawn}
          places={places}
          right={right}
          top={TOP}
          bottom={bottom}
          letters={Math.floor(props.endWidth / LETTER)}
        />
      )}
      {marked !== null && (
        <Marker
          drawn={drawn}
          at={marked}
          x={places[marked]}
          middle={(left + right) / 2}
          top={TOP}
          bottom={bottom}
          values={names === "key" || curves.length > 4 ? null : formatY}
        />
      )}
    </svg>
  );
}
