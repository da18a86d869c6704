// Beside the matrix: what is written, the marked token, what a change does, all heads.
import type { Ramp } from "../../parts/colours";
import { ColourBar } from "../../parts/legend";
import type { AttentionMeta, Matrix } from "./meta";
import { printed } from "./meta";
import { Heads, type OverviewProps } from "./overview";

export interface SideProps {
  matrix: Matrix;
  ramp: Ramp;
  top: number;
  row: number;
  column: number;
  hidden: number[];
  forced: Record<string, unknown>;
  writes: boolean;
  live: boolean;
  heads: OverviewProps | null;
  onForce: (step: number, token: string | null) => void;
  onHide: (column: number) => void;
  onMark: (row: number, column: number) => void;
}

const SHOWN = 6;

/** The largest of `n` weights, as [index, weight]. */
export function largest(n: number, weight: (i: number) => number, count = SHOWN): [number, number][] {
  return Array.from({ length: n }, (_, i): [number, number] => [i, weight(i)])
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, count)
    .filter(([, value]) => value > 0.005);
}

function Weights({
  title,
  tip,
  list,
  names,
  onPick,
}: {
  title: string;
  tip: string;
  list: [number, number][];
  names: string[];
  onPick: (i: number) => void;
}) {
  return (
    <div>
      <div class="nbviz-side-title" title={tip}>
        {title}
      </div>
      <ol class="nbviz-attention-list">
        {list.map(([i, value]) => (
          <li key={i}>
            <button type="button" onClick={() => onPick(i)} title={`Token ${i}`}>
              {printed(names[i])}
            </button>
            <span style={{ width: `${Math.round(90 * Math.min(1, value))}px` }} />
            {value.toFixed(3)}
          </li>
        ))}
      </ol>
    </div>
  );
}

function Row(p: SideProps) {
  const { matrix, row } = p;
  const { meta } = matrix;
  const choices = meta.likeliest[row];
  const name = printed(meta.rows[row]);
  return (
    <>
      <Weights
        title={`“${name}” (${row}) looks at`}
        tip="Attention out: the largest weights of this row"
        list={largest(matrix.columns, (c) => matrix.weight(row, c))}
        names={meta.columns}
        onPick={(c) => p.onMark(row, c)}
      />
      {p.writes && choices && (
        <div>
          <div
            class="nbviz-side-title"
            title="The likeliest tokens at this step. Click one to make the model write it and go on from there."
          >
            written at step {row}: click to write another
          </div>
          <div class="nbviz-attention-choices">
            {choices.map(([token, share]) => (
              <button
                type="button"
                key={token}
                aria-pressed={token === meta.rows[row]}
                onClick={() => p.onForce(row, token)}
                title={`probability ${share.toFixed(3)}`}
              >
                {printed(token)} <small>{(100 * share).toFixed(share < 0.1 ? 1 : 0)} %</small>
              </button>
            ))}
            {String(row) in p.forced && (
              <button type="button" onClick={() => p.onForce(row, null)} title="Let the model choose here">
                let the model choose
              </button>
            )}
          </div>
        </div>
      )}
    </>
  );
}

function Column(p: SideProps) {
  const { matrix, column } = p;
  const name = printed(matrix.meta.columns[column]);
  return (
    <>
      <Weights
        title={`“${name}” (${column}) is looked at by`}
        tip="Attention in: the largest weights of this column. Columns need not add up to 1."
        list={largest(matrix.rows, (r) => matrix.weight(r, column))}
        names={matrix.meta.rows}
        onPick={(r) => p.onMark(r, column)}
      />
      {p.live && (
        <button
          type="button"
          aria-pressed={p.hidden.includes(column)}
          title="Set all attention to this token to zero, scale the rest to add up to 1, and run the model on (H)"
          onClick={() => p.onHide(column)}
        >
          {p.hidden.includes(column) ? "Show this token again" : "Hide this token"}
        </button>
      )}
    </>
  );
}

function Effect({ meta }: { meta: AttentionMeta }) {
  const { effect } = meta;
  if (!effect) return null;
  const total = effect.kl?.reduce((a, b) => a + b, 0) ?? 0;
  const mean = effect.kl?.length ? total / effect.kl.length : 0;
  return (
    <div class="nbviz-attention-effect">
      <div
        class="nbviz-side-title"
        title="The model runs with its attention changed; everything after follows from it"
      >
        what the change does
      </div>
      {effect.kl ? (
        <div title="Kullback-Leibler divergence of the output with the change from the output without, mean over positions">
          output moves by <strong>{mean.toPrecision(3)}</strong> bits per position
        </div>
      ) : (
        <div title="Length of the difference of the outputs, over the length of the output without the change">
          output changes by <strong>{(100 * effect.relative).toPrecision(3)} %</strong> of its length
        </div>
      )}
      {effect.tops.length > 0 ? (
        <ul class="nbviz-attention-tops">
          {effect.tops.map(([at, before, after, p, q]) => (
            <li key={at}>
              step {at}: {printed(before)} <small>{p.toFixed(2)}</small> → <strong>{printed(after)}</strong>{" "}
              <small>{q.toFixed(2)}</small>
            </li>
          ))}
          {effect.changed > effect.tops.length && <li>and {effect.changed - effect.tops.length} more</li>}
        </ul>
      ) : (
        effect.kl && <div>the likeliest answer stays the same everywhere</div>
      )}
    </div>
  );
}

export function Side(p: SideProps) {
  const { meta } = p.matrix;
  return (
    <div class="nbviz-attention-side">
      {meta.written && (
        <div class="nbviz-attention-written">
          <span class="nbviz-side-title">written</span> <strong>{meta.written}</strong>
          {meta.unchanged !== meta.written && (
            <div>
              <span class="nbviz-side-title">without the change</span> {meta.unchanged}
            </div>
          )}
        </div>
      )}
      <ColourBar label="attention weight" domain={[0, p.top]} ramp={p.ramp} />
      {p.row >= 0 && p.row < p.matrix.rows && <Row {...p} />}
      {p.column >= 0 && p.column < p.matrix.columns && <Column {...p} />}
      {p.row < 0 && p.column < 0 && (
        <p class="nbviz-attention-hint">
          Point at a cell for its weight. Click a token to see its attention in and out.
        </p>
      )}
      <Effect meta={meta} />
      {p.heads && p.heads.overview.layers * p.heads.overview.heads > 1 && <Heads {...p.heads} />}
    </div>
  );
}
