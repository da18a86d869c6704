// The text that is shown, to be typed over. Every keystroke asks for new states; the newest wins.

export function createTextBox(
  root: HTMLElement,
  before: HTMLElement,
  value: string,
  signal: AbortSignal,
  onText: (text: string) => void,
) {
  const box = document.createElement("textarea");
  box.className = "nbviz-states-text";
  box.setAttribute("aria-label", "Text that the network reads");
  box.spellcheck = false;
  box.value = value;
  box.hidden = true;
  root.insertBefore(box, before.parentElement);
  box.addEventListener("input", () => onText(box.value), { signal });
  // JupyterLab's shortcuts must not take what is typed.
  for (const type of ["keydown", "keypress", "keyup"] as const)
    box.addEventListener(type, (event) => event.stopPropagation(), { signal });
  return {
    show(shown: boolean) {
      box.hidden = !shown;
      if (shown) box.focus();
    },
    set(text: string) {
      if (box !== (box.getRootNode() as Document | ShadowRoot).activeElement) box.value = text;
    },
  };
}
