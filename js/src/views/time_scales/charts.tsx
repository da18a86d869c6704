// Below the text: the distances against time, and the other experiment's probabilities against distance.
import { type Curve, Curves, plain, type Rule } from "../../parts/curves";
import { named } from "../../parts/tokens";
import { type BracketMeta, type TimesMeta, tauText } from "./meta";

const row = (array: Float32Array, index: number, steps: number) =>
  array.subarray(index * steps, (index + 1) * steps);

export interface DecayProps {
  meta: TimesMeta;
  distance: Float32Array;
  mean: Float32Array;
  lower: Float32Array;
  upper: Float32Array;
  colours: string[];
  at: number | null;
  onPoint: (time: number) => void;
}

/** The lowest value that a logarithmic axis shows. */
const FLOOR = 1e-4;

/** Distances of every layer against time: of this typo, and of the mean with its band. */
export function Decay({ meta, distance, mean, lower, upper, colours, at, onPoint }: DecayProps) {
  const many = meta.mean;
  const steps = Math.max(meta.steps, many?.steps ?? 0);
  // A curve that is shorter than the axis ends there.
  const along = (array: Float32Array, i: number, own: number) => {
    const values = new Float32Array(steps).fill(Number.NaN);
    values.set(row(array, i, own));
    return values;
  };
  const curves: Curve[] = meta.layers.map((layer, i) => ({
    name: many ? `${i + 1} this typo` : `${i + 1} ${layer}`,
    colour: colours[i],
    values: along(distance, i, meta.steps),
    dash: many ? "2 3" : undefined,
  }));
  if (many)
    meta.layers.forEach((_, i) => {
      curves.push({
        name: `${i + 1} mean`,
        colour: colours[i],
        values: along(mean, i, many.steps),
        lower: along(lower, i, many.steps),
        upper: along(upper, i, many.steps),
      });
    });
  const all = [distance, mean, upper].flatMap((array) => Array.from(array));
  const highest = all.reduce((most, value) => Math.max(most, value), 1);
  const lowest = all.reduce((least, value) => (value > 0 ? Math.min(least, value) : least), 1);
  const floor = Math.max(FLOOR, 10 ** Math.floor(Math.log10(lowest)));
  const state = meta.source === "cell" ? "c" : "h";
  return (
    <Curves
      label="Distance of the states of every layer against the tokens since the typo"
      x={Array.from({ length: steps }, (_, i) => i)}
      xTitle="tokens since the replaced one"
      yTitle={`‖${state} − ${state}̃‖ relative to ${meta.normalise === "start" ? "that at 0" : "its largest"} (dotted: 1/e)`}
      yScale="log"
      yDomain={[floor, highest * 1.15]}
      height={240}
      curves={curves}
      rules={rulesOf(many?.tau ?? meta.tau, steps)}
      at={at}
      onPoint={onPoint}
      formatY={(value) => (value >= 0.01 ? value.toFixed(2) : value.toExponential(0).replace("-", "−"))}
    />
  );
}

const MOST_RULES = 4;
const CLOSE = 0.14; // shares of the axis that a name takes

/** 1/e across, and every τ upright; names that would lie over one another are written at the last of them. */
function rulesOf(taus: readonly (number | null)[], steps: number): Rule[] {
  const rules: Rule[] = [{ axis: "y", value: Math.exp(-1), name: "" }];
  if (taus.length > MOST_RULES) return rules;
  const there = taus
    .map((value, i) => ({ value: value ?? 0, name: `τ${subscript(i + 1)} = ${tauText(value, steps)}` }))
    .filter(({ value }) => value > 0 && value < steps)
    .sort((one, other) => one.value - other.value);
  let names: string[] = [];
  there.forEach(({ value, name }, i) => {
    names.push(name);
    const isCrowded = i + 1 < there.length && there[i + 1].value - value < CLOSE * steps;
    rules.push({ axis: "x", value, name: isCrowded ? " ".repeat(i + 1) : names.join(", ") }); // names differ
    if (!isCrowded) names = [];
  });
  return rules;
}

