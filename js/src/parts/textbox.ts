// A text to be typed over. Every keystroke asks for a new picture; the newest wins.

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
