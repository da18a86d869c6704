// Light or dark, decided by what is really painted behind the view. JupyterLab, VS Code, Colab and marimo
// name their themes differently, and a user's style sheet obeys none of those names.
import base from "./base.css";
import { luminance, parseColour, type Rgb } from "./colours";

export interface Theme {
  dark: boolean;
  /** The measured colour behind the view. */
  background: Rgb;
}

/** Above this relative luminance black text reads better than white text (equal contrast at 0.179). */
const LIGHT_ABOVE = 0.179;

/** `over` painted with opacity `alpha` on `under`. */
function blend(under: Rgb, over: Rgb, alpha: number): Rgb {
  return [0, 1, 2].map((i) => Math.round(under[i] + (over[i] - under[i]) * alpha)) as Rgb;
}

/** What the browser paints where no element paints anything. */
function pageColour(): Rgb {
  const html = getComputedStyle(document.documentElement);
  // VS Code leaves its notebook page transparent over the editor and tells the editor's colour in a variable.
  const editor = parseColour(html.getPropertyValue("--vscode-editor-background").trim());
  if (editor) return editor.rgb;
  const prefersDark = globalThis.matchMedia?.("(prefers-color-scheme: dark)").matches ?? false;
  const schemes = html.colorScheme ?? "";
  return schemes.includes("dark") && (prefersDark || !schemes.includes("light"))
    ? [18, 18, 18]
    : [255, 255, 255];
}

/** The colour painted at `start`: its own and its ancestors' backgrounds, through shadow roots, down to an opaque one. */
export function backgroundAt(start: Node): Rgb {
  const layers: { rgb: Rgb; alpha: number }[] = [];
  let node: Node | null = start;
  while (node && (layers.at(-1)?.alpha ?? 0) < 1) {
    if (node instanceof Element) {
      const colour = parseColour(getComputedStyle(node).backgroundColor);
      if (colour && colour.alpha > 0) layers.push(colour);
    }
    node = node instanceof ShadowRoot ? node.host : ((node as Element).assignedSlot ?? node.parentNode);
  }
  const bottom: Rgb = layers.at(-1)?.alpha === 1 ? layers.pop()!.rgb : pageColour();
  return layers.reduceRight((under, layer) => blend(under, layer.rgb, layer.alpha), bottom);
}

export function isDark(background: Rgb): boolean {
  return luminance(background) < LIGHT_ABOVE;
}

/**
 * Keep `root.dataset.theme` and `--nbviz-bg` equal to what is painted behind `root`, until `signal` aborts.
 * `onChange` is called at once and after every change.
 */
export function watchTheme(root: HTMLElement, signal: AbortSignal, onChange?: (theme: Theme) => void): void {
  root.classList.add("nbviz-root");
  addStyle(root, base);
  let last = "";
  const measure = () => {
    const background = backgroundAt(root.parentNode ?? root);
    const css = `rgb(${background.join(", ")})`;
    if (css === last) return;
    last = css;
    const dark = isDark(background);
    root.dataset.theme = dark ? "dark" : "light";
    root.style.setProperty("--nbviz-bg", css);
    onChange?.({ dark, background });
  };

  let frame = 0;
  let settled: ReturnType<typeof setTimeout> | undefined;
  const soon = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(measure);
    clearTimeout(settled);
    settled = setTimeout(measure, 400); // backgrounds may fade from one theme to the next
  };
  const attributes = new MutationObserver(soon);
  for (const element of [document.documentElement, document.body]) {
    attributes.observe(element, { attributes: true });
  }
  attributes.observe(document.head, { childList: true }); // a theme's style sheet is swapped
  // A front end may render a view before it attaches it; being attached changes its size.
  const attached = new ResizeObserver(soon);
  attached.observe(root);
  const media = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
  media?.addEventListener("change", soon, { signal });
  signal.addEventListener("abort", () => {
    attributes.disconnect();
    attached.disconnect();
    cancelAnimationFrame(frame);
    clearTimeout(settled);
  });
  measure();
}

/** The theme's colours by name, as CSS has them: `read("muted")`. */
export function cssColours(root: HTMLElement): (name: string) => string {
  const style = getComputedStyle(root);
  return (name) => style.getPropertyValue(`--nbviz-${name}`).trim();
}

/** Put `css` once into the document or shadow root that holds `root` (or into `root`, while it is in neither). */
export function addStyle(root: HTMLElement, css: string): void {
  const node = root.getRootNode();
  const place = node instanceof ShadowRoot ? node : root.isConnected ? document.head : root;
  for (const style of place.querySelectorAll("style[data-nbviz]")) if (style.textContent === css) return;
  const style = document.createElement("style");
  style.dataset.nbviz = "";
  style.textContent = css;
  place.prepend(style);
}
