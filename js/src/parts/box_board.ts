// One picture on which boxes are drawn, moved and resized, by pointer or by keys.
import {
  type Box,
  cursorOf,
  type DrawnBox,
  dragged,
  drawBoxes,
  type Grip,
  gripAt,
  middle,
  type Size,
  span,
} from "./boxes";

export interface BoxBoardOptions {
  signal: AbortSignal;
  /** Height and width of the picture in its own pixels. */
  size: Size;
  /** A PNG of it, at any scale. */
  src: string;
  label: () => string;
  /** What is drawn; the chosen box, if there is one, is the one that the hand changes. */
  boxes: () => DrawnBox[];
  /** A change is about to begin; false refuses it. */
  begin: () => boolean;
  /** The chosen box is another now, or none. */
  change: (box: Box | null) => void;
  /** The change is over. */
  end: () => void;
  /** A box that was not the chosen one was pressed. */
  choose: (name: string) => void;
  /** Keys that are not about the chosen box; true if one was used. */
  onKey: (event: KeyboardEvent) => boolean;
}

export interface BoxBoard {
  element: HTMLElement;
  front: HTMLCanvasElement;
  redraw: () => void;
}

const REACH = 7; // pixels of the screen around a border that hold it
const ARROWS: Record<string, [dx: number, dy: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function createBoxBoard(options: BoxBoardOptions): BoxBoard {
  const { signal, size } = options;
  const [height, width] = size;
  const element = document.createElement("div");
  element.className = "nbviz-boxes";
  element.style.aspectRatio = `${width} / ${height}`;
  const picture = document.createElement("img");
  picture.src = options.src;
  picture.alt = "";
  picture.draggable = false;
  const front = document.createElement("canvas");
  front.tabIndex = 0;
  front.setAttribute("role", "application");
  front.dataset.lmSuppressShortcuts = "true";
  element.append(picture, front);

  let scale = 1; // pixels of the screen for each of the picture
  let held: { grip: Grip; box: Box; x: number; y: number } | null = null;
  let fresh: { x: number; y: number; began: boolean; on: string | null } | null = null; // a new box's corner

  const chosen = () => options.boxes().find((drawn) => drawn.chosen) ?? null;

  const redraw = () => {
    const ratio = window.devicePixelRatio || 1;
    const g = front.getContext("2d");
    if (!g || !front.width) return;
    g.clearRect(0, 0, front.width, front.height);
    drawBoxes(g, options.boxes(), front.width / width, ratio);
    front.setAttribute("aria-label", options.label());
  };

  const fit = () => {
    const box = element.getBoundingClientRect();
    if (!box.width) return;
    const ratio = window.devicePixelRatio || 1;
    scale = box.width / width;
    front.width = Math.round(box.width * ratio);
    front.height = Math.round(box.height * ratio);
    picture.style.imageRendering = scale > 2 ? "pixelated" : "auto";
    redraw();
  };

  const at = (event: PointerEvent): [number, number] => {
    const box = front.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * width,
      ((event.clientY - box.top) / box.height) * height,
    ];
  };

  /** The box under the pointer: the chosen one first, then the smallest. */
  const under = (x: number, y: number): { drawn: DrawnBox; grip: Grip } | null => {
    const area = ({ box }: DrawnBox) => (box[2] - box[0]) * (box[3] - box[1]);
    const order = [...options.boxes()].sort(
      (a, b) => Number(b.chosen) - Number(a.chosen) || area(a) - area(b),
    );
    for (const drawn of order) {
      const grip = gripAt(drawn.box, x, y, REACH / scale);
      if (grip) return { drawn, grip };
    }
    return null;
  };

  const listen = (name: string, handler: (event: PointerEvent) => void) =>
    front.addEventListener(name, handler as EventListener, { signal });

  listen("pointerdown", (event) => {
    if (event.button !== 0) return;
    front.focus({ preventScroll: true });
    const [x, y] = at(event);
    const found = under(x, y);
    // Where the chosen part has no box, a drag makes one, also inside the box of another part.
    if (found && (found.drawn.chosen || chosen())) {
      if (!found.drawn.chosen) options.choose(found.drawn.name);
      if (!options.begin()) return;
      held = { grip: found.grip, box: found.drawn.box, x, y };
    } else fresh = { x, y, began: false, on: found?.drawn.name ?? null };
    front.setPointerCapture(event.pointerId);
  });

  listen("pointermove", (event) => {
    const [x, y] = at(event);
    if (held) options.change(dragged(held.box, held.grip, x - held.x, y - held.y, size));
    else if (fresh) {
      const far = Math.max(Math.abs(x - fresh.x), Math.abs(y - fresh.y)) * scale > 3; // a click makes no box
      if (!fresh.began && far) {
        if (!options.begin()) {
          fresh = null;
          return;
        }
        fresh.began = true;
      }
      if (fresh.began) options.change(span(fresh.x, fresh.y, x, y, size));
    } else front.style.cursor = cursorOf(under(x, y)?.grip ?? null);
  });

  const end = () => {
    const changed = held !== null || fresh?.began;
    const pressed = fresh && !fresh.began ? fresh.on : null;
    held = fresh = null;
    if (pressed !== null) options.choose(pressed);
    if (changed) options.end();
  };
  listen("pointerup", end);
  listen("pointercancel", end);

  const once = (box: Box | null) => {
    if (!options.begin()) return;
    options.change(box);
    options.end();
  };

  front.addEventListener(
    "keydown",
    (event) => {
      const arrow = ARROWS[event.key];
      const box = chosen()?.box ?? null;
      if (arrow && !event.ctrlKey && !event.metaKey && box) {
        const [dx, dy] = arrow.map((step) => step * Math.max(1, Math.round(Math.max(...size) / 128)));
        once(dragged(box, event.shiftKey ? "se" : "move", dx, dy, size));
      } else if ((event.key === "Delete" || event.key === "Backspace") && box) once(null);
      else if ((event.key === "Enter" || event.key === " ") && !box) once(middle(size));
      else if (!options.onKey(event)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );

  front.addEventListener("focus", redraw, { signal });
  const observer = new ResizeObserver(fit);
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect());
  return { element, front, redraw };
}
