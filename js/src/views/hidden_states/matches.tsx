// The best matches: rows of tokens, aligned at the match, each with heat maps of the same columns.
import { useEffect, useRef } from "preact/hooks";
import { MONOSPACE, sized } from "../../parts/canvas";
import { toCss, VIRIDIS } from "../../parts/colours";
import { glyph } from "../../parts/tokens";
import type { MatchesMeta } from "./meta";

export interface MatchesProps {
  matches: MatchesMeta;
  /** Selected cells that are on, row by row; 255 outside the text. */
  counts: Uint8Array;
  /** Values of the chosen annotation in 0..1, row by row; NaN outside. */
  notes: Float32Array | null;
  noteName: string;
  notePalette: string[] | null;
  selected: number;
  chosen: number | null;
  onChoose: (row: number) => void;
  colours: { text: string; muted: string; accent: string; line: string; page: string };
  wide: boolean;
}

const ROW = 20;
const SQUARE = 5;
const LETTER = 9;
const WORD = 54;

function draw(canvas: HTMLCanvasElement, p: MatchesProps): void {
  const cell = p.wide ? WORD : LETTER;
  const { rows, width } = p.matches;
  const maps = p.notes ? 2 : 1;
  const size = [width * cell + maps * (width * SQUARE + 14), rows.length * ROW];
  const context = sized(canvas, size[0], size[1]);
  if (!context) return;
  context.textBaseline = "middle";
  context.textAlign = "center";
  context.font = `13px ${MONOSPACE}`;
  rows.forEach((row, r) => {
    const y = r * ROW;
    if (r === p.chosen) {
      context.fillStyle = p.colours.line;
      context.fillRect(0, y, size[0], ROW);
    }
    row.tokens.forEach((token, c) => {
      const count = p.counts[r * width + c];
      if (count === 255) return;
      const share = count / Math.max(1, p.selected);
      if (count) {
        context.globalAlpha = 0.85 * share;
        context.fillStyle = p.colours.accent;
        context.fillRect(c * cell, y + 1, cell, ROW - 2);
        context.fillRect(width * cell + 10 + c * SQUARE, y + 2, SQUARE - 0.5, ROW - 4);
        context.globalAlpha = 1;
      }
      context.fillStyle = share > 0.6 ? p.colours.page : p.colours.text;
      context.fillText(glyph(token), (c + 0.5) * cell, y + ROW / 2, cell);
      const note = p.notes?.[r * width + c];
      if (note !== undefined && !Number.isNaN(note)) {
        context.fillStyle = p.notePalette
          ? p.notePalette[Math.round(note * (p.notePalette.length - 1))]
          : toCss(VIRIDIS[Math.round(note * (VIRIDIS.length - 1))]);
        context.fillRect(width * (cell + SQUARE) + 20 + c * SQUARE, y + 2, SQUARE - 0.5, ROW - 4);
      }
    });
    // The match itself, between two lines.
    context.fillStyle = p.colours.text;
    context.fillRect(row.before * cell - 0.5, y + 2, 1, ROW - 4);
    context.fillRect((row.before + row.length) * cell - 0.5, y + 2, 1, ROW - 4);
  });
}

export function Matches(p: MatchesProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) draw(canvas.current, p);
  });
  const { rows, steps, cells, runs, seconds } = p.matches;
  const choose = (row: number) => p.onChoose(Math.max(0, Math.min(rows.length - 1, row)));
  if (!rows.length)
    return (
      <p class="nbviz-matches-none">
        No place in {steps.toLocaleString("en")} steps has these cells on together.
      </p>
    );
  return (
    <section class="nbviz-matches" aria-label="Best matches">
      <header>
        <strong>{rows.length} best matches</strong>{" "}
        <span
          title={
            "Runs are stretches where enough of the selected cells are on together. They are ranked by how many " +
            "selected cells fit (on throughout, off before and after where demanded), then by how few other cells " +
            "do the same, then by length (LSTMVis, Strobelt et al. 2018). All runs are compared, none is left out."
          }
          data-tip=""
        >
          of {runs.toLocaleString("en")} runs in {steps.toLocaleString("en")} steps × {cells} cells,{" "}
          {(1000 * seconds).toFixed(seconds < 0.01 ? 1 : 0)} ms
        </span>
      </header>
      <div class="nbviz-matches-table">
        <table class="nbviz-table" aria-label="Scores of the matches">
          <thead>
            <tr>
              <th title="Selected cells that fit, of those selected">fit</th>
              <th title="Other cells that are on just there: the fewer, the more specific">others</th>
              <th title="Steps of the match">length</th>
              <th title="What the model expects after the match, with its probability">next</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row, i) => (
              <tr key={row.start} data-chosen={i === p.chosen ? "" : undefined} onClick={() => choose(i)}>
                <td>
                  {row.fit}/{p.selected}
                </td>
                <td>{row.union - p.selected}</td>
                <td>{row.length}</td>
                <td class="nbviz-matches-next">
                  {row.next.map(([token, share]) => (
                    <span
                      key={token}
                      class="nbviz-matches-token"
                      style={{ opacity: 0.35 + 0.65 * share }}
                      title={`${share.toFixed(2)}`}
                    >
                      {glyph(token)} <small>{Math.round(100 * share)}</small>
                    </span>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        <div
          class="nbviz-matches-tokens"
          tabIndex={0}
          role="listbox"
          aria-label="Matches in their context. Up and down arrows choose one."
          aria-activedescendant={p.chosen === null ? undefined : `match-${p.chosen}`}
          onKeyDown={(e) => {
            const by = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0;
            if (!by) return;
            e.preventDefault();
            e.stopPropagation();
            choose((p.chosen ?? -1) + by);
          }}
        >
          <div class="nbviz-matches-heads">
            <span style={{ width: `${p.matches.width * (p.wide ? WORD : LETTER) + 10}px` }}>
              text around the match
            </span>
            <span
              style={{ width: `${p.matches.width * SQUARE + 10}px` }}
              title="Number of selected cells that are on"
            >
              cells on
            </span>
            {p.notes && <span title={`The annotation “${p.noteName}” at the same steps`}>{p.noteName}</span>}
          </div>
          <canvas
            ref={canvas}
            onClick={(e) => choose(Math.floor((e.offsetY ?? 0) / ROW))}
            aria-label="Tokens around each match, and heat maps of the same steps"
          />
          {rows.map((row, i) => (
            <span
              key={row.start}
              id={`match-${i}`}
              role="option"
              aria-selected={i === p.chosen}
              class="nbviz-hidden"
              tabIndex={-1}
            >
              {row.tokens.map(glyph).join("")}
            </span>
          ))}
        </div>
      </div>
    </section>
  );
}
