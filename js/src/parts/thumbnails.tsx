// Samples as small pictures: the card beside a hovered point and the strip of selected samples.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Swatch } from "./legend";
import css from "./thumbnails.css";

export { css as thumbnailsCss };

/** All thumbnails in one picture, row after row. */
export interface Sprite {
  url: string;
  columns: number;
  /** Number of tiles; samples beyond it have no picture. */
  count: number;
  /** Size of one tile in pixels of the sprite. */
  tileWidth: number;
  tileHeight: number;
}

/** Address of a PNG held in memory, until `signal` aborts. The bytes are copied: a DataView may be unaligned. */
export function spriteUrl(png: DataView | Uint8Array, signal: AbortSignal): string {
  const bytes = new Uint8Array(png.buffer as ArrayBuffer, png.byteOffset, png.byteLength);
  const url = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  signal.addEventListener("abort", () => URL.revokeObjectURL(url));
  return url;
}

/** The thumbnails as nbviz/views/parts/points.py packs them; null where there are none. */
// biome-ignore lint/suspicious/noExplicitAny: as it travels
export function readSprite(packed: any, count: number, signal: AbortSignal): Sprite | null {
  if (!packed?.png) return null;
  return {
    url: spriteUrl(packed.png, signal),
    columns: packed.columns,
    count,
    tileWidth: packed.width,
    tileHeight: packed.height,
  };
}

/** A single picture, as Python answers the message "picture". */
export function readPicture(
  message: Record<string, unknown>,
  buffers: DataView[],
  signal: AbortSignal,
): Sprite {
  const [tileWidth, tileHeight] = [Number(message.width), Number(message.height)];
  return { url: spriteUrl(buffers[0], signal), columns: 1, count: 1, tileWidth, tileHeight };
}

/** The CSS that shows tile `index` with its longer side `size` CSS pixels long. */
export function tileStyle(sprite: Sprite, index: number, size: number): Record<string, string> {
  const zoom = size / Math.max(sprite.tileWidth, sprite.tileHeight);
  const width = sprite.tileWidth * zoom;
  const height = sprite.tileHeight * zoom;
  const column = index % sprite.columns;
  const row = Math.floor(index / sprite.columns);
  const rows = Math.ceil(sprite.count / sprite.columns);
  return {
    width: `${width}px`,
    height: `${height}px`,
    backgroundImage: `url(${sprite.url})`,
    backgroundSize: `${sprite.columns * width}px ${rows * height}px`,
    backgroundPosition: `${-column * width}px ${-row * height}px`,
  };
}

export function Thumbnail({ sprite, index, size }: { sprite: Sprite; index: number; size: number }) {
  return <span class="nbviz-thumb" style={tileStyle(sprite, index, size)} />;
}

const GAP = 14; // between the pointer and the card

/** Top left corner of a card beside the pointer: to the right and below where there is room, always inside. */
export function placeCard(
  pointer: { x: number; y: number },
  card: { width: number; height: number },
  room: { width: number; height: number },
): { x: number; y: number } {
  const along = (at: number, size: number, all: number) => {
    const beside = at + GAP + size <= all ? at + GAP : at - GAP - size;
    return Math.max(0, Math.min(beside, all - size));
  };
  return {
    x: along(pointer.x, card.width, room.width),
    y: along(pointer.y, card.height, room.height),
  };
}

export interface HoverCardProps {
  /** Tile shown, or null for samples without pictures. */
  thumbnail: { sprite: Sprite; index: number } | null;
  /** The first line is the sample's name. */
  lines: string[];
  /** The pointer on the page; the card's offset parent (`.nbviz-root`) bounds it. */
  clientX: number;
  clientY: number;
  /** What stands after the lines. */
  children?: ComponentChildren;
}

export function HoverCard({ thumbnail, lines, clientX, clientY, children }: HoverCardProps) {
  const card = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = card.current!;
    const parent = element.offsetParent;
    if (!parent) return;
    const box = parent.getBoundingClientRect();
    const at = placeCard(
      { x: clientX - box.left, y: clientY - box.top },
      { width: element.offsetWidth, height: element.offsetHeight },
      { width: parent.clientWidth, height: parent.clientHeight },
    );
    element.style.transform = `translate(${at.x}px, ${at.y}px)`;
  });
  return (
    <div class="nbviz-card" ref={card} role="tooltip">
      {thumbnail && <Thumbnail {...thumbnail} size={84} />}
      <section>
        {lines.map((line, i) => (
          <div key={i}>{line}</div>
        ))}
        {children}
      </section>
    </div>
  );
}

export interface StripItem {
  /** Row number of the sample. */
  index: number;
  /** Its tile in the sprite, -1 for none; by default its row number. */
  tile?: number;
  /** Name of the sample, shown where there is no picture. */
  name: string;
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
  sprite: Sprite | null;
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
  sprite,
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
      <ul class="nbviz-strip" data-pictures={sprite ? "" : undefined}>
        {items
          .slice(0, cap)
          .map(({ index, name, className, colour, prediction, wrong, note, current, tile = index }) => (
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
                {sprite && tile >= 0 && tile < sprite.count ? (
                  <Thumbnail sprite={sprite} index={tile} size={44} />
                ) : (
                  <span class="nbviz-strip-text">{name}</span>
                )}
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
