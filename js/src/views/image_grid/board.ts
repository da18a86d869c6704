// The wall as an element: drawing, zoom and pan, selecting by click or rectangle, and all of it by keyboard.
import { type KeyActions, listenToKeys } from "../../parts/scatter_keys";
import { listenToPointer, type Path, type PointerActions, type Tool } from "../../parts/scatter_pointer";
import type { How } from "../../parts/selection";
import { Viewport } from "../../parts/viewport";
import { type Ink, type Tile, type Wall, WallPainter } from "./wall";

const KEY_HELP =
  "Arrow keys pan, plus and minus zoom, 0 shows everything. Enter picks the picture in the middle; then arrow " +
  "keys step from picture to picture, Enter or Space selects the picked one (with Shift: adds or removes it), " +
  "Escape lets it go. Escape again clears the selection. L switches between pan and select.";

export interface BoardOptions {
  signal: AbortSignal;
  describe(row: number): string;
  tileOf(row: number): Tile | null;
  /** The sample under the mouse (or picked by keyboard), and where that is on the page. */
  onHover(row: number | null, clientX: number, clientY: number): void;
  onSelect(rows: Int32Array, how: How): void;
  onTool(tool: Tool): void;
  /** The person has moved: zoom, and the place in the middle as shares of the wall. */
  onView(zoom: number, centre: [number, number]): void;
  /** These samples are seen, at so many pixels of the screen each. */
  onSeen(rows: number[], pixels: number): void;
}

