// All heads as small pictures, a row per layer; or sorted by a score.
import { useEffect, useRef } from "preact/hooks";
import type { Ramp } from "../../parts/colours";
import type { Overview } from "./meta";

export interface OverviewProps {
  overview: Overview;
  ramp: Ramp;
  layer: number;
  head: number;
  sort: string;
  uniform: (layer: number, head: number) => boolean;
  onChoose: (layer: number, head: number) => void;
}

export const SCORES: Record<string, { label: string; tip: string; unit: string }> = {
  entropy: {
    label: "entropy",
    tip: "Mean entropy of the rows in bits: 0 looks at one token, more spreads wider",
    unit: " bits",
  },
  distance: {
    label: "distance",
    tip: "Mean distance in tokens between who looks and what is looked at (Vig and Belinkov 2019)",
    unit: " tokens",
  },
  "first token": {
    label: "first token",
    tip: "Mean weight on the first token: near 1 the head rests there, an attention sink",
    unit: "",
  },
  "previous token": { label: "previous token", tip: "Mean weight on the token just before", unit: "" },
  induction: {
    label: "induction",
    tip: "Mean weight on what followed the same token earlier (Olsson et al. 2022)",
    unit: "",
  },
};

/** Heads in the order they are shown: by layer, or by a score, largest first (entropy: smallest first). */
export function orderOf(overview: Overview, sort: string): number[] {
  const order = Array.from({ length: overview.layers * overview.heads }, (_, i) => i);
  const scores = overview.scores[sort];
  if (!scores) return order;
  const sign = sort === "entropy" ? 1 : -1;
  const key = (i: number) => (scores[i] === null ? Number.POSITIVE_INFINITY : sign * (scores[i] as number));
  return order.sort((a, b) => key(a) - key(b) || a - b);
}

function Thumb({ overview, ramp, at }: { overview: Overview; ramp: Ramp; at: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!canvas.current || !context) return;
    const { width, height, pictures } = overview;
    canvas.current.width = width;
    canvas.current.height = height;
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < width * height; i++) {
      const byte = pictures.getUint8(at * width * height + i);
      pixels[i] = ramp[Math.round((byte / 255) * (ramp.length - 1))];
    }
    context.putImageData(image, 0, 0);
  }, [overview.key, ramp, at]);
  return <canvas ref={canvas} />;
}

export function Heads(p: OverviewProps) {
  const { overview } = p;
  const order = orderOf(overview, p.sort);
  const scores = overview.scores[p.sort];
  const columns = p.sort && overview.layers > 1 ? Math.min(overview.heads, 12) : overview.heads;
  return (
    <figure class="nbviz-heads" aria-label="All heads">
      <figcaption
        class="nbviz-side-title"
        title="Each small picture has its own scale; click one to see it large"
      >
        {overview.layers} {overview.layers === 1 ? "layer" : "layers"} × {overview.heads}{" "}
        {overview.heads === 1 ? "head" : "heads"}
        {scores ? `, by ${SCORES[p.sort]?.label ?? p.sort}` : ""}
      </figcaption>
      <div class="nbviz-heads-grid" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 44px))` }}>
        {order.map((at) => {
          const layer = Math.floor(at / overview.heads);
          const head = at % overview.heads;
          const score = scores?.[at];
          const name = `layer ${layer}, head ${head}`;
          const told =
            score === null || score === undefined ? "" : `: ${score.toFixed(2)}${SCORES[p.sort]?.unit}`;
          return (
            <button
              type="button"
              key={at}
              title={name + told + (p.uniform(layer, head) ? " (made uniform)" : "")}
              aria-label={name + told}
              aria-pressed={layer === p.layer && head === p.head}
              data-uniform={p.uniform(layer, head) ? "" : undefined}
              onClick={() => p.onChoose(layer, head)}
            >
              <Thumb overview={overview} ramp={p.ramp} at={at} />
            </button>
          );
        })}
      </div>
    </figure>
  );
}
