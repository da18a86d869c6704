// A scatter plot of up to a million points: pan, zoom, lasso, hover, and all of it by keyboard.
// It shows a selection but does not own one: it reports what was chosen, and the view sets the result.
import { HitIndex } from "./hit";
import { type Ink, MARKED, plainColours, SELECTED } from "./scatter_draw";
import { type KeyActions, listenToKeys } from "./scatter_keys";
import { listenToPointer, type PointerActions, type Tool } from "./scatter_pointer";
import { Stage } from "./scatter_stage";
import type { How } from "./selection";
import { dequantise, type Extent, extentOf, type Viewport, widen } from "./viewport";

export type { How, Tool };

export interface ScatterOptions {
  /** Ends everything: listeners, observers, elements. */
  signal: AbortSignal;
  /** Accessible name of the plot. */
  label: string;
  /** Whether points can be chosen with a lasso; by default they can. Else a drag pans, whatever key is held. */
  canLasso?: boolean;
  /** One sentence about point `index`, for screen readers. */
  describe?(index: number): string;
  /** The point under the mouse (or picked by keyboard), and where that is on the page. */
  onHover?(index: number | null, clientX: number, clientY: number): void;
  onSelect?(indices: Int32Array, how: How): void;
  /** What the last call of `onSelect` did was the first click of a double click: take it back. The view has to
   * know what was selected before, since the plot knows the points shown and no others. */
  onUndo?(): void;
  /** The tool was switched by keyboard. */
  onTool?(tool: Tool): void;
}

export interface PositionOptions {
  /** Data extent to show. Required for quantised positions, whose 0..65535 spans it. */
  extent?: Extent;
  /** Forget the user's zoom and pan, which otherwise stay while the number of points does. */
  resetView?: boolean;
}

export class Scatter {
  private readonly stage: Stage;
  private index: HitIndex | null = null; // built when first asked for: positions come many times a second
  private selection: Int32Array = new Int32Array(0);
  private hasClicked = false; // whether the last thing done was a click that chose or cleared something
  private marks: Uint8Array | null = null;
  private tool: Tool = "pan";

  constructor(
    host: HTMLElement,
    private readonly options: ScatterOptions,
  ) {
    this.stage = new Stage(host, options.label, options.canLasso !== false, options.signal);
    const { front } = this.stage;
    const cancelDrag = listenToPointer(front, this.pointerActions(), options.signal);
    listenToKeys(front, this.keyActions(cancelDrag), options.signal);
    front.addEventListener("blur", () => this.pick(null), { signal: options.signal });
    this.setTool("pan");
  }

  get element(): HTMLElement {
    return this.stage.element;
  }

  get count(): number {
    return this.stage.points.xy.length / 2;
  }

  /** Draws of the points so far, and the JavaScript time of the last one in milliseconds. */
  get stats(): Readonly<{ draws: number; milliseconds: number }> {
    return this.stage.stats;
  }

  /** x, y pairs: float32 in data units, or uint16 that spans `extent`. */
  setPositions(xy: Float32Array | Uint16Array, { extent, resetView }: PositionOptions = {}): void {
    const { points, view, overlay } = this.stage;
    const before = this.count;
    if (xy instanceof Float32Array) points.xy = xy;
    else if (extent) points.xy = dequantise(xy, extent);
    else throw new TypeError("setPositions: uint16 positions need the extent that 0..65535 spans");
    view.extent = widen(extent ?? extentOf(points.xy));
    this.index = null;
    if (this.count !== before) {
      if (points.colours.length !== this.count)
        this.setColours(plainColours(this.count, this.stage.ink.dark));
      overlay.hovered = overlay.focused = null;
      this.setFlags();
    }
    if (resetView || this.count !== before) view.reset();
    this.stage.draw();
  }

  /** One packed colour per point, null for the same in all, and optionally a shape (see `classPalette`). */
  setColours(colours: Uint32Array | null, shapes: Uint8Array | null = null): void {
    this.stage.points.colours = colours ?? plainColours(this.count, this.stage.ink.dark);
    this.stage.points.shapes = shapes?.some((shape) => shape > 0) ? shapes : null;
    this.stage.draw();
  }

  /** Points where `mask` is not 0 (misclassified ones) are drawn as crosses. */
  setMarks(mask: Uint8Array | null): void {
    this.marks = mask;
    this.setFlags();
  }

  setSelection(indices: Int32Array): void {
    this.selection = indices;
    this.setFlags();
  }

  setTool(tool: Tool): void {
    this.tool = tool;
    this.element.dataset.tool = tool;
  }

  /** Lines over the points: what draws them gets a context in CSS pixels and the way from data to screen. */
  setLines(lines: ((context: CanvasRenderingContext2D, view: Viewport) => void) | null): void {
    this.stage.lines = lines;
    this.stage.draw();
  }

  /** A picture under the points, drawn as lines are; the points keep their soft edges over it. */
  setUnderlay(underlay: ((context: CanvasRenderingContext2D, view: Viewport) => void) | null): void {
    this.stage.underlay = underlay;
    this.stage.draw();
  }

  /** Ring a point from outside, as if the mouse were on it; `onHover` is not called. */
  setHovered(index: number | null): void {
    if (this.stage.overlay.hovered === index) return;
    this.stage.overlay.hovered = index;
    this.stage.draw("overlay");
  }

  /** While the next picture is being computed the last good one stays, dimmed. */
  setDimmed(dimmed: boolean): void {
    this.element.toggleAttribute("data-dimmed", dimmed);
  }

