// A text to be typed over. Every keystroke asks for a new picture; the newest wins.
import type { Control } from "./controls";
import css from "./textbox.css";
import { addStyle } from "./theme";
import type { Model } from "./view";

export function createTextBox(
  label: string,
  value: string,
  signal: AbortSignal,
  onText: (text: string) => void,
) {
  const box = document.createElement("textarea");
  box.setAttribute("aria-label", label);
  box.spellcheck = false;
  box.value = value;
  box.addEventListener("input", () => onText(box.value), { signal });
  // JupyterLab's shortcuts must not take what is typed.
  for (const type of ["keydown", "keypress", "keyup"] as const)
    box.addEventListener(type, (event) => event.stopPropagation(), { signal });
  return {
    box,
    /** Follow a text set elsewhere, unless the person is typing here. */
    set(text: string) {
      if (box !== (box.getRootNode() as Document | ShadowRoot).activeElement) box.value = text;
    },
  };
}

/** The text that a network reads, in a box above the picture that a button opens: the trait `text`. */
export function createTextEditor(
  { root, stage }: { root: HTMLElement; stage: HTMLElement },
  model: Model,
  signal: AbortSignal,
  onText: (text: string) => void,
) {
  const text = createTextBox("Text that the network reads", String(model.get("text") ?? ""), signal, onText);
  text.box.className = "nbviz-textbox";
  text.box.hidden = true;
  root.insertBefore(text.box, stage.parentElement);
  addStyle(root, css);
  const onChange = () => text.set(String(model.get("text")));
  model.on("change:text", onChange);
  signal.addEventListener("abort", () => model.off("change:text", onChange));
  return {
    isOpen: () => !text.box.hidden,
    toggle() {
      text.box.hidden = !text.box.hidden;
      if (!text.box.hidden) text.box.focus();
    },
  };
}

/** The button that opens it; `shows` says what follows as one types. */
export function editControl(shows: string, isOpen: boolean): Control {
  return {
    kind: "button",
    name: "edit",
    label: "Edit text",
    tip: `Type another text: the ${shows} follow as you type`,
    pressed: isOpen,
  };
}
