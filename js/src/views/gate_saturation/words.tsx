// Beside and below the plots: the layers, the chosen cells, and the counts in plain words.
import { Legend, Swatch } from "../../parts/legend";
import { type GateMeta, nameOf, type Panel, percent, type Row } from "./meta";

export interface WordsProps {
  meta: GateMeta;
  panels: Panel[];
  colours: string[];
  pinned: number[];
  onPick: (cells: number[]) => void;
}

const LISTED = 12;

export function Side({ meta, panels, colours, pinned, onPick }: WordsProps) {
  const entries = meta.layers.map(({ name, cells }, i) => ({ name, colour: colours[i], count: cells }));
  return (
    <div class="nbviz-gates-side">
      <Legend label="Layers, and how many cells each has" entries={entries} />
      {pinned.length === 0 ? (
        <p>Click a point, or draw around several: the cells are marked in all plots.</p>
      ) : (
        <table class="nbviz-table nbviz-gates-table">
          <caption class="nbviz-side-title">
            {pinned.length} {pinned.length === 1 ? "cell" : "cells"}: open / closed, % of the time
          </caption>
          <thead>
            <tr>
              <th>cell</th>
              {panels.map(({ meta: panel }) => (
                <th key={panel.gate} title={panel.label}>
                  {panel.gate}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {pinned.slice(0, LISTED).map((cell) => (
              <tr key={cell}>
                <th scope="row">
                  <button type="button" title="Take this cell alone" onClick={() => onPick([cell])}>
                    {nameOf(meta, cell)}
                  </button>
                </th>
                {panels.map((panel) => {
                  const at = panel.cells.indexOf(cell);
                  const share = (i: number) => (100 * panel.xy[2 * at + i]).toFixed(0);
                  return <td key={panel.meta.gate}>{at < 0 ? "–" : `${share(0)} / ${share(1)}`}</td>;
                })}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {pinned.length > LISTED && <p>and {pinned.length - LISTED} more</p>}
    </div>
  );
}

const count = (n: number) => (n === 0 ? "none" : String(n));

/** What the counts of a layer say. */
function Sentence({ row, open, closed }: { row: Row; open: string; closed: string }) {
  return (
    <>
      Of {row.cells} cells, <strong>{count(row.open)}</strong> nearly always {open},{" "}
      <strong>{count(row.closed)}</strong> nearly always {closed}
      {row.neither > 0 && (
        <>
          ; <strong>{row.neither}</strong> rarely saturated
        </>
      )}
    </>
  );
}

export function Words({ meta, panels, colours }: WordsProps) {
  return (
    <table class="nbviz-table nbviz-gates-table nbviz-gates-words">
      <caption class="nbviz-side-title">
        In words. Nearly always: at 90 % of the steps or more; rarely: at 10 % or fewer
      </caption>
      <thead>
        <tr>
          <th>gate</th>
          <th>layer</th>
          <th>cells</th>
          <th title="Mean share of the time, over the cells of the layer">open</th>
          <th title="Mean share of the time, over the cells of the layer">closed</th>
        </tr>
      </thead>
      <tbody>
        {panels.flatMap(({ meta: panel }) =>
          panel.rows.map((row, i) => (
            <tr key={panel.gate + row.layer}>
              {i === 0 && (
                <th scope="rowgroup" rowSpan={panel.rows.length} title={panel.tip}>
                  {panel.label}
                </th>
              )}
              <td>
                <Swatch colour={colours[meta.layers.findIndex(({ name }) => name === row.layer)]} />{" "}
                {row.layer}
              </td>
              <td>
                <Sentence row={row} open={panel.open} closed={panel.closed} />
              </td>
              <td>{percent(row.meanOpen)}</td>
              <td>{percent(row.meanClosed)}</td>
            </tr>
          )),
        )}
      </tbody>
    </table>
  );
}
