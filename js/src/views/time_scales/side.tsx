// Beside the text: what is replaced by what, the time constants, the colours of the strips.
import { toCss, VIRIDIS } from "../../parts/colours";
import { named } from "../../parts/tokens";
import { LOWEST, shareOf } from "./heat";
import { type TimesMeta, tauText } from "./meta";

export const TAU =
  "Time constant τ: how many tokens after the replaced one the distance of the states has fallen to 1/e ≈ 0.37 " +
  "of what it is relative to. A layer with a larger τ remembers longer.";

export interface SideProps {
  meta: TimesMeta;
  distance: Float32Array;
  colours: string[];
  hovered: number | null;
  onReplace: (token: string) => void;
}

export function Side({ meta, distance, colours, hovered, onReplace }: SideProps) {
  const { mean } = meta;
  const time = hovered === null ? -1 : hovered - meta.position;
  const shown = time >= 0 && time < meta.steps;
  return (
    <div class="nbviz-times-side">
      <div class="nbviz-times-swap">
        <span title="The token as it was, and the one that the network reads in its place">
          Token {meta.position}
        </span>
        <code>{named(meta.original)}</code>
        <span aria-hidden="true">→</span>
        <input
          type="text"
          aria-label="Replacement"
          title="Click a token in the text and type, or type here"
          value={meta.replacement === "\n" ? "↵" : meta.replacement}
          onInput={(event) => event.currentTarget.value && onReplace(event.currentTarget.value)}
          onFocus={(event) => event.currentTarget.select()}
          onKeyDown={(event) => event.stopPropagation()}
        />
      </div>
      <table class="nbviz-table nbviz-times-taus">
        <thead>
          <tr>
            <th>layer</th>
            <th title={TAU}>
              <abbr>τ</abbr>, this typo
            </th>
            {mean && <th title={`${TAU} Below it its 95% bootstrap interval.`}>τ, mean of {mean.trials}</th>}
            {shown && <th title="Relative distance at the token under the pointer">at +{time}</th>}
          </tr>
        </thead>
        <tbody>
          {meta.layers.map((layer, i) => (
            <tr key={layer}>
              <th>
                <i style={{ background: colours[i] }} />
                {i + 1} <span class="nbviz-times-muted">{layer}</span>
              </th>
              <td>{tauText(meta.tau[i], meta.steps)}</td>
              {mean && (
                <td>
                  {tauText(mean.tau[i], mean.steps)}
                  <small>{mean.interval[i].map((edge) => tauText(edge, mean.steps)).join(" – ")}</small>
                </td>
              )}
              {shown && <td>{distance[i * meta.steps + time].toPrecision(2)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      <LogBar normalise={meta.normalise} />
    </div>
  );
}

const TICKS = [0.001, 0.01, 0.1, 1];

/** The colours of the strips, with powers of ten. */
function LogBar({ normalise }: { normalise: string }) {
  const stops = Array.from({ length: 17 }, (_, i) => toCss(VIRIDIS[Math.round((i * 255) / 16)]));
  const relative = normalise === "start" ? "at the replaced token" : "where it is largest";
  return (
    <div
      class="nbviz-colourbar"
      role="img"
      aria-label="Colours of the strips: relative distance, 0.001 to 1, logarithmic"
      title={`‖h − h̃‖ / its value ${relative}. Empty: less than ${LOWEST}, or before the typo`}
    >
      <span>distance of the states (relative)</span>
      <div
        class="nbviz-colourbar-ramp"
        style={{ background: `linear-gradient(to right, ${stops.join(", ")})` }}
      />
      <div class="nbviz-colourbar-ticks">
        {TICKS.map((tick, i) => (
          <span
            key={tick}
            data-edge={i === 0 ? "low" : i === TICKS.length - 1 ? "high" : undefined}
            style={{ left: `${100 * (shareOf(tick) ?? 0)}%` }}
          >
            {i === TICKS.length - 1 ? "≥ 1" : tick}
          </span>
        ))}
      </div>
    </div>
  );
}