export class Board {
  readonly element = document.createElement("div");
  private readonly back = document.createElement("canvas");
  private readonly front = document.createElement("canvas");
  private readonly hint = document.createElement("div");
  private readonly live = document.createElement("div");
  private readonly view = new Viewport();
  private readonly painter = new WallPainter();
  private wall: Wall = {
    shape: [1, 1],
    cells: Int32Array.of(-1),
    frames: new Uint32Array(1),
    selected: new Set(),
  };
  private wanted: { zoom: number; centre: [number, number] } | null = null; // until the size is known
  private ink: Ink = { dark: false, background: [255, 255, 255] };
  private tool: Tool = "pan";
  private hovered: number | null = null; // numbers of cells
  private picked: number | null = null;
  private rectangle: Path | null = null;
  private beforeClick: Int32Array = new Int32Array(0);
  private frame = 0;
  private stale = true;
  private hintTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    host: HTMLElement,
    private readonly options: BoardOptions,
  ) {
    const { element, back, front, hint, live } = this;
    const { signal } = options;
    const help = document.createElement("div");
    element.className = "nbviz-scatter nbviz-wall";
    element.dataset.lmSuppressShortcuts = "true";
    back.className = "nbviz-scatter-points";
    back.ariaHidden = "true";
    front.className = "nbviz-scatter-front";
    front.tabIndex = 0;
    front.setAttribute("role", "application"); // arrow keys must reach the wall through a screen reader
    front.setAttribute("aria-roledescription", "wall of pictures");
    front.setAttribute("aria-label", "Pictures by their activations");
    help.id = `nbviz-wall-help-${Math.random().toString(36).slice(2, 8)}`;
    help.textContent = KEY_HELP;
    front.setAttribute("aria-describedby", help.id);
    live.setAttribute("aria-live", "polite");
    help.className = live.className = "nbviz-hidden";
    hint.className = "nbviz-scatter-hint";
    hint.ariaHidden = "true";
    element.append(back, front, hint, help, live);
    host.append(element);
    const cancelDrag = listenToPointer(front, this.pointerActions(), signal);
    listenToKeys(front, this.keyActions(cancelDrag), signal);
    front.addEventListener("blur", () => this.pick(null), { signal });
    const size = new ResizeObserver(() => this.draw());
    size.observe(element);
    signal.addEventListener("abort", () => {
      size.disconnect();
      cancelAnimationFrame(this.frame);
      clearTimeout(this.hintTimer);
      element.remove();
    });
  }

  setWall(wall: Wall): void {
    const [height, width] = wall.shape;
    this.view.extent = [0, 0, width, height];
    if (wall.shape.join() !== this.wall.shape.join()) this.hovered = this.picked = null;
    this.wall = wall;
    this.pictures();
  }

  /** Frames or pictures have changed. */
  pictures(): void {
    this.painter.forget();
    this.draw();
  }

  setSelected(selected: ReadonlySet<number>): void {
    this.wall = { ...this.wall, selected };
    this.draw();
  }

  setTheme(ink: Ink): void {
    this.ink = ink;
    this.pictures();
  }

  setTool(tool: Tool): void {
    this.tool = tool;
    this.element.dataset.tool = tool;
  }

  setDimmed(dimmed: boolean): void {
    this.element.toggleAttribute("data-dimmed", dimmed);
  }

  /** Look at a place: shares of the wall from its lower left. */
  setView(zoom: number, centre: [number, number]): void {
    this.wanted = { zoom, centre };
    this.draw();
  }

  zoomBy(factor: number): void {
    this.move(() => this.view.zoomAt(factor));
  }

  showAll(): void {
    this.move(() => this.view.reset());
  }

  private move(change: () => void): void {
    change();
    this.hover(null);
    this.draw();
    const [height, width] = this.wall.shape;
    const [x, y] = this.view.toData(this.view.width / 2, this.view.height / 2);
    this.options.onView(this.view.zoom.k, [x / width, y / height]);
  }

  private draw(all = true): void {
    this.stale ||= all;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  private paint(): void {
    const { element, view, back, front } = this;
    const ratio = globalThis.devicePixelRatio || 1;
    if (element.clientWidth === 0 || element.clientHeight === 0) return;
    const [width, height] = [element.clientWidth, element.clientHeight].map((v) => Math.round(v * ratio));
    if (front.width !== width || front.height !== height) {
      for (const canvas of [back, front]) Object.assign(canvas, { width, height });
      view.width = element.clientWidth;
      view.height = element.clientHeight;
      this.stale = true;
    }
    if (this.wanted) {
      this.turnTo(this.wanted.zoom, this.wanted.centre);
      this.wanted = null;
    }
    if (this.stale) {
      this.stale = false;
      this.painter.paint(
        back.getContext("2d", { alpha: false })!,
        this.wall,
        view,
        this.options.tileOf,
        this.ink,
        ratio,
      );
      const [x0, x1, y0, y1] = WallPainter.visible(this.wall, view);
      const seen: number[] = [];
      for (let row = y0; row <= y1; row++)
        for (let column = x0; column <= x1; column++) {
          const sample = this.wall.cells[row * this.wall.shape[1] + column];
          if (sample >= 0) seen.push(sample);
        }
      this.options.onSeen(seen, view.affine().scale * ratio);
    }
    this.paintFront(front.getContext("2d")!, ratio);
  }

  private turnTo(k: number, [u, v]: [number, number]): void {
    const { view } = this;
    const [height, width] = this.wall.shape;
    view.zoom = { k, x: 0, y: 0 };
    const { scale } = view.affine();
    view.zoom = { k, x: scale * width * (0.5 - u), y: scale * height * (v - 0.5) };
  }

  private paintFront(g: CanvasRenderingContext2D, ratio: number): void {
    const { view } = this;
    const line = this.ink.dark ? "#ffffff" : "#14161a";
    const { scale } = view.affine();
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, view.width, view.height);
    for (const [cell, width] of [
      [this.hovered, 2],
      [this.picked, 3],
    ] as const) {
      if (cell === null) continue;
      const [x, y] = this.corner(cell);
      for (const [colour, extra] of [
        [`rgb(${this.ink.background.join(", ")})`, 2],
        [line, 0],
      ] as const) {
        g.lineWidth = width + extra;
        g.strokeStyle = colour;
        g.strokeRect(x - 1, y - 1, scale + 2, scale + 2);
      }
    }
    if (this.rectangle) {
      const [[x0, y0], [x1, y1]] = [this.rectangle[0], this.rectangle.at(-1)!];
      g.fillStyle = this.ink.dark ? "rgba(255, 255, 255, 0.12)" : "rgba(20, 60, 120, 0.12)";
      g.fillRect(x0, y0, x1 - x0, y1 - y0);
      g.setLineDash([5, 3]);
      g.lineWidth = 1.25;
      g.strokeStyle = line;
      g.strokeRect(x0, y0, x1 - x0, y1 - y0);
      g.setLineDash([]);
    }
  }

  /** Top left of a cell on the screen. */
  private corner(cell: number): [number, number] {
    const width = this.wall.shape[1];
    return this.view.toScreen(cell % width, Math.floor(cell / width) + 1);
  }

  /** The cell at a place on the screen that holds a picture. */
  private cellAt(px: number, py: number): number | null {
    const [x, y] = this.view.toData(px, py);
    const [height, width] = this.wall.shape;
    if (!(x >= 0 && x < width && y >= 0 && y < height)) return null;
    const cell = Math.floor(y) * width + Math.floor(x);
    return this.wall.cells[cell] >= 0 ? cell : null;
  }

  private hover(cell: number | null, clientX = 0, clientY = 0): void {
    if (cell === null && this.hovered === null) return;
    this.hovered = cell;
    this.draw(false);
    this.options.onHover(cell === null ? null : this.wall.cells[cell], clientX, clientY);
  }

  private choose(cell: number, how: How | "toggle"): void {
    const row = this.wall.cells[cell];
    const toggled: How = this.wall.selected.has(row) ? "remove" : "add";
    this.options.onSelect(Int32Array.of(row), how === "toggle" ? toggled : how);
  }

  private clear(): void {
    if (this.wall.selected.size) this.options.onSelect(new Int32Array(0), "replace");
  }

  /** Pick a picture by keyboard: ringed, brought into view, told to screen readers. */
  private pick(cell: number | null): void {
    if (cell === null && this.picked === null) return;
    this.picked = cell;
    if (cell === null) {
      this.hover(null);
      this.live.textContent = "";
    } else {
      const half = this.view.affine().scale / 2;
      const middle = () => this.corner(cell).map((v) => v + half) as [number, number];
      this.view.reveal(...middle());
      const box = this.front.getBoundingClientRect();
      this.hover(cell, box.left + middle()[0], box.top + middle()[1]);
      this.live.textContent = this.options.describe(this.wall.cells[cell]);
    }
    this.draw();
  }

  private pointerActions(): PointerActions {
    const { view } = this;
    return {
      tool: (how) => (how === "replace" ? this.tool : "lasso"),
      pan: (dx, dy) => this.move(() => view.pan(dx, dy)),
      zoom: (factor, x, y) => this.move(() => view.zoomAt(factor, x, y)),
      reset: () => {
        this.showAll();
        this.options.onSelect(this.beforeClick, "replace"); // undo what the first click of the two chose
      },
      hover: (x, y, clientX, clientY) => this.hover(this.cellAt(x, y), clientX, clientY),
      leave: () => this.hover(null),
      click: (x, y, how) => {
        this.beforeClick = Int32Array.from(this.wall.selected);
        const cell = this.cellAt(x, y);
        if (cell !== null) this.choose(cell, how);
        else if (how === "replace") this.clear();
      },
      lasso: (path) => {
        this.rectangle = path;
        this.draw(false);
      },
      select: (path, how) => {
        const [[x0, y0], [x1, y1]] = [path[0], path.at(-1)!].map(([x, y]) => view.toData(x, y));
        const width = this.wall.shape[1];
        const touches = (low: number, a: number, b: number) =>
          low < Math.max(a, b) && low + 1 > Math.min(a, b);
        const inside = this.wall.cells.filter(
          (row, cell) =>
            row >= 0 && touches(cell % width, x0, x1) && touches(Math.floor(cell / width), y0, y1),
        );
        this.options.onSelect(inside, how);
      },
      refuseWheel: () => {
        this.hint.textContent = "Click the pictures, or hold Ctrl (\u2318), to zoom with the wheel";
        this.hint.dataset.shown = "";
        clearTimeout(this.hintTimer);
        this.hintTimer = setTimeout(() => delete this.hint.dataset.shown, 1500);
      },
    };
  }

  private keyActions(cancelDrag: () => void): KeyActions {
    const { view } = this;
    return {
      picking: () => this.picked !== null,
      pick: () => {
        const [x, y] = view.toData(view.width / 2, view.height / 2);
        this.pick(this.nearest(Math.floor(x), Math.floor(y)));
      },
      step: (dx, dy) => {
        const [height, width] = this.wall.shape;
        const [x, y] = [(this.picked! % width) + dx, Math.floor(this.picked! / width) + dy];
        if (x < 0 || y < 0 || x >= width || y >= height) return;
        if (this.wall.cells[y * width + x] >= 0) this.pick(y * width + x);
      },
      selectPicked: (how) => this.choose(this.picked!, how),
      escape: () => {
        if (this.rectangle) cancelDrag();
        else if (this.picked !== null) this.pick(null);
        else this.clear();
      },
      pan: (dx, dy) => this.move(() => view.pan(dx, dy)),
      zoom: (factor) => this.zoomBy(factor),
      reset: () => this.showAll(),
      toggleTool: () => {
        this.setTool(this.tool === "pan" ? "lasso" : "pan");
        this.live.textContent = this.tool === "pan" ? "pan tool" : "select tool";
        this.options.onTool(this.tool);
      },
    };
  }

  /** The cell with a picture that is nearest to a place in the grid. */
  private nearest(x: number, y: number): number | null {
    const width = this.wall.shape[1];
    let [best, least] = [null as number | null, Infinity];
    this.wall.cells.forEach((row, cell) => {
      const way = (x - (cell % width)) ** 2 + (y - Math.floor(cell / width)) ** 2;
      if (row >= 0 && way < least) [best, least] = [cell, way];
    });
    return best;
  }
}
