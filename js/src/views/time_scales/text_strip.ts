// The text, wrapped, with a strip per layer under every line; one token can be replaced. Draws what it is
// told and says what the person does.
import { createScroller, MONOSPACE, sized } from "../../parts/canvas";
import { named, printed } from "../../parts/tokens";
import { heatColour } from "./heat";
import { ABOVE, GUTTER, type Layout, layOut, neighbour, TEXT, tokenAt } from "./layout";

export interface StripState {
  tokens: string[];
  layers: string[];
  position: number;
  original: string;
  replacement: string;
  /** Relative distances, layers x steps. */
  distance: Float32Array;
  steps: number;
  hovered: number | null;
  colours: { text: string; muted: string; line: string; accent: string; page: string; panel: string };
}

export interface StripOptions {
  signal: AbortSignal;
  state: () => StripState | null;
  onPick: (step: number) => void;
  onType: (token: string) => void;
  onUndo: () => void;
  onHover: (step: number | null) => void;
}

const LABEL =
  "Text. Arrow keys move to another token, a typed character replaces it, Escape puts the old one back.";

export function createStrip(stage: HTMLElement, options: StripOptions) {
  const { signal, state } = options;
  stage.classList.add("nbviz-times");
  const { scroller, spacer, canvas, redraw } = createScroller(
    stage,
    { className: "nbviz-times-text", label: LABEL, signal },
    draw,
  );
  let layout: Layout | null = null;
  let key = "";

  function draw(): void {
    const s = state();
    const [width, height] = [scroller.clientWidth, scroller.clientHeight];
    if (!s || !width || !height) return; // the other experiment hides the stage
    const now = `${width}|${s.layers.length}|${s.tokens.join("\u0001")}`;
    if (now !== key || !layout) {
      key = now;
      layout = layOut(s.tokens, s.layers.length, width);
    }
    spacer.style.height = `${Math.max(height, layout.lines * layout.pitch + 4)}px`;
    const context = sized(canvas, width, height);
    if (!context) return;
    context.translate(0, -scroller.scrollTop);
    paint(context, s, layout, scroller.scrollTop, height);
  }

  const at = (event: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    if (!layout || !box.width) return null;
    return tokenAt(layout, event.clientX - box.left, event.clientY - box.top + scroller.scrollTop);
  };

  canvas.addEventListener("pointermove", (event) => options.onHover(at(event)), { signal });
  canvas.addEventListener("pointerleave", () => options.onHover(null), { signal });
  canvas.addEventListener(
    "pointerdown",
    (event) => {
      const step = at(event);
      canvas.focus({ preventScroll: true });
      if (step !== null) options.onPick(step);
    },
    { signal },
  );
  canvas.addEventListener("keydown", onKey, { signal });
  for (const type of ["keypress", "keyup"] as const)
    canvas.addEventListener(type, (event) => event.stopPropagation(), { signal });

  function onKey(event: KeyboardEvent): void {
    const s = state();
    if (!s || !layout || event.ctrlKey || event.metaKey || event.altKey) return;
    const { key: pressed } = event;
    const last = s.tokens.length - 1;
    const to: Record<string, number> = {
      ArrowLeft: s.position - 1,
      ArrowRight: s.position + 1,
      ArrowUp: neighbour(layout, s.position, -1),
      ArrowDown: neighbour(layout, s.position, 1),
      Home: 0,
      End: last,
    };
    if (pressed in to) options.onPick(Math.max(0, Math.min(last, to[pressed])));
    else if (["Escape", "Backspace", "Delete"].includes(pressed)) options.onUndo();
    else if (pressed === "Enter") options.onType("\n");
    else if ([...pressed].length === 1) options.onType(pressed);
    else return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab's shortcuts must not take what is typed
  }

  return {
    redraw,
    /** Scroll until a token is in sight. */
    reveal(step: number) {
      const place = layout?.places[step];
      if (!place || !layout || !scroller.clientHeight) return;
      const top = place.line * layout.pitch;
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      else if (top + layout.pitch > scroller.scrollTop + scroller.clientHeight)
        scroller.scrollTop = top + layout.pitch - scroller.clientHeight;
    },
  };
}

function paint(
  context: CanvasRenderingContext2D,
  s: StripState,
  layout: Layout,
  scrolled: number,
  height: number,
): void {
  const { places, pitch, strip } = layout;
  context.textBaseline = "middle";
  context.textAlign = "center";
  let labelled = -1;
  for (let step = 0; step < s.tokens.length; step++) {
    const { line, x, width } = places[step];
    const top = line * pitch;
    if (top + pitch < scrolled || top > scrolled + height) continue;
    const strips = top + ABOVE + TEXT;
    if (line !== labelled && strip >= 9) {
      labelled = line;
      context.font = "9px system-ui, sans-serif";
      context.fillStyle = s.colours.muted;
      s.layers.forEach((_, i) => {
        context.fillText(String(i + 1), GUTTER / 2, strips + i * (strip + 1) + strip / 2);
      });
    }
    const time = step - s.position;
    for (let i = 0; i < s.layers.length; i++) {
      const known = time >= 0 && time < s.steps;
      context.fillStyle = (known && heatColour(s.distance[i * s.steps + time])) || s.colours.panel;
      context.fillRect(x, strips + i * (strip + 1), width, strip);
    }
    if (step === s.hovered) {
      context.strokeStyle = s.colours.muted;
      context.lineWidth = 1;
      context.strokeRect(x - 0.5, top + ABOVE - 0.5, width + 1, pitch - ABOVE - 5);
    }
    const changed = step === s.position;
    const middle = x + width / 2;
    if (changed) {
      context.fillStyle = s.colours.accent;
      context.fillRect(x, top + ABOVE, width, TEXT - 2);
      if (s.replacement !== s.original) drawOriginal(context, s, middle, top);
    }
    const token = changed ? s.replacement : s.tokens[step];
    context.font = `15px ${MONOSPACE}`;
    context.fillStyle = changed ? s.colours.page : token === "\n" ? s.colours.muted : s.colours.text;
    context.fillText(changed ? named(token) : printed(token), middle, top + ABOVE + TEXT / 2 - 0.5);
  }
}

/** What stood there, struck through, above what stands there now. */
function drawOriginal(context: CanvasRenderingContext2D, s: StripState, middle: number, top: number): void {
  const text = named(s.original);
  context.font = `13px ${MONOSPACE}`;
  context.fillStyle = s.colours.muted;
  context.fillText(text, middle, top + ABOVE / 2);
  const half = context.measureText(text).width / 2 + 2;
  context.fillRect(middle - half, top + ABOVE / 2, 2 * half, 1.2);
}
