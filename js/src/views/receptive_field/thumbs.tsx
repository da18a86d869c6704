// The unit's top images as a row of small pictures to point at.
import { useLayoutEffect, useRef } from "preact/hooks";
import { drawImage } from "./draw";
import type { Field, FieldMeta } from "./read";

const SIDE = 80; // CSS pixels of the longer side

export interface ThumbsProps {
  field: Field;
  shown: number;
  onPick: (index: number) => void;
  /** The pointer is on an image (null: on none). */
  onHover: (index: number | null) => void;
}

/** An activation with three digits. */
export function short(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

function heading({ images, layer, unit }: FieldMeta): string {
  if (images.length === 1) return `The image, and the largest activation of unit ${unit} of ${layer} on it`;
  const labels = images.some(({ label }) => label) ? " and label" : "";
  return `The ${images.length} images on which unit ${unit} of ${layer} is strongest, with its activation${labels}`;
}

function Thumb({ field, index }: { field: Field; index: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [rows, columns] = field.meta.picture;
  const longest = Math.max(rows, columns);
  const width = Math.round((SIDE * columns) / longest);
  const height = Math.max(28, Math.round((SIDE * rows) / longest));
  useLayoutEffect(() => {
    const ratio = window.devicePixelRatio || 1;
    const element = canvas.current!;
    element.width = Math.round(width * ratio);
    element.height = Math.round(height * ratio);
    const g = element.getContext("2d")!;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawImage(g, [width, height], field, index, null, true);
  }, [field.strip, String(field.meta.images[index].box), String(field.meta.images[index].centre)]);
  return <canvas ref={canvas} style={{ width: `${width}px`, height: `${height}px` }} />;
}

export function Thumbs({ field, shown, onPick, onHover }: ThumbsProps) {
  const { images } = field.meta;
  const move = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const all = [...(event.currentTarget as HTMLElement).querySelectorAll("button")];
    const at = all.indexOf((event.target as HTMLElement).closest("button")!);
    all[Math.min(all.length - 1, Math.max(0, at + step))]?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <section class="nbviz-field-top" aria-label="Top images">
      <div class="nbviz-side-title">{heading(field.meta)}</div>
      <ul data-lm-suppress-shortcuts="true" onKeyDown={move}>
        {images.map(({ name, label, activation, place }, i) => (
          <li key={i}>
            <button
              type="button"
              aria-pressed={i === shown}
              aria-label={`${name}${label ? `, ${label}` : ""}, activation ${short(activation)}`}
              title={`${name}${label ? `, label ${label}` : ""}: activation ${short(activation)} at row ${place[0]}, column ${place[1]} of the feature map`}
              onClick={() => onPick(i)}
              onFocus={() => onPick(i)}
              onPointerEnter={() => onHover(i)}
              onPointerLeave={() => onHover(null)}
            >
              <Thumb field={field} index={i} />
              <span>
                <b>{short(activation)}</b> {label}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