  setTheme(ink: Ink): void {
    this.stage.ink = { dark: ink.dark, background: ink.background };
    this.stage.draw();
  }

  resetView(): void {
    this.stage.view.reset();
    this.stage.draw();
  }

  private setFlags(): void {
    const { points } = this.stage;
    const flags = new Uint8Array(this.count);
    for (let i = 0; i < flags.length; i++) if (this.marks?.[i]) flags[i] = MARKED;
    let selected = 0;
    for (const i of this.selection) {
      if (i < 0 || i >= flags.length || flags[i] & SELECTED) continue;
      flags[i] |= SELECTED;
      selected++;
    }
    points.flags = flags;
    points.selectedCount = selected;
    this.stage.draw();
  }

  private hits(): HitIndex {
    this.index ??= new HitIndex(this.stage.points.xy, extentOf(this.stage.points.xy));
    return this.index;
  }

  /** The point nearest to a place on the screen, within `radius` CSS pixels. */
  private pointAt(px: number, py: number, radius: number): number | null {
    const { view } = this.stage;
    return this.hits().nearest(...view.toData(px, py), radius / view.affine().scale);
  }

  private hover(index: number | null, clientX = 0, clientY = 0): void {
    const { overlay } = this.stage;
    if (index === null && overlay.hovered === null) return;
    overlay.hovered = index;
    this.stage.draw("overlay");
    this.options.onHover?.(index, clientX, clientY);
  }

  private choose(index: number, how: How | "toggle"): void {
    const toggled: How = this.selection.includes(index) ? "remove" : "add";
    this.options.onSelect?.(Int32Array.of(index), how === "toggle" ? toggled : how);
  }

  /** Whether there was something to clear. */
  private clear(): boolean {
    if (this.selection.length === 0) return false;
    this.options.onSelect?.(new Int32Array(0), "replace");
    return true;
  }

  /** Pick a point by keyboard: ringed, scrolled into the view, told to screen readers. */
  private pick(index: number | null): void {
    const { overlay, points, view, front } = this.stage;
    if (index === null && overlay.focused === null) return;
    overlay.focused = index;
    if (index === null) {
      this.hover(null);
    } else {
      const place = () => view.toScreen(points.xy[2 * index], points.xy[2 * index + 1]);
      view.reveal(...place());
      const box = front.getBoundingClientRect();
      this.hover(index, box.left + place()[0], box.top + place()[1]);
    }
    this.stage.say(index === null ? "" : (this.options.describe?.(index) ?? `point ${index}`));
    this.stage.draw();
  }

  /** Change the view; the card of a hovered point would otherwise stay where the point was. */
  private moveView(change: () => void): void {
    change();
    this.hover(null);
    this.stage.draw("view");
  }

  private pointerActions(): PointerActions {
    const { view, overlay } = this.stage;
    return {
      tool: (how) => (how === "replace" || this.options.canLasso === false ? this.tool : "lasso"),
      pan: (dx, dy) => {
        this.hasClicked = false;
        this.moveView(() => view.pan(dx, dy));
      },
      zoom: (factor, x, y) => this.moveView(() => view.zoomAt(factor, x, y)),
      reset: () => {
        this.moveView(() => view.reset());
        if (this.hasClicked) this.options.onUndo?.();
        this.hasClicked = false;
      },
      hover: (x, y, clientX, clientY) => this.hover(this.pointAt(x, y, 8), clientX, clientY),
      leave: () => this.hover(null),
      click: (x, y, how, radius) => {
        const index = this.pointAt(x, y, radius);
        if (index !== null) this.choose(index, how);
        this.hasClicked = index !== null || (how === "replace" && this.clear());
      },
      lasso: (path) => {
        overlay.lasso = path;
        this.stage.draw("overlay");
      },
      select: (path, how) => {
        this.hasClicked = false;
        const inside = this.hits().inside(path.map(([x, y]) => view.toData(x, y)));
        this.options.onSelect?.(inside, how);
      },
      refuseWheel: () => this.stage.showHint("Click the plot, or hold Ctrl (\u2318), to zoom with the wheel"),
    };
  }

  private keyActions(cancelDrag: () => void): KeyActions {
    const { view, overlay } = this.stage;
    return {
      picking: () => overlay.focused !== null,
      pick: () =>
        this.pick(this.pointAt(view.width / 2, view.height / 2, Math.hypot(view.width, view.height))),
      step: (dx, dy) => this.pick(this.hits().towards(overlay.focused!, dx, dy) ?? overlay.focused),
      selectPicked: (how) => this.choose(overlay.focused!, how),
      escape: () => {
        if (overlay.lasso) cancelDrag();
        else if (overlay.focused !== null) this.pick(null);
        else this.clear();
      },
      pan: (dx, dy) => this.moveView(() => view.pan(dx, dy)),
      zoom: (factor) => this.moveView(() => view.zoomAt(factor)),
      reset: () => this.moveView(() => view.reset()),
      toggleTool: this.options.canLasso === false ? undefined : () => this.toggleTool(),
    };
  }

  private toggleTool(): void {
    this.setTool(this.tool === "pan" ? "lasso" : "pan");
    this.stage.say(`${this.tool} tool`);
    this.options.onTool?.(this.tool);
  }
}

/** Create a scatter plot inside `host`, which gives it its size. */
export function createScatter(host: HTMLElement, options: ScatterOptions): Scatter {
  return new Scatter(host, options);
}
