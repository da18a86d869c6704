// Everything about the cell under the pointer, or the one that is chosen.
import type { Table } from "./meta";
import { linesOf } from "./words";

export function Details({ table, i, j }: { table: Table; i: number; j: number }) {
  return (
    <section class="nbviz-probe-details" aria-label="The cell in numbers">
      <strong>
        {table.layers[i]} · {table.columns[j].name}
      </strong>
      <dl>
        {linesOf(table, i, j).map(({ name, tip, value, more }) => (
          <div key={name}>
            <dt title={tip}>{name}</dt>
            <dd>
              <b>{value}</b>
              {more && <span class="nbviz-probe-more"> {more}</span>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function Notes({ notes }: { notes: string[] }) {
  return notes.length ? (
    <details class="nbviz-probe-notes">
      <summary>{notes.length === 1 ? "1 note" : `${notes.length} notes`}</summary>
      <ul>
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </details>
  ) : null;
}
