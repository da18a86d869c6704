// The card beside the point under the mouse: picture, name, label, prediction.
import { h, render } from "preact";
import type { Pictures } from "./pictures";
import { CARD, HoverCard } from "./thumbnails";

export interface CardOptions {
  root: HTMLElement;
  signal: AbortSignal;
  /** Null for what has none. */
  pictures: Pictures | null;
  lines: (row: number) => string[];
}

export interface Card {
  show(row: number | null, clientX: number, clientY: number): void;
}

export function createCard({ root, signal, pictures, lines }: CardOptions): Card {
  const host = document.createElement("div");
  root.append(host);
  let at: { row: number; clientX: number; clientY: number } | null = null;

  const draw = () => {
    if (!at) {
      render(null, host);
      return;
    }
    const { row, ...where } = at;
    render(h(HoverCard, { tile: pictures?.of(row, CARD) ?? null, lines: lines(row), ...where }), host);
  };

  pictures?.follow(draw);
  signal.addEventListener("abort", () => render(null, host));

  return {
    show(row, clientX, clientY) {
      at = row === null ? null : { row, clientX, clientY };
      draw();
    },
  };
}
