// Samples as small pictures, and the card beside a hovered point.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
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

/** One of them. */
export interface Tile {
  sprite: Sprite;
  index: number;
}

/** Longer side of a tile, in pixels of the sprite. */
export const tileSide = (sprite: Sprite) => Math.max(sprite.tileWidth, sprite.tileHeight);

/** Address of a PNG held in memory, until `signal` aborts. The bytes are copied: a DataView may be unaligned. */
export function spriteUrl(png: DataView | Uint8Array, signal: AbortSignal): string {
  const bytes = new Uint8Array(png.buffer as ArrayBuffer, png.byteOffset, png.byteLength);
  const url = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  signal.addEventListener("abort", () => URL.revokeObjectURL(url));
  return url;
}

/** The thumbnails as nbviz/views/parts/pictures.py packs them; null where there are none. */
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

/** The CSS that shows tile `index` with its longer side `size` CSS pixels long. */
export function tileStyle({ sprite, index }: Tile, size: number): Record<string, string> {
  const zoom = size / tileSide(sprite);
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
    imageRendering: zoom < 1 ? "auto" : "pixelated", // few pixels are seen as such, many as a picture
  };
}

export function Thumbnail({ tile, size }: { tile: Tile; size: number }) {
  return <span class="nbviz-thumb" style={tileStyle(tile, size)} />;
}

/** Longer side of the picture in the card, in CSS pixels. */
export const CARD = 84;
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
  /** The sample's picture; null for none. */
  tile: Tile | null;
  /** The first line is the sample's name. */
  lines: string[];
  /** The pointer on the page; the card's offset parent (`.nbviz-root`) bounds it. */
  clientX: number;
  clientY: number;
  /** What stands after the lines. */
  children?: ComponentChildren;
}

export function HoverCard({ tile, lines, clientX, clientY, children }: HoverCardProps) {
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
      {tile && <Thumbnail tile={tile} size={CARD} />}
      <section>
        {lines.map((line, i) => (
          <div key={i}>{line}</div>
        ))}
        {children}
      </section>
    </div>
  );
}
