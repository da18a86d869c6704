// What the network says of the drawing: whether its place can be trusted, its neighbours, its classes, what was
// kept.
import { useLayoutEffect, useRef } from "preact/hooks";
import { ShareBars } from "../../parts/bars";
import { type Pictures, SamplePicture } from "../../parts/pictures";
import { paintPixels, type Shape } from "../../parts/pixels";
import { type PlacementMeta, shiftWords } from "./meta";

export interface Neighbour {
  row: number;
  name: string;
  label: string;
  colour: string;
  distance: number;
}

export interface Kept {
  /** A text, or empty for a picture. */
  text: string;
  pixels: Uint8Array | null;
  meta: PlacementMeta["kept"][number] | undefined;
}

export interface SideProps {
  meta: PlacementMeta | null;
  text: boolean;
  classifies: boolean;
  neighbours: Neighbour[];
  kept: Kept[];
  shape: Shape;
  pictures: Pictures;
  onPick(row: number): void;
  onHover(row: number | null): void;
  onForget(index: number): void;
}

/** Pixels at their own size, enlarged by the style sheet. */
export function Pixels({ shape, pixels, label }: { shape: Shape; pixels: Uint8Array; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    if (canvas.current) paintPixels(canvas.current, shape, pixels);
  }, [shape, pixels]);
  return <canvas ref={canvas} role="img" aria-label={label} class="nbviz-placement-pixels" />;
}

const share = (value: number | null) => (value === null ? "" : ` ${(100 * value).toFixed(0)} %`);

export function Side(props: SideProps) {
  const { meta, text, neighbours, pictures } = props;
  return (
    <div class="nbviz-placement-side">
      {!meta?.drawn && (
        <p class="nbviz-side-title">
          {text
            ? "Type a text, or click a point of the map to begin with its text."
            : "Draw on the sheet, drop a picture on it, or click a point of the map to begin with its picture."}
        </p>
      )}
      {meta?.drawn && !meta.landed && (
        <p class="nbviz-side-title">It lands when the map has come to rest. Stop leaves the map as it is.</p>
      )}
      {meta?.landed && (
        <p class="nbviz-placement-distance" data-far={meta.far ? "" : undefined} role="status">
          {meta.far && <strong>Do not trust its place. </strong>}
          <span title="Distance of its activations to those of the nearest sample, compared with the same distance of the samples among themselves">
            {`It is ${meta.distanceWords}.`}
          </span>
        </p>
      )}
      {neighbours.length > 0 && (
        <section aria-label="Nearest samples">
          <div class="nbviz-side-title" title="In all dimensions of the layer, not in the map">
            nearest by activations
          </div>
          <ul class="nbviz-placement-near" data-pictures={pictures.exist() ? "" : undefined}>
            {neighbours.map(({ row, name, label, colour, distance }) => (
              <li key={row}>
                <button
                  type="button"
                  title={`${name}${label ? `, ${label}` : ""}, distance ${distance.toPrecision(3)}`}
                  onClick={() => props.onPick(row)}
                  onMouseEnter={() => props.onHover(row)}
                  onMouseLeave={() => props.onHover(null)}
                  onFocus={() => props.onHover(row)}
                  onBlur={() => props.onHover(null)}
                >
                  <SamplePicture pictures={pictures} row={row} size={32}>
                    <span class="nbviz-placement-name">{name}</span>
                  </SamplePicture>
                  <span class="nbviz-placement-label" style={{ borderColor: colour }}>
                    {label || "\u00a0"}
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      {meta && meta.classes.length > 0 && (
        <section>
          <div class="nbviz-side-title">class probability</div>
          <ShareBars
            label="Class probabilities"
            bars={meta.classes.map((one) => ({ name: one.name, after: one.share, emphasised: one.best }))}
          />
        </section>
      )}
      {!props.classifies && (
        <p class="nbviz-side-title">
          The network's output is no score per class: there are no probabilities.
        </p>
      )}
      <KeptList {...props} />
    </div>
  );
}

function KeptList({ kept, shape, text, onForget }: SideProps) {
  if (kept.length === 0) return null;
  return (
    <section aria-label="Kept">
      <div class="nbviz-side-title">kept in the map</div>
      <ul
        class={text ? "nbviz-placement-kept-texts" : "nbviz-placement-near"}
        data-pictures={text ? undefined : ""}
      >
        {kept.map((one, i) => (
          <li key={i}>
            <button
              type="button"
              title={`${one.text || one.meta?.name || "drawing"}${share(one.meta?.share ?? null)}: click to remove`}
              aria-label={`Remove kept ${one.text || `drawing ${i + 1}`}`}
              onClick={() => onForget(i)}
            >
              {one.pixels ? (
                <Pixels shape={shape} pixels={one.pixels} label={`kept drawing ${i + 1}`} />
              ) : (
                <span class="nbviz-placement-name">{one.text}</span>
              )}
              {one.meta?.name && <span class="nbviz-placement-label">{one.meta.name}</span>}
              <span class="nbviz-placement-remove" aria-hidden="true">
                ×
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Under the sheet: the picture that the network gets. */
export function Seen({
  seen,
  meta,
}: {
  seen: { shape: Shape; pixels: Uint8Array } | null;
  meta: PlacementMeta | null;
}) {
  if (!seen || !meta) return <p class="nbviz-side-title">nothing is drawn</p>;
  return (
    <figure class="nbviz-placement-seen">
      <Pixels shape={seen.shape} pixels={seen.pixels} label="The drawing as the network sees it" />
      <figcaption>as the network sees it: {shiftWords(meta.shift)}</figcaption>
    </figure>
  );
}
