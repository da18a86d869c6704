// The samples as pictures: small ones of all in one sprite, and sharper ones of those that are looked at, which
// the kernel is asked for. The other half is nbviz/views/parts/pictures.py.
import type { ComponentChildren } from "preact";
import { readRows } from "./selection";
import { readSprite, Thumbnail, type Tile, tileSide } from "./thumbnails";
import { type Model, onChange } from "./view";

export interface Pictures {
  /** Whether samples have pictures at all. */
  exist(): boolean;
  /** The best picture at hand, null if there is none yet; a sharper one comes later if it is to be shown `size`
   * CSS pixels large and the one at hand has fewer. */
  of(row: number, size: number): Tile | null;
  /** Call when other pictures have come. */
  follow(listener: () => void): void;
}

/** Sharper pictures that are kept, and that are asked for at once. */
const [KEEP, AT_ONCE] = [400, 16];
/** Those that wait to be asked for: what was wanted earlier is out of sight by now. */
const MOST_WANTED = 100;
/** A picture is asked for when a pixel of the small one covers more than this many of the screen's. */
const ENOUGH = 1.25;
const LOST_AFTER = 5000; // milliseconds after which an answer is not waited for any more

/** `ask` sends a message to the kernel. */
export function createPictures(
  model: Model,
  signal: AbortSignal,
  ask: (message: Record<string, unknown>) => void,
): Pictures {
  const listeners: (() => void)[] = [];
  const sharp = new Map<number, Tile>(); // the one used last is the last
  const answered = new Set<number>(); // rows that need not be asked for again
  let wanted: number[] = []; // the newest is the last
  let asked: { rows: number[]; at: number } | null = null; // and not answered yet
  let sprite: Tile["sprite"] | null = null;
  let place: Map<number, number> | null = null; // row → tile of the sprite; null if they are the same
  let isDue = false;

  const specimen = () => ({ n: 0, pictures: 0, ...model.get("specimen") });
  const changed = () => {
    for (const listener of listeners) listener();
  };

  function fromSprite(row: number): Tile | null {
    const index = place ? place.get(row) : row;
    return sprite && index !== undefined && index < sprite.count ? { sprite, index } : null;
  }

  const isWaiting = () => asked !== null && performance.now() - asked.at < LOST_AFTER;

  function want(row: number): void {
    if (answered.has(row) || (isWaiting() && asked?.rows.includes(row))) return;
    wanted = [...wanted.filter((one) => one !== row), row].slice(-MOST_WANTED);
    if (isDue) return;
    isDue = true;
    queueMicrotask(askNext); // all that one drawing wants goes together
  }

  function askNext(): void {
    isDue = false;
    if (signal.aborted || wanted.length === 0 || isWaiting()) return;
    const rows = wanted.splice(-AT_ONCE);
    asked = { rows, at: performance.now() };
    ask({ type: "pictures", to: "card", rows, size: devicePixelRatio > 1.2 ? 192 : 96 });
  }

  // biome-ignore lint/suspicious/noExplicitAny: as it travels
  function received(message: any, buffers: DataView[]): void {
    if (message?.type !== "pictures" || message.to !== "card") return;
    asked = null;
    const rows: number[] = message.rows;
    for (const row of rows) answered.add(row);
    const sheet = buffers.length ? readSprite({ ...message, png: buffers[0] }, rows.length, signal) : null;
    if (sheet) {
      for (const [index, row] of rows.entries()) sharp.set(row, { sprite: sheet, index });
      forgetOldest();
      changed();
    }
    askNext();
  }

  function forgetOldest(): void {
    for (const [row, { sprite: sheet }] of sharp) {
      if (sharp.size <= KEEP) return;
      sharp.delete(row);
      answered.delete(row);
      if (![...sharp.values()].some((tile) => tile.sprite === sheet)) URL.revokeObjectURL(sheet.url);
    }
  }

  function readAll(): void {
    const packed = model.get("thumbnails");
    const rows = packed?.rows ? readRows(packed.rows) : null;
    const read = readSprite(packed, rows ? rows.length : specimen().n, signal);
    if (!read) return; // a view that is closed takes its own away: the page keeps what it shows
    sprite = read;
    place = rows && new Map(Array.from(rows, (row, i) => [row, i]));
    changed();
  }

  model.on("msg:custom", received);
  signal.addEventListener("abort", () => model.off("msg:custom", received));
  onChange(model, signal, { thumbnails: readAll });
  readAll();

  return {
    exist: () => sprite !== null || specimen().pictures > 0,
    of(row, size) {
      const tile = sharp.get(row);
      if (tile) {
        sharp.delete(row); // and in again, as the newest
        sharp.set(row, tile);
        return tile;
      }
      const small = fromSprite(row);
      const needed = Math.min(specimen().pictures, size * devicePixelRatio);
      if (needed > (small ? ENOUGH * tileSide(small.sprite) : 0)) want(row);
      return small;
    },
    follow: (listener) => listeners.push(listener),
  };
}

/** The picture of a sample, `size` CSS pixels large; its children where there is none, or not yet. */
export function SamplePicture(props: {
  pictures: Pictures | null;
  row: number;
  size: number;
  children?: ComponentChildren;
}): ComponentChildren {
  const tile = props.pictures?.of(props.row, props.size);
  return tile ? <Thumbnail tile={tile} size={props.size} /> : props.children;
}
