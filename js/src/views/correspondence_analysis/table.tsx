// The table of the paper, and above its columns the same numbers as dots: parts against random boxes.
import { scaleLinear } from "d3-scale";
import { DELTA, type PartResult, type Result } from "./meta";

const number = (value: number) => value.toFixed(3);
const NOTHING = "nothing changed";
const told = (value: number | null) => (value === null ? NOTHING : number(value));
const spread = (sd: number | null) => (sd === null ? "" : ` ± ${number(sd)}`);
const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** The largest value that the plot shows, whiskers included. */
export function topOf(result: Result): number {
  const ends = result.parts.flatMap((part) => [
    ...part.mean.map((mean, i) => (mean ?? 0) + (part.sd[i] ?? 0)),
    ...part.baseline.map((mean, i) => (mean ?? 0) + (part.baselineSd[i] ?? 0)),
  ]);
  return Math.min(1, Math.max(0.01, ...ends));
}

/** Everything about one part in one layer, in words. */
export function explain(part: PartResult, result: Result, column: number): string {
  const { [column]: mean } = part.mean;
  const { [column]: baseline } = part.baseline;
  const where = `${part.name} in ${result.layers[column]}`;
  if (mean === null)
    return `${where}: hiding it changes nothing, so there is nothing to compare. Is it of the fill's colour already?`;
  const pairs = `${part.pairs[column]} ${part.pairs[column] === 1 ? "pair" : "pairs"} of pictures`;
  const missing = part.unchanged[column];
  const left = missing ? `, without ${missing} in which nothing changes` : "";
  const compared =
    baseline === null
      ? "random boxes change nothing"
      : `${mean < baseline ? "below" : "not below"} random boxes of the same sizes, ` +
        `${number(baseline)}${spread(part.baselineSd[column])}`;
  return (
    `${where}: Δ ${number(mean)}${spread(part.sd[column])} (${pairs}${left}), ${compared}. ` +
    `Hiding it changes ${percent(part.changed[column])} of the units.`
  );
}

function Mark({
  at,
  mean,
  sd,
  scale,
  colour,
}: {
  at: number;
  /** null: there is nothing to mark. */
  mean: number | null;
  sd: number | null;
  scale: (value: number) => number;
  /** None for random boxes. */
  colour?: string;
}) {
  if (mean === null) return null;
  const low = scale(Math.max(0, mean - (sd ?? 0)));
  const high = scale(mean + (sd ?? 0));
  return (
    <>
      {sd !== null && (
        <span
          class="nbviz-delta-whisker"
          style={{ left: `${at}%`, bottom: `${low}%`, height: `${high - low}%`, background: colour }}
        />
      )}
      <span
        class="nbviz-delta-dot"
        data-random={colour ? undefined : ""}
        style={{ left: `${at}%`, bottom: `${scale(mean)}%`, background: colour }}
      />
    </>
  );
}

export function DeltaTable({ result, colours }: { result: Result; colours: Map<string, string> }) {
  const axis = scaleLinear([0, topOf(result)], [0, 100]).nice(4);
  const ticks = axis.ticks(4);
  const format = axis.tickFormat(4);
  const count = result.parts.length;
  return (
    <div class="nbviz-delta">
      <table aria-label="Share of units whose sign of change differs, for each part and layer">
        <thead>
          <tr>
            <th scope="col" title={DELTA}>
              <span class="nbviz-delta-title">Δ, mean ± sd</span>
            </th>
            {result.layers.map((layer) => (
              <th key={layer} scope="col" title={layer}>
                {layer}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr class="nbviz-delta-plot">
            <th scope="row">
              <div class="nbviz-delta-cell nbviz-delta-scale">
                <span class="nbviz-delta-axis" title={DELTA}>
                  share of units whose sign of change differs; lower = more alike
                </span>
                {ticks.map((tick) => (
                  <span key={tick} class="nbviz-delta-tick" style={{ bottom: `${axis(tick)}%` }}>
                    {format(tick)}
                  </span>
                ))}
              </div>
            </th>
            {result.layers.map((layer, column) => (
              <td key={layer}>
                <div class="nbviz-delta-cell">
                  {ticks.map((tick) => (
                    <span key={tick} class="nbviz-delta-line" style={{ bottom: `${axis(tick)}%` }} />
                  ))}
                  {result.parts.map((part, i) => (
                    <div
                      key={part.name}
                      class="nbviz-delta-part"
                      style={{ left: `${(100 * i) / count}%`, width: `${100 / count}%` }}
                      title={explain(part, result, column)}
                    >
                      <Mark
                        at={36}
                        mean={part.mean[column]}
                        sd={part.sd[column]}
                        scale={axis}
                        colour={colours.get(part.name) ?? "currentColor"}
                      />
                      <Mark at={64} mean={part.baseline[column]} sd={part.baselineSd[column]} scale={axis} />
                    </div>
                  ))}
                </div>
              </td>
            ))}
          </tr>
          {result.parts.map((part) => (
            <tr key={part.name}>
              <th scope="row" title={part.name}>
                <span class="nbviz-chip-swatch" style={{ background: colours.get(part.name) }} />
                {part.name}
              </th>
              {result.layers.map((layer, column) => (
                <td
                  key={layer}
                  title={explain(part, result, column)}
                  data-nothing={part.mean[column] === null ? "" : undefined}
                >
                  {told(part.mean[column])}
                  <small>{spread(part.sd[column])}</small>
                </td>
              ))}
            </tr>
          ))}
          <tr>
            <th
              scope="row"
              title="Boxes of the sizes of all parts at random places. In the plot each part has its own, beside it."
            >
              <span class="nbviz-chip-swatch" data-random />
              random
            </th>
            {result.layers.map((layer, column) => (
              <td
                key={layer}
                title={`Random boxes of all sizes; hiding one changes ${percent(result.random.changed[column])} of the units`}
                data-nothing={result.random.mean[column] === null ? "" : undefined}
              >
                {told(result.random.mean[column])}
                <small>{spread(result.random.sd[column])}</small>
              </td>
            ))}
          </tr>
        </tbody>
      </table>
    </div>
  );
}
