// The card beside the point under the mouse: picture, name, label, prediction.
import { h, render } from "preact";
import { HoverCard, type Sprite } from "./thumbnails";

export interface CardOptions {
  root: HTMLElement;
  signal: AbortSignal;
  sprite: () => Sprite | null;
  /** The tile of a sample in the sprite; by default its row number. */
  tile?: (row: number) => number | undefined;
  /** Whether the samples are pictures that can be asked for one by one. */
  hasPictures: () => boolean;
  ask: (row: number) => void;
  lines: (row: number) => string[];
}

export interface Card {
  show(row: number | null, clientX: number, clientY: number): void;
  /** A picture that was asked for has come. */
  received(row: number, sprite: Sprite): void;
}

const KEEP = 200;

export function createCard(options: CardOptions): Card {
  const host = document.createElement("div");
  options.root.append(host);
  const pictures = new Map<number, Sprite>();
  let at: { row: number; x: number; y: number } | null = null;

  const tileOf = (row: number): number | null => {
    const sprite = options.sprite();
    const index = options.tile ? options.tile(row) : row;
    return sprite && index !== undefined && index < sprite.count ? index : null;
  };

  const draw = () => {
    if (!at) {
      render(null, host);
      return;
    }
    const { row, x, y } = at;
    const index = tileOf(row);
    const single = pictures.get(row);
    const thumbnail =
      index !== null ? { sprite: options.sprite()!, index } : single ? { sprite: single, index: 0 } : null;
    render(h(HoverCard, { thumbnail, lines: options.lines(row), clientX: x, clientY: y }), host);
  };

  options.signal.addEventListener("abort", () => {
    render(null, host);
    for (const sprite of pictures.values()) URL.revokeObjectURL(sprite.url);
  });

  return {
    show(row, x, y) {
      at = row === null ? null : { row, x, y };
      const missing = row !== null && tileOf(row) === null && !pictures.has(row);
      if (missing && options.hasPictures()) options.ask(row);
      draw();
    },
    received(row, sprite) {
      const oldest = pictures.keys().next().value;
      if (pictures.size >= KEEP && oldest !== undefined) {
        URL.revokeObjectURL(pictures.get(oldest)!.url);
        pictures.delete(oldest);
      }
      pictures.set(row, sprite);
      draw();
    },
  };
}
