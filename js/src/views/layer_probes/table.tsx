// The table of layers and columns as a heat map: a real table, walked through with the arrow keys.
import { toCss } from "../../parts/colours";
import { ColourBar } from "../../parts/legend";
import { counted } from "../../parts/status";
import { type Colouring, colouringOf, paintOf } from "./colouring";
import { type ColumnMeta, type Measure, shownCell, type Table, withoutLayer } from "./meta";
import { scaleWords, sentenceOf, TIPS, written } from "./words";

/** A cell; row -1 holds the names of the columns. */
export interface Place {
  i: number;
  j: number;
}

export interface ProbeGridProps {
  table: Table;
  before: Table | null;
  measure: Measure;
  isShared: boolean;
  dark: boolean;
  column: string;
  layer: string;
  /** The cell that the Tab key comes to. */
  focus: Place;
  onFocus: (place: Place) => void;
  onPoint: (place: Place | null) => void;
  onChoose: (place: Place) => void;
}

const STEPS: Record<string, Place> = {
  ArrowUp: { i: -1, j: 0 },
  ArrowDown: { i: 1, j: 0 },
  ArrowLeft: { i: 0, j: -1 },
  ArrowRight: { i: 0, j: 1 },
  Home: { i: 0, j: Number.NEGATIVE_INFINITY },
  End: { i: 0, j: Number.POSITIVE_INFINITY },
  PageUp: { i: Number.NEGATIVE_INFINITY, j: 0 },
  PageDown: { i: Number.POSITIVE_INFINITY, j: 0 },
};

const WITHOUT: Record<Measure, [string, string] | null> = {
  "neighbourhood hit": [
    "chance",
    "The neighbourhood hit of shuffled labels, on average: it depends on the sizes of the classes",
  ],
  "probe accuracy": [
    "largest class",
    "Without looking at the layer: always the largest class (of numbers: their mean)",
  ],
  selectivity: null,
};

const kindOf = ({ numeric, classes }: ColumnMeta) =>
  numeric ? "numbers, R²" : counted(classes, "class", "classes");

export function ProbeGrid(props: ProbeGridProps) {
  const { table, before, measure, isShared, dark, column, layer, focus, onFocus, onPoint, onChoose } = props;
  const colouring = colouringOf(table, measure, isShared, dark);
  const without = WITHOUT[measure];
  const isFocus = (i: number, j: number) => focus.i === i && focus.j === j;

  const walk = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const grid = event.currentTarget;
    // Where the focus is now, which may be ahead of what was drawn last.
    const at = (event.target as HTMLElement).dataset.cell?.split(",").map(Number);
    if (!at) return;
    if (event.key === "Enter" || event.key === " ") onChoose({ i: at[0], j: at[1] });
    else if (event.key in STEPS) {
      const step = STEPS[event.key];
      const i = Math.max(-1, Math.min(table.layers.length - 1, at[0] + step.i));
      const j = Math.max(0, Math.min(table.columns.length - 1, at[1] + step.j));
      onFocus({ i, j });
      grid.querySelector<HTMLElement>(`[data-cell="${i},${j}"]`)?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would walk through the cells of the notebook
  };

  /** What makes a cell one that can be pointed at, focused and chosen. */
  const cell = (i: number, j: number, isChosen: boolean) => ({
    "data-cell": `${i},${j}`,
    "data-chosen": isChosen || undefined,
    "aria-selected": isChosen,
    tabIndex: isFocus(i, j) ? 0 : -1,
    onClick: () => {
      onFocus({ i, j });
      onChoose({ i, j });
    },
    onFocus: () => {
      onFocus({ i, j });
      if (i >= 0) onPoint({ i, j });
    },
    onBlur: () => onPoint(null),
    onPointerEnter: () => i >= 0 && onPoint({ i, j }),
  });

  return (
    <div class="nbviz-probe-grid" data-lm-suppress-shortcuts="true">
      <table
        // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: its cells are chosen, as in a grid
        role="grid"
        aria-label={`${measure} by layer and column. Arrow keys walk, Enter chooses.`}
        onKeyDown={walk}
        onPointerLeave={() => onPoint(null)}
      >
        <thead>
          <tr>
            <th scope="col">layer</th>
            {table.columns.map((one, j) => (
              <th
                key={one.name}
                scope="col"
                title={`${one.name}: ${kindOf(one)}, ${counted(one.samples, "sample")}. Click: show its curves.`}
                {...cell(-1, j, one.name === column)}
              >
                <span>{one.name}</span>
                <small>{kindOf(one)}</small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.layers.map((name, i) => (
            <tr key={name} data-chosen={name === layer || undefined}>
              <th scope="row" title={table.layerNotes[i] ? `${name}: ${table.layerNotes[i]}` : name}>
                <span>{name}</span>
              </th>
              {table.columns.map((one, j) => {
                const { value, old } = shownCell(table, before, measure, i, j);
                const isChosen = name === layer && one.name === column;
                const missing = Number.isNaN(value);
                const words = sentenceOf(table, i, j);
                return (
                  <td
                    key={one.name}
                    style={paintOf(colouring, value, j)}
                    data-old={old || undefined}
                    data-missing={missing || undefined}
                    aria-label={words}
                    title={words}
                    {...cell(i, j, isChosen)}
                  >
                    {missing && table.kind === "preview" ? "…" : written(value, one)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
        {without && (
          <tfoot>
            <tr>
              <th scope="row" title={without[1]}>
                <span>{without[0]}</span>
              </th>
              {table.columns.map((one) => (
                <td key={one.name} title={without[1]}>
                  {written(withoutLayer(one, measure), one)}
                </td>
              ))}
            </tr>
          </tfoot>
        )}
      </table>
      <Scale colouring={colouring} measure={measure} columns={table.columns} />
    </div>
  );
}

function Scale(props: { colouring: Colouring; measure: Measure; columns: ColumnMeta[] }) {
  const { colouring, measure, columns } = props;
  const { ramp, domains, isShared } = colouring;
  const { unit, factor, numbers } = scaleWords(columns, measure);
  const more = numbers && <span class="nbviz-colourbar-mark">{numbers}</span>;
  if (isShared) {
    const domain = domains[0].map((value) => factor * value) as [number, number];
    return (
      <div class="nbviz-probe-scale" title={TIPS[measure]}>
        <ColourBar label={measure} domain={domain} ramp={ramp} unit={unit} />
        {more}
      </div>
    );
  }
  const signed = measure === "selectivity";
  const stops = Array.from({ length: 17 }, (_, i) => toCss(ramp[Math.round((i * 255) / 16)]));
  const ends = signed ? ["− largest of the column", "+ largest"] : ["lowest of the column", "highest"];
  return (
    <div class="nbviz-probe-scale" title={TIPS[measure]}>
      <div class="nbviz-colourbar" role="img" aria-label={`${measure}: from ${ends.join(" to ")}`}>
        <span>
          {measure} ({unit})
        </span>
        <div
          class="nbviz-colourbar-ramp"
          style={{ background: `linear-gradient(to right, ${stops.join(", ")})` }}
        />
        <div class="nbviz-probe-ends">
          <span>{ends[0]}</span>
          <span>{ends[1]}</span>
        </div>
      </div>
      {more}
    </div>
  );
}
