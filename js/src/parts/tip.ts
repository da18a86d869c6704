// What is told about the point under the pointer: a small box beside it, and the same for a screen reader.
import { addStyle } from "./theme";
import css from "./tip.css";

export interface Tip {
  show: (text: string, left: number, top: number) => void;
  hide: () => void;
}

/** A box within `stage`, in its pixels. `className` may bound its width. */
export function createTip(stage: HTMLElement, className: string): Tip {
  const box = document.createElement("div");
  box.className = `nbviz-tip ${className}`;
  box.hidden = true;
  stage.append(box);
  addStyle(stage, css);
  return {
    show(text, left, top) {
      box.hidden = false;
      box.textContent = text;
      box.style.left = `${left}px`;
      box.style.top = `${top}px`;
    },
    hide() {
      box.hidden = true;
    },
  };
}

/** Say to a screen reader what has changed; nobody sees it. */
export function createLive(root: HTMLElement): (text: string) => void {
  const live = document.createElement("div");
  live.className = "nbviz-hidden";
  live.setAttribute("aria-live", "polite");
  root.append(live);
  return (text) => {
    live.textContent = text;
  };
}
