// A strip of samples with their classes.
import { Swatch } from "./legend";
import { type Pictures, SamplePicture } from "./pictures";

export interface StripItem {
  /** Row number of the sample. */
  index: number;
  /** What is to be said of the sample. */
  name: string;
  /** Shown where there is no picture; by default that. */
  text?: string;
  className: string;
  /** CSS colour of the class. */
  colour: string;
  /** What the network takes it for. */
  prediction?: string;
  /** Whether that is not its label. */
  wrong?: boolean;
  /** One more short line under the picture. */
  note?: string;
  /** Whether this one stands out among them. */
  current?: boolean;
}

export interface StripProps {
  /** The selected samples; only the first `cap` are shown. */
  items: StripItem[];
  /** Null for samples that have none. */
  pictures: Pictures | null;
  /** What these samples are. Default: how many are selected. */
  title?: string;
  /** Accessible name of the strip. */
  label?: string;
  /** Selected samples in all, when `items` holds only some of them. */
  total?: number;
  /** Selected samples per class. */
  counts: { name: string; colour: string; shape?: number; count: number }[];
  /** What stands under the pictures. */
  caption?: string;
  cap?: number;
  /** A sample of the strip was clicked. */
  onPick?(index: number): void;
  /** The mouse or the focus is on a sample of the strip (null: on none). */
  onHover?(index: number | null): void;
}

/** The selected samples as pictures (or names), with how many there are of each class. */
export function Strip({
  items,
  pictures,
  counts,
  caption,
  onPick,
  onHover,
  cap = 60,
  total = items.length,
  title = `${total.toLocaleString("en")} selected`,
  label = "Selected samples",
}: StripProps) {
  const more = total - Math.min(items.length, cap);
  return (
    <section aria-label={label}>
      <div class="nbviz-strip-counts">
        <strong>{title}</strong>
        {counts.map(({ name, colour, shape, count }, i) => (
          <span key={i}>
            <Swatch colour={colour} shape={shape} />
            {`${name}: ${count.toLocaleString("en")}`}
          </span>
        ))}
        {caption && <span class="nbviz-strip-caption">{caption}</span>}
      </div>
      <ul class="nbviz-strip" data-pictures={pictures?.exist() ? "" : undefined}>
        {items
          .slice(0, cap)
          .map(({ index, name, className, colour, prediction, wrong, note, current, text = name }) => (
            <li key={index}>
              <button
                type="button"
                title={name}
                aria-label={`${name}, ${className}`}
                aria-current={current ? "true" : undefined}
                onClick={() => onPick?.(index)}
                onMouseEnter={() => onHover?.(index)}
                onMouseLeave={() => onHover?.(null)}
                onFocus={() => onHover?.(index)}
                onBlur={() => onHover?.(null)}
              >
                <SamplePicture pictures={pictures} row={index} size={44}>
                  <span class="nbviz-strip-text">{text}</span>
                </SamplePicture>
                <span class="nbviz-strip-class" style={{ borderColor: colour }}>
                  {className}
                </span>
                {prediction && (
                  <span class="nbviz-strip-prediction" data-wrong={wrong ? "" : undefined}>
                    → {prediction}
                  </span>
                )}
                {note && <span class="nbviz-strip-prediction">{note}</span>}
              </button>
            </li>
          ))}
        {more > 0 && <li class="nbviz-strip-more">{`+${more.toLocaleString("en")} more`}</li>}
      </ul>
    </section>
  );
}
