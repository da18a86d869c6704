// Where a picture is painted on: two canvases, the picture below and what moves with the hand above.
import css from "./paint_board.css";

export { css as paintBoardCss };

export type Tool = "brush" | "eraser" | "rectangle";

export interface BoardOptions {
  signal: AbortSignal;
  label: string;
  /** Pixels of the picture per unit; the board keeps the picture's shape. */
  size: () => [height: number, width: number];
  /** Pointer positions are in pixels of the picture. */
  onDown(x: number, y: number, event: PointerEvent): void;
  onDrag(x: number, y: number, event: PointerEvent): void;
  onUp(x: number, y: number): void;
  onMove(x: number | null, y: number | null, event: PointerEvent): void;
  onKey(event: KeyboardEvent): void;
  onResize(): void;
}

export interface Board {
  front: HTMLCanvasElement;
  /** Paint RGB pixels of the picture's size. */
  showPicture(rgb: Uint8Array): void;
  /** Something else over the picture, in pixels of the picture. */
  drawOver(paint: (g: CanvasRenderingContext2D, scale: number) => void): void;
  setDimmed(dimmed: boolean): void;
}

export function createBoard(host: HTMLElement, options: BoardOptions): Board {
  const { signal } = options;
  const back = document.createElement("canvas");
  const front = document.createElement("canvas");
  back.className = "nbviz-board-picture";
  front.className = "nbviz-board-front";
  front.tabIndex = 0;
  front.setAttribute("role", "application");
  front.setAttribute("aria-label", options.label);
  front.dataset.lmSuppressShortcuts = "true";
  host.append(back, front);
  let scale = 1;
  let down = false;

  const fitSize = () => {
    const [height, width] = options.size();
    const box = host.getBoundingClientRect();
    if (!height || !box.width) return;
    scale = Math.min(box.width / width, box.height / height);
    for (const canvas of [back, front]) {
      canvas.style.width = `${width * scale}px`;
      canvas.style.height = `${height * scale}px`;
    }
    back.style.imageRendering = scale > 2 ? "pixelated" : "auto";
    const ratio = window.devicePixelRatio || 1;
    front.width = Math.round(width * scale * ratio);
    front.height = Math.round(height * scale * ratio);
    options.onResize();
  };

  const at = (event: PointerEvent): [number, number] => {
    const box = front.getBoundingClientRect();
    return [(event.clientX - box.left) / scale, (event.clientY - box.top) / scale];
  };

  const listen = (name: string, handler: (event: PointerEvent) => void) =>
    front.addEventListener(name, handler as EventListener, { signal });
  listen("pointerdown", (event) => {
    if (event.button !== 0) return;
    down = true;
    front.setPointerCapture(event.pointerId);
    front.focus({ preventScroll: true });
    options.onDown(...at(event), event);
  });
  listen("pointermove", (event) => {
    // Every position between two frames counts for a brush.
    for (const step of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event])
      if (down) options.onDrag(...at(step), event);
    options.onMove(...at(event), event);
  });
  const end = (event: PointerEvent) => {
    if (!down) return;
    down = false;
    options.onUp(...at(event));
  };
  listen("pointerup", end);
  listen("pointercancel", end);
  listen("pointerleave", (event) => options.onMove(null, null, event));
  front.addEventListener("keydown", options.onKey, { signal });

  const observer = new ResizeObserver(fitSize);
  observer.observe(host);
  signal.addEventListener("abort", () => observer.disconnect());

  return {
    front,
    showPicture(rgb) {
      const [height, width] = options.size();
      if (back.width !== width || back.height !== height) {
        back.width = width;
        back.height = height;
        fitSize();
      }
      const image = new ImageData(width, height);
      for (let i = 0; i < width * height; i++) {
        image.data[4 * i] = rgb[3 * i];
        image.data[4 * i + 1] = rgb[3 * i + 1];
        image.data[4 * i + 2] = rgb[3 * i + 2];
        image.data[4 * i + 3] = 255;
      }
      back.getContext("2d")!.putImageData(image, 0, 0);
    },
    drawOver(paint) {
      const g = front.getContext("2d")!;
      g.setTransform(1, 0, 0, 1, 0, 0);
      g.clearRect(0, 0, front.width, front.height);
      const [, width] = options.size();
      const zoom = front.width / (width || 1);
      g.setTransform(zoom, 0, 0, zoom, 0, 0);
      paint(g, zoom);
    },
    setDimmed: (dimmed) => host.toggleAttribute("data-dimmed", dimmed),
  };
}

/** The outline of the brush under the pointer. */
export function paintCursor(
  g: CanvasRenderingContext2D,
  zoom: number,
  x: number,
  y: number,
  diameter: number,
  tool: Tool,
): void {
  g.lineWidth = 1.5 / zoom;
  for (const [colour, dash] of [
    ["#000", []],
    ["#fff", [4 / zoom, 4 / zoom]],
  ] as [string, number[]][]) {
    g.strokeStyle = colour;
    g.setLineDash(dash);
    g.beginPath();
    if (tool === "rectangle") {
      const arm = 6 / zoom;
      g.moveTo(x - arm, y);
      g.lineTo(x + arm, y);
      g.moveTo(x, y - arm);
      g.lineTo(x, y + arm);
    } else {
      g.arc(x, y, Math.max(diameter / 2, 0.5), 0, 2 * Math.PI);
    }
    g.stroke();
  }
  g.setLineDash([]);
}