const subscript = (n: number) => [...String(n)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]).join("");

export interface BracketProps {
  meta: BracketMeta;
  values: Float32Array;
  count: Int32Array;
  colours: string[];
  at: number | null;
  off: number[];
  onPoint: (distance: number) => void;
  onOff: (cells: number[]) => void;
}

/** Probability of the closing bracket against the tokens since the opening one. */
export function Bracket({ meta, values, count, colours, at, off, onPoint, onOff }: BracketProps) {
  const shown: Record<string, string> = {
    "bracket open": `after ${named(meta.opening)}`,
    "bracket replaced": `${named(meta.instead)} instead`,
    "cells off": `${meta.off.length} cell${meta.off.length === 1 ? "" : "s"} off`,
  };
  const curves = meta.curves.map((name, i) => ({
    name: shown[name] ?? name,
    colour: colours[i],
    dash: name === "bracket replaced" ? "5 3" : undefined,
    values: row(values, 3 * i, meta.steps),
    lower: row(values, 3 * i + 1, meta.steps),
    upper: row(values, 3 * i + 2, meta.steps),
  }));
  return (
    <div class="nbviz-times-bracket">
      <Curves
        label={`Probability of ${meta.closing} against the tokens since ${meta.opening}`}
        x={Array.from({ length: meta.steps }, (_, i) => i)}
        xTitle={`tokens since ${named(meta.opening)}`}
        yTitle={`probability of ${named(meta.closing)} as the next token`}
        height={300}
        curves={curves}
        at={at}
        onPoint={onPoint}
        formatY={(value) => value.toFixed(3)}
      />
      <div class="nbviz-times-facts">
        <table class="nbviz-table nbviz-times-taus">
          <thead>
            <tr>
              <th>passages as they are, and changed</th>
              <th
                title={`Mean over all distances of the probability of ${meta.closing}, less that of the same passages without the ${meta.opening}: what the network remembers of it`}
              >
                <abbr>memory</abbr>
              </th>
              {at !== null && (
                <th title="Probability at the marked distance">
                  at {at} ({count[at]} passages)
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {meta.curves.map((name, i) => (
              <tr key={name}>
                <th>
                  <i style={{ background: colours[i] }} />
                  {shown[name] ?? name}
                </th>
                <td>{meta.memory[i] === null ? "" : plain(Number(meta.memory[i]?.toFixed(4)))}</td>
                {at !== null && <td>{values[3 * i * meta.steps + at].toFixed(4)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
        <label title="Cells to switch off, numbered over all recurrent layers; ranges as 128-143. Enter runs it.">
          Cells off
          <input
            type="text"
            value={ranges(off)}
            placeholder="none"
            onChange={(event) => onOff(numbers(event.currentTarget.value))}
            onKeyDown={(event) => event.stopPropagation()}
          />
        </label>
        <details>
          <summary>{meta.contexts} passages, such as</summary>
          <ul>
            {meta.examples.map((example) => (
              <li key={example}>
                <code>{example}</code>
              </li>
            ))}
          </ul>
        </details>
      </div>
    </div>
  );
}

/** "3, 5-7" as [3, 5, 6, 7]; what is no number is left out. */
export function numbers(text: string): number[] {
  const found = new Set<number>();
  for (const part of text.split(/[\s,;]+/)) {
    const match = /^(\d{1,6})(?:[-–](\d{1,6}))?$/.exec(part);
    if (!match) continue;
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    for (let i = first; i <= Math.min(last, first + 9999); i++) found.add(i);
  }
  return [...found].sort((a, b) => a - b);
}

/** The opposite: [3, 5, 6, 7] as "3, 5-7". */
export function ranges(cells: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cells.length; i++) {
    let j = i;
    while (j + 1 < cells.length && cells[j + 1] === cells[j] + 1) j++;
    parts.push(i === j ? String(cells[i]) : `${cells[i]}-${cells[j]}`);
    i = j;
  }
  return parts.join(", ");
}
