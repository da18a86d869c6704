// The elements of a scatter plot and when they are drawn: at most once a frame, however often something changes.
import { pack, toCss } from "./colours";
import css from "./scatter.css";
import { type Ink, type Overlay, PointPainter, type Points, paintOverlay } from "./scatter_draw";
import { keyHelp } from "./scatter_keys";
import { addStyle } from "./theme";
import { Viewport } from "./viewport";

let stages = 0;

/** What has changed since it was drawn, the least first. */
const STALE = ["overlay", "view", "points"] as const;
type Stale = (typeof STALE)[number];

export class Stage {
  readonly element = document.createElement("div");
  /** The canvas on top: lasso and hover ring; it has the focus and gets all events. */
  readonly front = document.createElement("canvas");
  readonly view = new Viewport();
  readonly overlay: Overlay = { hovered: null, focused: null, lasso: null };
  readonly points: Points = {
    xy: new Float32Array(0),
    colours: new Uint32Array(0),
    shapes: null,
    flags: new Uint8Array(0),
    selectedCount: 0,
  };
  ink: Ink = { dark: false, background: [255, 255, 255] };
  /** Draws of the points so far, and the JavaScript time of the last one. */
  readonly stats = { draws: 0, milliseconds: 0 };

  /** Draws lines over the points, in CSS pixels, whenever points or view change. */
  lines: ((context: CanvasRenderingContext2D, view: Viewport) => void) | null = null;

  /** Draws a picture under the points, in CSS pixels, whenever points or view change. */
  underlay: ((context: CanvasRenderingContext2D, view: Viewport) => void) | null = null;

  private readonly ground = document.createElement("canvas"); // the underlay; never on the page
  private readonly middle = document.createElement("canvas"); // the lines; on the page once there are some
  private readonly back = document.createElement("canvas");
  private readonly hint = document.createElement("div");
  private readonly live = document.createElement("div");
  private readonly painter = new PointPainter();
  private frame = 0;
  private stale: Stale = "points";
  private hintTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: HTMLElement, label: string, canLasso: boolean, signal: AbortSignal) {
    const { element, front, back, hint, live } = this;
    const help = document.createElement("div");
    element.className = "nbviz-scatter";
    // "0 0" restarts the kernel and "L" shows line numbers in JupyterLab, unless its shortcuts are suppressed.
    element.dataset.lmSuppressShortcuts = "true";
    back.className = "nbviz-scatter-points";
    back.ariaHidden = "true";
    front.className = "nbviz-scatter-front";
    front.tabIndex = 0;
    front.setAttribute("role", "application"); // arrow keys must reach the plot through a screen reader
    front.setAttribute("aria-roledescription", "scatter plot");
    front.setAttribute("aria-label", label);
    help.id = `nbviz-scatter-help-${++stages}-${Math.random().toString(36).slice(2, 8)}`;
    help.textContent = keyHelp(canLasso);
    front.setAttribute("aria-describedby", help.id);
    live.setAttribute("aria-live", "polite");
    help.className = live.className = "nbviz-hidden";
    hint.className = "nbviz-scatter-hint";
    hint.ariaHidden = "true";
    element.append(back, front, hint, help, live);
    host.append(element);
    addStyle(element, css);

    const size = new ResizeObserver(() => this.draw());
    size.observe(element);
    signal.addEventListener("abort", () => {
      size.disconnect();
      cancelAnimationFrame(this.frame);
      clearTimeout(this.hintTimer);
      element.remove();
    });
  }

  /** Draw at the next frame what has changed: only the overlay, also from where it is seen, or anything. */
  draw(what: Stale = "points"): void {
    if (STALE.indexOf(what) > STALE.indexOf(this.stale)) this.stale = what;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  /** Tell screen readers. */
  say(text: string): void {
    this.live.textContent = text;
  }

  showHint(text: string): void {
    this.hint.textContent = text;
    this.hint.dataset.shown = "";
    clearTimeout(this.hintTimer);
    this.hintTimer = setTimeout(() => delete this.hint.dataset.shown, 1500);
  }

  private paint(): void {
    const { element, view, back, front } = this;
    const ratio = globalThis.devicePixelRatio || 1;
    if (element.clientWidth === 0 || element.clientHeight === 0) return; // not on the page; resizing will call again
    const width = Math.round(element.clientWidth * ratio);
    const height = Math.round(element.clientHeight * ratio);
    if (front.width !== width || front.height !== height) {
      for (const canvas of [back, this.middle, front]) Object.assign(canvas, { width, height });
      view.width = element.clientWidth;
      view.height = element.clientHeight;
      this.stale = "points";
    }
    if (this.stale !== "overlay") {
      const onlyView = this.stale === "view" && !this.underlay;
      this.stale = "overlay";
      const before = performance.now();
      const context = back.getContext("2d", { alpha: false })!;
      if (!onlyView || !this.painter.slide(context, view, ratio))
        this.painter.paint(context, this.points, view, this.ink, ratio, this.paintGround(ratio));
      this.paintLines(ratio);
      this.stats.draws++;
      this.stats.milliseconds = performance.now() - before;
    }
    paintOverlay(front.getContext("2d")!, this.overlay, this.points, view, this.ink, ratio);
  }

  /** The page's colour with the underlay on it, as pixels for the points to be stamped on. */
  private paintGround(ratio: number): ImageData | null {
    const { underlay, ground, back, view } = this;
    if (!underlay) return null;
    const { width, height } = back;
    if (ground.width !== width || ground.height !== height) Object.assign(ground, { width, height });
    const context = ground.getContext("2d", { alpha: false, willReadFrequently: true })!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = toCss(pack(this.ink.background));
    context.fillRect(0, 0, view.width, view.height);
    underlay(context, view);
    return context.getImageData(0, 0, width, height);
  }

  private paintLines(ratio: number): void {
    const { middle, lines, view } = this;
    if (lines && !middle.isConnected) {
      middle.className = "nbviz-scatter-lines";
      middle.ariaHidden = "true";
      this.front.before(middle);
    }
    if (!middle.isConnected) return;
    const context = middle.getContext("2d")!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    lines?.(context, view);
  }
}
