// One column over the layers: the probe and its controls, and the neighbourhood hit.
import { type Curve, Curves, curveColours } from "../../parts/curves";
import { type Cell, cellOf, type Spread, type Table } from "./meta";
import { written } from "./words";

export interface ChartProps {
  table: Table;
  j: number;
  /** The layer that is marked, or -1. */
  at: number;
  dark: boolean;
  height: number;
  onPoint: (layer: number | null) => void;
  onChoose: (layer: number) => void;
}

export function ProbeChart({ table, j, at, dark, height, onPoint, onChoose }: ChartProps) {
  const column = table.columns[j];
  const cells = table.layers.map((_, i) => cellOf(table, i, j));
  const unit = column.numeric ? 1 : 100;
  const values = (of: (cell: Cell) => number) => cells.map((cell) => unit * of(cell));
  const band = (of: (cell: Cell) => Spread) => ({
    values: values((cell) => of(cell).mean),
    lower: values((cell) => of(cell).mean - of(cell).sd),
    upper: values((cell) => of(cell).mean + of(cell).sd),
  });
  const [blue, orange, green] = curveColours(3, dark);
  const near = column.numeric ? "neighbours' mean" : "neighbourhood hit";
  const every: Curve[] = [
    { name: "linear probe", colour: blue, ...band(({ probe }) => probe) },
    { name: "probe, untrained network", colour: blue, dash: "6 4", ...band(({ untrained }) => untrained) },
    { name: "probe, shuffled labels", colour: orange, dash: "1.5 5", ...band(({ shuffled }) => shuffled) },
    { name: near, colour: green, values: values(({ hit }) => hit) },
    {
      name: `${near}, untrained network`,
      colour: green,
      dash: "6 4",
      values: values(({ untrainedHit }) => untrainedHit),
    },
  ];
  const curves = every.filter((curve) => Array.from(curve.values).some((value) => !Number.isNaN(value)));
  const drawn = curves.flatMap(({ values, upper = [] }) => [...Array.from(values), ...Array.from(upper)]);
  const known = drawn.filter((value) => !Number.isNaN(value));
  const lowest = Math.min(0, ...known);
  const highest = Math.min(100, 20 * Math.ceil(Math.max(1, ...known) / 20));
  let isByKey = false;
  const chance = unit * (column.numeric ? 0 : column.baseline);
  const name = column.numeric ? "the mean alone" : `largest class ${written(column.baseline, column)} %`;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the chart inside is a slider; here it is told how it was moved
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys move the slider itself
    <div
      class="nbviz-probe-chart"
      onKeyDownCapture={() => {
        isByKey = true;
      }}
      onPointerMoveCapture={() => {
        isByKey = false;
      }}
      onPointerLeave={() => onPoint(null)}
      onClick={() => at >= 0 && onChoose(at)}
    >
      <Curves
        label={`${column.name} over the layers`}
        x={table.layers.map((_, i) => i)}
        xNames={table.layers}
        xTitle="layer"
        yTitle={`${column.name}: ${column.numeric ? "R² (1 is best)" : "accuracy and neighbourhood hit (%)"}`}
        yDomain={column.numeric ? [Math.max(-1, lowest), 1] : [0, highest]}
        curves={curves}
        names="key"
        rules={[{ axis: "y", value: chance, name, shade: true }]}
        formatY={(value) => (Number.isNaN(value) ? "–" : written(value / unit, column))}
        height={height}
        at={at < 0 ? null : at}
        onPoint={(layer) => (isByKey ? onChoose(layer) : onPoint(layer))}
      />
    </div>
  );
}
