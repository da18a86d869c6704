// What the colours and glyphs of a picture mean. Names come from the user's data and are only ever set as text.
import { scaleLinear } from "d3-scale";
import { type Ramp, toCss } from "./colours";
import css from "./legend.css";

export { css as legendCss };

/** One glyph as a 12 x 12 picture; the shapes are those of glyphs.ts. */
const PATHS = [
  "M6 1.5a4.5 4.5 0 1 0 .01 0z",
  "M2 2h8v8H2z",
  "M6 1l5.2 9H.8z",
  "M6 .6L11.4 6 6 11.4.6 6z",
  "M2.2.8L6 4.6 9.8.8l1.4 1.4L7.4 6l3.8 3.8-1.4 1.4L6 7.4l-3.8 3.8L.8 9.8 4.6 6 .8 2.2z",
];

export function Swatch({ colour, shape = 0 }: { colour: string; shape?: number }) {
  return (
    <svg width="12" height="12" aria-hidden="true" focusable="false">
      <path d={PATHS[shape]} fill={colour} />
    </svg>
  );
}

export interface LegendEntry {
  name: string;
  /** CSS colour. */
  colour: string;
  shape?: number;
  /** Number of samples. */
  count?: number;
}

export interface LegendProps {
  /** What is coloured: the accessible name of the list. */
  label: string;
  entries: LegendEntry[];
  /** Numbers of the highlighted entries. */
  active?: readonly number[];
  /** An entry was chosen; `add` when Shift, Ctrl or the command key was held. Without it the legend is not clickable. */
  onPick?(entry: number, add: boolean): void;
}

/** A row of classes with colour, name and count. */
const MOST = 200; // more would make the page slow, and nobody tells their colours apart

export function Legend({ label, entries, active = [], onPick }: LegendProps) {
  const more = entries.length - MOST;
  const inside = ({ name, colour, shape, count }: LegendEntry) => (
    <>
      <Swatch colour={colour} shape={shape} />
      <span class="nbviz-legend-name">{name}</span>
      {count !== undefined && <span class="nbviz-legend-count">{count.toLocaleString("en")}</span>}
    </>
  );
  return (
    <fieldset class="nbviz-legend" aria-label={label}>
      {entries.slice(0, MOST).map((entry, i) =>
        onPick ? (
          <button
            type="button"
            key={i}
            class="nbviz-legend-entry"
            title={entry.name}
            aria-pressed={active.includes(i)}
            onClick={(event) => onPick(i, event.shiftKey || event.ctrlKey || event.metaKey)}
          >
            {inside(entry)}
          </button>
        ) : (
          <span key={i} class="nbviz-legend-entry" title={entry.name}>
            {inside(entry)}
          </span>
        ),
      )}
      {more > 0 && <span class="nbviz-legend-count">{`and ${more.toLocaleString("en")} more`}</span>}
    </fieldset>
  );
}

/** The line of a legend that explains a glyph, such as the cross of misclassified samples. */
export function GlyphKey({ shape = 4, name, count }: { shape?: number; name: string; count?: number }) {
  return (
    <span class="nbviz-legend-entry">
      <Swatch colour="currentColor" shape={shape} />
      <span class="nbviz-legend-name">{name}</span>
      {count !== undefined && <span class="nbviz-legend-count">{count.toLocaleString("en")}</span>}
    </span>
  );
}

export interface ColourBarProps {
  /** What is coloured. */
  label: string;
  domain: [number, number];
  ramp: Ramp;
  unit?: string;
  /** A value to compare with, such as what chance gives: marked on the bar and named below it. */
  mark?: { value: number; text: string };
}

export interface Tick {
  /** Place along the bar, 0 to 100. */
  at: number;
  text: string;
}

const ROOM = 180; // CSS pixels that a colour bar has at least
const DIGIT = 7;
const GAP = 6;

/** Ticks at the edges are written inside the bar. */
const edgeOf = (at: number) => (at < 6 ? "low" : at > 94 ? "high" : undefined);

function standApart(ticks: Tick[]): boolean {
  let end = Number.NEGATIVE_INFINITY;
  return ticks.every(({ at, text }) => {
    const width = DIGIT * text.length;
    const middle = (ROOM * at) / 100;
    const edge = edgeOf(at);
    const start = edge === "low" ? middle : edge === "high" ? middle - width : middle - width / 2;
    const clear = start >= end + GAP;
    end = start + width;
    return clear;
  });
}

/** Both ends of a domain, with as many digits as it takes to tell them apart. */
function ends([low, high]: [number, number]): [string, string] {
  for (let digits = 3; digits < 16; digits++) {
    const texts = [low, high].map((value) => String(Number(value.toPrecision(digits))));
    if (texts[0] !== texts[1]) return texts as [string, string];
  }
  return [String(low), String(high)];
}

/** As many round ticks as stand beside each other without touching; of a very narrow range its two ends. */
export function ticksOf(domain: [number, number]): Tick[] {
  if (domain[0] === domain[1]) return [{ at: 50, text: String(Number(domain[0].toPrecision(4))) }];
  const scale = scaleLinear().domain(domain).range([0, 100]);
  for (const count of [4, 3, 2]) {
    const format = scale.tickFormat(count);
    const ticks = scale.ticks(count).map((value) => ({ at: scale(value), text: format(value) }));
    if (ticks.length > 1 && standApart(ticks)) return ticks;
  }
  const [low, high] = ends(domain);
  return [
    { at: 0, text: low },
    { at: 100, text: high },
  ];
}

/** A continuous colour scale with round ticks. */
export function ColourBar({ label, domain, ramp, unit = "", mark }: ColourBarProps) {
  const [low, high] = ends(domain);
  const place = mark && scaleLinear().domain(domain).range([0, 100]).clamp(true)(mark.value);
  const stops = Array.from({ length: 17 }, (_, i) => toCss(ramp[Math.round((i * 255) / 16)]));
  return (
    <div
      class="nbviz-colourbar"
      role="img"
      aria-label={`${label}: ${low} to ${high} ${unit}`.trim() + (mark ? `; ${mark.text}` : "")}
    >
      <span>{unit ? `${label} (${unit})` : label}</span>
      <div
        class="nbviz-colourbar-ramp"
        style={{ background: `linear-gradient(to right, ${stops.join(", ")})` }}
      >
        {mark && <i style={{ left: `${place}%` }} />}
      </div>
      <div class="nbviz-colourbar-ticks">
        {ticksOf(domain).map(({ at, text }) => (
          <span key={at} data-edge={edgeOf(at)} style={{ left: `${at}%` }}>
            {text}
          </span>
        ))}
      </div>
      {mark && <span class="nbviz-colourbar-mark">{mark.text}</span>}
    </div>
  );
}
