// Beside the lines: the selected cells, what they share, and what happens without them.
import { VIRIDIS } from "../../parts/colours";
import { ColourBar, Legend } from "../../parts/legend";
import { cellName, type Track } from "../../parts/track";
import type { Enriched, HiddenMeta, Intervention } from "./meta";
import type { Selection } from "./select";

export interface SideProps {
  track: Track;
  selection: Selection;
  hovered: number | null;
  pinned: boolean;
  hasSpan: boolean;
  enriched: Enriched[];
  intervention: Intervention | null;
  annotation: HiddenMeta["annotation"];
  palette: string[] | null;
  onHover: (cell: number | null) => void;
  onPick: (cell: number) => void;
  onOnly: (cell: number) => void;
}

const SHOWN = 60;

function Cells(p: SideProps) {
  const { cells, signs } = p.selection;
  if (!cells.length)
    return (
      <p class="nbviz-states-hint">
        {p.hasSpan
          ? "No cell is on at all these steps and off around them. Lower the threshold, take a shorter stretch, or push the two handles inwards."
          : "Drag over the tokens, or click one: cells that are on there, and only there, are selected."}
      </p>
    );
  return (
    <>
      <div
        class="nbviz-side-title"
        title="A cell is selected if it is beyond the threshold at every brushed step and not beyond it at the steps up to the two handles"
      >
        {cells.length} {cells.length === 1 ? "cell" : "cells"} selected{p.pinned ? " by hand" : ""}
      </div>
      <ul class="nbviz-states-cells" aria-label="Selected cells">
        {cells.slice(0, SHOWN).map((cell, i) => (
          <li key={cell}>
            <button
              type="button"
              data-sign={signs[i]}
              data-hovered={cell === p.hovered ? "" : undefined}
              title="Click: take this cell alone. With Shift: leave it out."
              onPointerEnter={() => p.onHover(cell)}
              onPointerLeave={() => p.onHover(null)}
              onFocus={() => p.onHover(cell)}
              onBlur={() => p.onHover(null)}
              onClick={(e) => (e.shiftKey ? p.onPick(cell) : p.onOnly(cell))}
            >
              {signs[i] < 0 ? "−" : ""}
              {cellName(p.track.meta, cell)}
            </button>
          </li>
        ))}
        {cells.length > SHOWN && <li class="nbviz-states-hint">and {cells.length - SHOWN} more</li>}
      </ul>
    </>
  );
}

const number = (e: Enriched, x: number) =>
  e.kind === "share" ? `${(100 * x).toFixed(0)} %` : Math.abs(x) < 10 ? x.toFixed(2) : x.toFixed(1);

function EnrichedTable({ enriched }: { enriched: Enriched[] }) {
  return (
    <table class="nbviz-table nbviz-states-enriched">
      <caption
        class="nbviz-side-title"
        title="Each annotation at the steps of the matches, in the whole text, and at the matches of as many cells drawn at random. p: share of random draws that come as far from the whole text."
      >
        In the matches
      </caption>
      <thead>
        <tr>
          <th>annotation</th>
          <th>here</th>
          <th>all</th>
          <th title="Mean over the matches of randomly chosen cells">random</th>
          <th>p</th>
        </tr>
      </thead>
      <tbody>
        {enriched.map((e) => (
          <tr
            key={e.name + e.category}
            class={e.p !== null && e.p < 0.015 ? "nbviz-states-strong" : undefined}
          >
            <th scope="row">{e.category ? `${e.name}: ${e.category}` : e.name}</th>
            <td>{number(e, e.inside)}</td>
            <td>{number(e, e.base)}</td>
            <td
              title={
                e.random ? `${number(e, e.random[0])} to ${number(e, e.random[2])} in 95 % of the draws` : ""
              }
            >
              {e.random ? number(e, e.random[1]) : "–"}
            </td>
            <td>{e.p === null ? "–" : e.p < 0.01 ? "< .01" : e.p.toFixed(2).replace("0.", ".")}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Changed({ intervention: i }: { intervention: Intervention }) {
  return (
    <div class="nbviz-states-changed">
      <div
        class="nbviz-side-title"
        title="The model runs again with these cells held at this value at every step. Loss: mean of −log2 of the probability of each token."
      >
        {i.cells.length} {i.cells.length === 1 ? "cell" : "cells"}{" "}
        {i.value === 0 ? "switched off" : `held at ${i.value}`}
      </div>
      <div>
        loss {i.before.toFixed(3)} → <strong>{i.after.toFixed(3)}</strong> bits per token (
        {i.after >= i.before ? "+" : "−"}
        {Math.abs(i.after - i.before).toFixed(3)})
      </div>
      <div
        class="nbviz-states-hint"
        title="Up to 8 bits. Grey: as it was; orange: more with the change; blue: less."
      >
        Bars under the tokens, in bits: grey as it was, orange what a token costs more now, blue what it costs
        less.
      </div>
      {(i.plain || i.changed) && (
        <dl>
          <dt title="Drawn from the model, token by token, with the same random numbers">goes on to write</dt>
          <dd>
            <code>
              <span class="nbviz-states-prompt">{i.prompt}</span>
              {i.plain}
            </code>
          </dd>
          <dt>without these cells</dt>
          <dd>
            <code>
              <span class="nbviz-states-prompt">{i.prompt}</span>
              {i.changed}
            </code>
          </dd>
        </dl>
      )}
    </div>
  );
}

function Key({ annotation, palette }: Pick<SideProps, "annotation" | "palette">) {
  if (!annotation) return null;
  if (!palette) return <ColourBar label={annotation.name} domain={annotation.domain} ramp={VIRIDIS} />;
  const entries = annotation.categories.map((name, i) => ({ name, colour: palette[i] }));
  return (
    <div>
      <div class="nbviz-side-title">{annotation.name}</div>
      <Legend label={annotation.name} entries={entries} />
    </div>
  );
}

export function Side(p: SideProps) {
  return (
    <div class="nbviz-states-side">
      <Key annotation={p.annotation} palette={p.palette} />
      <Cells {...p} />
      {p.intervention && <Changed intervention={p.intervention} />}
      {p.enriched.length > 0 && <EnrichedTable enriched={p.enriched} />}
    </div>
  );
}
