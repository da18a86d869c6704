// Beside the text: the colours, what this cell follows, and the cells in their order.
import type { Ramp } from "../../parts/colours";
import { ColourBar } from "../../parts/legend";
import { cellName, type Track } from "../../parts/track";
import { type CellScore, type Scores, scoreOf, short } from "./meta";

export interface SideProps {
  shown: Track;
  scores: Scores | null;
  cell: number;
  ramp: Ramp;
  onCell: (cell: number) => void;
  onStep: (by: number) => void;
}

const LISTED = 100;
const FOLLOWED = 6;
const WIDTH = 292;

/** By how much a cell follows, whatever its sign: 0.5 to 1 for AUC, 0 to 1 for r. */
function strength(s: CellScore, isAuc: boolean, isHeldOut: boolean): number {
  if (isAuc) return isHeldOut ? s.heldOutAuc : s.auc;
  return s.sign * (isHeldOut ? s.heldOutR : s.r);
}

/** What this cell follows, the strongest first. */
function Followed(p: SideProps & { scores: Scores }) {
  const isHeldOut = p.scores.meta.heldOutSteps > 0;
  const rows = p.scores.meta.names
    .map((name) => ({ name, ...scoreOf(p.scores, name, p.cell) }))
    .sort((a, b) => Math.abs(b.r) - Math.abs(a.r))
    .slice(0, FOLLOWED);
  if (!rows.length) return null;
  return (
    <table class="nbviz-table nbviz-celltext-table">
      <caption class="nbviz-side-title" title="The annotations that this cell follows best">
        follows{isHeldOut ? ", on held-out text" : ""}
      </caption>
      <thead>
        <tr>
          <th />
          <th title="How often the cell is higher where the annotation is true than where it is false; below .5 it is lower there">
            AUC
          </th>
          <th title="Pearson's correlation of the cell with the annotation">r</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const auc = isHeldOut ? row.heldOutAuc : row.auc;
          return (
            <tr key={row.name} data-chosen={row.name === p.scores.meta.sortBy ? "" : undefined}>
              <th scope="row">{row.name}</th>
              <td>{short(row.sign < 0 ? 1 - auc : auc)}</td>
              <td>{short(isHeldOut ? row.heldOutR : row.r)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** All cells on one axis, and what an untrained network and shuffled labels reach. */
function Strip(p: SideProps & { scores: Scores }) {
  const { measure, best, sortBy } = p.scores.meta;
  if (!sortBy) return null;
  const isAuc = measure === "AUC";
  const isHeldOut = best ? best.heldOut : !Number.isNaN(scoreOf(p.scores, sortBy, 0).heldOutR);
  const low = isAuc ? 0.3 : -0.4;
  const x = (v: number) => 4 + ((WIDTH - 8) * (Math.max(low, Math.min(1, v)) - low)) / (1 - low);
  const value = (cell: number) => strength(scoreOf(p.scores, sortBy, cell), isAuc, isHeldOut);
  const zero = isAuc ? 0.5 : 0;
  const line = (at: number, colour: string, width: number, key: number | string) => (
    <line key={key} x1={x(at)} x2={x(at)} y1={16} y2={36} stroke={colour} stroke-width={width} />
  );
  const ticks = isAuc ? [0.5, 0.75, 1] : [0, 0.5, 1];
  const own = value(p.cell);
  return (
    <svg
      class="nbviz-celltext-strip"
      viewBox={`0 0 ${WIDTH} 54`}
      role="img"
      aria-label={
        `${measure} of all cells. This cell: ${short(own)}.` +
        (best?.baseline != null ? ` Best cell of the untrained network: ${short(best.baseline)}.` : "") +
        (best ? ` Shuffled labels, 95 % below ${short(best.shuffled[1])}.` : "")
      }
    >
      {best && (
        <rect
          class="nbviz-celltext-chance"
          x={x(zero)}
          width={Math.max(0, x(best.shuffled[1]) - x(zero))}
          y={16}
          height={20}
        >
          <title>The best cell for labels moved along the text: 95 % of draws reach less than this</title>
        </rect>
      )}
      <g class="nbviz-celltext-cells">
        {Array.from(p.scores.order, (cell) => line(value(cell), "currentColor", 1, cell))}
      </g>
      {best?.baseline != null && (
        <g class="nbviz-celltext-untrained">
          <line x1={x(best.baseline)} x2={x(best.baseline)} y1={12} y2={40} />
          <text x={x(best.baseline)} y={9} text-anchor="middle">
            untrained {short(best.baseline)}
          </text>
        </g>
      )}
      <line class="nbviz-celltext-own" x1={x(own)} x2={x(own)} y1={13} y2={39} />
      {ticks.map((tick) => (
        <text key={tick} x={x(tick)} y={51} text-anchor={tick === 1 ? "end" : "middle"}>
          {short(tick)}
        </text>
      ))}
      <text x={4} y={51}>
        {isAuc ? "AUC" : "± r"}
      </text>
    </svg>
  );
}

/** What the score of the best cell is to be held against. */
function Baselines({ scores }: { scores: Scores }) {
  const { best, measure, heldOutSteps } = scores.meta;
  if (!best) return null;
  return (
    <p class="nbviz-celltext-baselines">
      <span
        title={`Chosen on the text, scored on ${best.heldOut ? "the held-out text" : "the same text: too good"}`}
      >
        best cell <strong>{short(best.score)}</strong>
        {best.heldOut || !heldOutSteps ? "" : " on this text"}
      </span>
      {best.baseline !== null && (
        <span title="The best cell of the network with the weights it had before training, chosen and scored in the same way">
          untrained <strong>{short(best.baseline)}</strong>
        </span>
      )}
      <span
        title={`The best cell for labels that were moved along the text, chosen and scored in the same way: mean of 20 draws; 95 % are below ${short(best.shuffled[1])}`}
      >
        shuffled <strong>{short(best.shuffled[0])}</strong>
      </span>
      <span class="nbviz-hidden">{measure}</span>
    </p>
  );
}

function List(p: SideProps) {
  const { scores } = p;
  const order = scores ? Array.from(scores.order) : Array.from({ length: p.shown.cells }, (_, i) => i);
  const sortBy = scores?.meta.sortBy ?? "";
  const isAuc = scores?.meta.measure === "AUC";
  const listed = order.slice(0, LISTED);
  if (!listed.includes(p.cell) && p.cell >= 0) listed.push(p.cell);
  const isHeldOut = Boolean(scores && sortBy && !Number.isNaN(scoreOf(scores, sortBy, 0).heldOutR));
  const keys = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    p.onStep(by);
  };
  return (
    <div class="nbviz-celltext-list">
      <table class="nbviz-table nbviz-celltext-table">
        {sortBy && (
          <thead>
            <tr>
              <th title="− marks cells that are low where the annotation is high">cell</th>
              <th title="On the text, on which cells are chosen">
                {isAuc ? "AUC" : "r"}
                {isHeldOut ? ", text" : ""}
              </th>
              {isHeldOut && <th title="On a text that did not choose: the score to believe">held out</th>}
              {isAuc && <th title={isHeldOut ? "Correlation on the held-out text" : "Correlation"}>r</th>}
            </tr>
          </thead>
        )}
        <tbody>
          {listed.map((cell) => {
            const s = scores && sortBy ? scoreOf(scores, sortBy, cell) : null;
            return (
              <tr key={cell} data-chosen={cell === p.cell ? "" : undefined} onClick={() => p.onCell(cell)}>
                <th scope="row">
                  <button type="button" aria-current={cell === p.cell ? "true" : undefined} onKeyDown={keys}>
                    {s && s.sign < 0 ? "−" : ""}
                    {cellName(p.shown.meta, cell)}
                  </button>
                </th>
                {s && <td>{short(isAuc ? s.auc : s.r)}</td>}
                {s && isHeldOut && (
                  <td>
                    <strong>{short(isAuc ? s.heldOutAuc : s.heldOutR)}</strong>
                  </td>
                )}
                {s && isAuc && <td>{short(isHeldOut ? s.heldOutR : s.r)}</td>}
              </tr>
            );
          })}
        </tbody>
      </table>
      {order.length > LISTED && (
        <p class="nbviz-celltext-more">and {order.length - LISTED} more: Next, or their number</p>
      )}
    </div>
  );
}

export function Side(p: SideProps) {
  const { meta } = p.shown;
  const order = p.scores?.order;
  const rank = order && p.scores?.meta.sortBy ? order.indexOf(p.cell) + 1 : 0;
  return (
    <div class="nbviz-celltext-side">
      <ColourBar label={meta.quantity} domain={[meta.signed ? -meta.scale : 0, meta.scale]} ramp={p.ramp} />
      {p.cell < 0 ? (
        <p class="nbviz-celltext-more">This cell's layer has no such state: choose another kind of state.</p>
      ) : (
        <div class="nbviz-celltext-name">
          <strong>{cellName(p.shown.meta, p.cell)}</strong>
          {rank > 0 && (
            <span>
              no. {rank} of {p.shown.cells} for {p.scores?.meta.sortBy}
            </span>
          )}
        </div>
      )}
      {p.scores && p.cell >= 0 && <Strip {...p} scores={p.scores} />}
      {p.scores && <Baselines scores={p.scores} />}
      {p.scores && p.cell >= 0 && <Followed {...p} scores={p.scores} />}
      <List {...p} />
    </div>
  );
}
