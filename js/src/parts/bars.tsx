// Shares as bars: what is now (filled) and, where there is one, what was (outline), in an order that does not
// jump about.
import css from "./bars.css";

export { css as barsCss };

export interface Bar {
  name: string;
  /** Without it there is nothing to compare with. */
  before?: number;
  after: number;
  /** Drawn in bold: the class that is mapped, say. */
  emphasised?: boolean;
}

const percent = (share: number) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

/** One row per class, sorted by what was: rows stay where they are while the values move. */
export function ShareBars({
  label,
  bars,
  onPick,
}: {
  label: string;
  bars: Bar[];
  onPick?: (row: number) => void;
}) {
  return (
    <table class="nbviz-bars" aria-label={label}>
      <thead class="nbviz-hidden">
        <tr>
          <th>class</th>
          <th>{bars[0]?.before === undefined ? "bar" : "before and after"}</th>
          <th>{bars[0]?.before === undefined ? "share" : "after"}</th>
        </tr>
      </thead>
      <tbody>
        {bars.map(({ name, before, after, emphasised }, i) => (
          <tr
            key={name}
            data-emphasised={emphasised ? "" : undefined}
            title={`${name}: ${before === undefined ? "" : `${percent(before)} → `}${percent(after)}`}
          >
            <th scope="row">
              {onPick ? (
                <button type="button" onClick={() => onPick(i)}>
                  {name}
                </button>
              ) : (
                name
              )}
            </th>
            <td class="nbviz-bars-track">
              {before !== undefined && (
                <span class="nbviz-bars-before" style={{ width: `${100 * before}%` }} />
              )}
              <span class="nbviz-bars-after" style={{ width: `${100 * after}%` }} />
            </td>
            <td class="nbviz-bars-value">{percent(after)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A column per layer: how far its activations moved. */
export function ChangeStrip({
  layers,
  title,
}: {
  layers: { name: string; change: number }[];
  title: string;
}) {
  const most = Math.max(1e-9, ...layers.map(({ change }) => change));
  const top = Math.max(most, 1);
  return (
    <figure class="nbviz-change" aria-label={title}>
      <figcaption title="Euclidean length of the difference of the activations, divided by that of the clean ones">
        {title} (0 to {top.toFixed(top > 1 ? 2 : 0)})
      </figcaption>
      <div class="nbviz-change-bars">
        {layers.map(({ name, change }) => (
          <div key={name} class="nbviz-change-layer" title={`${name}: ${change.toFixed(3)}`}>
            <span class="nbviz-change-column">
              <span style={{ height: `${(100 * change) / top}%` }} />
            </span>
            <span class="nbviz-change-name">{name}</span>
          </div>
        ))}
      </div>
    </figure>
  );
}
