import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createScatter, type How, type Scatter } from "../src/parts/scatter";
import { wheelFactor } from "../src/parts/scatter_pointer";
import { combine } from "../src/parts/selection";

// 3 - - 4     Five points of a 400 x 400 plot, 14 pixels of margin: (-1, -1) lies at screen (14, 386),
// - - 2 -     (0, 0) at (200, 200), (1, 1) at (386, 14).
// 0 - - 1
const XY = Float32Array.of(-1, -1, 1, -1, 0, 0, -1, 1, 1, 1);
const AT: [number, number][] = [[14, 386], [386, 386], [200, 200], [14, 14], [386, 14]]; // biome-ignore format: a row

let end: AbortController;
let plot: Scatter;
let canvas: HTMLCanvasElement;
let selection: Int32Array;
let before: Int32Array;
let undone: number;
let chosen: [number[], How][];
let hovered: (number | null)[];
let tools: string[];
const frame = () => new Promise((done) => setTimeout(done, 40));

beforeEach(() => {
  // happy-dom neither lays out nor draws: give every element a size and a context that takes everything.
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(400);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(400);
  const context = new Proxy({ canvas: { width: 400, height: 400 } } as object, {
    get: (target, key) => Reflect.get(target, key) ?? (() => {}),
  });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
  HTMLCanvasElement.prototype.setPointerCapture ??= () => {};

  end = new AbortController();
  [chosen, hovered, tools, selection, undone] = [[], [], [], new Int32Array(0), 0];
  const host = document.createElement("div");
  document.body.replaceChildren(host);
  plot = createScatter(host, {
    signal: end.signal,
    label: "map of digits",
    describe: (i) => `sample ${i}`,
    onHover: (i) => hovered.push(i),
    onSelect: (indices, how) => {
      chosen.push([[...indices], how]);
      before = selection;
      selection = combine(selection, indices, how);
      plot.setSelection(selection);
    },
    onUndo: () => {
      undone++;
      selection = before;
      plot.setSelection(selection);
    },
    onTool: (tool) => tools.push(tool),
  });
  plot.setPositions(XY);
  canvas = plot.element.querySelector<HTMLCanvasElement>(".nbviz-scatter-front")!;
  return frame();
});
afterEach(() => {
  end.abort();
  vi.restoreAllMocks();
});

const pointer = (type: string, [clientX, clientY]: number[], more: PointerEventInit = {}) =>
  canvas.dispatchEvent(
    new PointerEvent(type, { clientX, clientY, pointerId: 1, button: 0, pointerType: "mouse", ...more }),
  );
const key = (name: string, more: KeyboardEventInit = {}) => {
  const event = new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more });
  canvas.dispatchEvent(event);
  return event;
};
const click = (at: number[], more: MouseEventInit = {}) => {
  pointer("pointerdown", at, more);
  pointer("pointerup", at, more);
  canvas.dispatchEvent(new MouseEvent("click", { clientX: at[0], clientY: at[1], detail: 1, ...more }));
};
const drag = (path: number[][], more: MouseEventInit = {}) => {
  pointer("pointerdown", path[0], more);
  for (const at of path.slice(1)) pointer("pointermove", at, more);
  pointer("pointerup", path.at(-1)!, more);
  canvas.dispatchEvent(
    new MouseEvent("click", { clientX: path.at(-1)![0], clientY: path.at(-1)![1], detail: 1 }),
  );
};
const UPPER_HALF = [[2, 2], [398, 2], [398, 230], [2, 230]]; // biome-ignore format: one polygon

describe("the mouse", () => {
  it("selects the nearest point of a click, toggles with Shift, removes with Alt, clears on nothing", () => {
    click([AT[2][0] + 5, AT[2][1] - 5]);
    click(AT[4], { shiftKey: true });
    expect([...selection]).toEqual([2, 4]);
    click(AT[2], { shiftKey: true });
    expect([...selection]).toEqual([4]);
    click([300, 100], { shiftKey: true }); // nothing there: a slip of the hand loses nothing
    expect([...selection]).toEqual([4]);
    click(AT[4], { altKey: true });
    expect([...selection]).toEqual([]);
    click(AT[0]);
    click([300, 100]);
    expect([...selection]).toEqual([]);
  });

  it("pans with a drag, which is no click", async () => {
    drag([AT[2], [230, 210], [240, 220]]);
    expect(chosen).toEqual([]);
    click([AT[2][0] + 40, AT[2][1] + 20]);
    expect([...selection]).toEqual([2]);
  });

  it("lassoes with the lasso tool, or with Shift (adds) and Alt (removes) in any tool", () => {
    plot.setTool("lasso");
    drag(UPPER_HALF);
    expect(chosen.at(-1)).toEqual([[2, 3, 4], "replace"]);
    plot.setTool("pan");
    drag([[2, 300], [398, 300], [398, 398], [2, 398]], { shiftKey: true }); // biome-ignore format: one polygon
    expect(chosen.at(-1)).toEqual([[0, 1], "add"]);
    drag(UPPER_HALF, { altKey: true });
    expect(chosen.at(-1)).toEqual([[2, 3, 4], "remove"]);
    expect([...selection]).toEqual([0, 1]);
  });

  it("gives a lasso up with Escape", () => {
    plot.setTool("lasso");
    pointer("pointerdown", UPPER_HALF[0]);
    for (const at of UPPER_HALF.slice(1)) pointer("pointermove", at);
    key("Escape");
    pointer("pointerup", UPPER_HALF[3]);
    expect(chosen).toEqual([]);
  });

  it("hovers over the nearest point, also after the points moved", () => {
    pointer("pointermove", [AT[1][0] - 6, AT[1][1]]);
    pointer("pointermove", [300, 300]);
    expect(hovered).toEqual([1, null]);
    plot.setPositions(Float32Array.from(XY, (_, i) => XY[(i + 2) % 10])); // every point at its successor's place
    pointer("pointermove", AT[2]);
    expect(hovered.at(-1)).toBe(1);
    pointer("pointerleave", [0, 0]);
    expect(hovered.at(-1)).toBeNull();
  });

  it("shows everything again with a double click, without losing the selection", () => {
    click(AT[4]);
    drag([[100, 100], [160, 130], [200, 150]]); // biome-ignore format: one path
    click([300, 300]);
    canvas.dispatchEvent(new MouseEvent("dblclick", { clientX: 300, clientY: 300 }));
    expect([...selection]).toEqual([4]);
    pointer("pointermove", AT[0]);
    expect(hovered.at(-1)).toBe(0);
  });

  it("takes nothing back where the double click did not choose anything itself", () => {
    const twice = () => canvas.dispatchEvent(new MouseEvent("dblclick", { clientX: 300, clientY: 300 }));
    click([300, 300], { shiftKey: true });
    twice();
    click(AT[4]); // earlier, and then a drag
    drag([AT[2], [230, 210], [240, 220]]);
    twice();
    click(AT[0]);
    drag(UPPER_HALF, { shiftKey: true });
    twice();
    expect(undone).toBe(0);
    click([300, 100]);
    twice();
    twice();
    expect(undone).toBe(1);
  });

  it("leaves the wheel to the page unless the plot has the focus or Ctrl is held", () => {
    const turn = (more: WheelEventInit = {}) => {
      const event = new WheelEvent("wheel", {
        deltaY: -100,
        cancelable: true,
        clientX: 200,
        clientY: 200,
        ...more,
      });
      // happy-dom's WheelEvent takes no mouse coordinates
      Object.defineProperties(event, { clientX: { value: 200 }, clientY: { value: 200 } });
      canvas.dispatchEvent(event);
      return event.defaultPrevented;
    };
    expect(turn()).toBe(false);
    expect(plot.element.querySelector(".nbviz-scatter-hint")!.textContent).toContain("Click the plot");
    pointer("pointermove", AT[4]);
    expect(hovered.at(-1)).toBe(4); // nothing has zoomed
    canvas.focus();
    expect(turn()).toBe(true);
    pointer("pointermove", AT[4]);
    expect(hovered.at(-1)).toBeNull(); // zoomed in: point 4 is outside now
  });

  it("zooms in and out by the same steps, and pinches faster", () => {
    const factor = (deltaY: number, ctrlKey = false) => wheelFactor({ deltaY, deltaMode: 0, ctrlKey });
    expect(factor(-50) * factor(50)).toBeCloseTo(1, 9);
    expect(factor(-5, true)).toBeGreaterThan(factor(-5));
    expect(factor(-1e6)).toBeLessThan(1.5);
  });
});

describe("touch", () => {
  it("pans and zooms with two fingers", () => {
    const finger = (pointerId: number) => ({ pointerId, pointerType: "touch" });
    pointer("pointerdown", [150, 200], finger(1));
    pointer("pointerdown", [250, 200], finger(2));
    pointer("pointermove", [100, 200], finger(1));
    pointer("pointermove", [300, 200], finger(2)); // twice as far apart, about the same middle
    pointer("pointerup", [100, 200], finger(1));
    pointer("pointerup", [300, 200], finger(2));
    plot.setPositions(
      Float32Array.from(XY, (v) => v / 2)
        .fill(-1, 0, 2)
        .fill(1, 8),
    ); // points 1-3 half way
    pointer("pointermove", [386, 386]);
    expect(hovered.at(-1)).toBe(1);
    expect(chosen).toEqual([]);
  });
});

describe("the keyboard", () => {
  const said = () => plot.element.querySelector("[aria-live]")!.textContent;

  it("picks the middle point, steps from point to point, says where it is and selects it", () => {
    key("Enter");
    expect(said()).toBe("sample 2");
    key("ArrowRight");
    expect(["sample 1", "sample 4"]).toContain(said());
    key("ArrowUp");
    expect(said()).toBe("sample 4");
    expect(hovered.at(-1)).toBe(4);
    key(" ");
    key("ArrowLeft");
    key("Enter", { shiftKey: true });
    expect(chosen.at(-1)![1]).toBe("add");
    expect(selection.length).toBe(2);
    key("Escape");
    expect([said(), hovered.at(-1), selection.length]).toEqual(["", null, 2]);
    key("Escape");
    expect(selection.length).toBe(0);
  });

  it("pans, zooms and shows everything again", () => {
    key("ArrowRight"); // the view moves right, the points left
    pointer("pointermove", [AT[2][0] - 40, AT[2][1]]);
    expect(hovered.at(-1)).toBe(2);
    key("0");
    key("+");
    pointer("pointermove", AT[4]);
    expect(hovered.at(-1)).toBeNull();
    key("-");
    pointer("pointermove", AT[4]);
    expect(hovered.at(-1)).toBe(4);
  });

  it("switches the tool, and leaves other keys and shortcuts alone", () => {
    expect(key("l").defaultPrevented).toBe(true);
    key("L");
    expect(tools).toEqual(["lasso", "pan"]);
    expect(key("a").defaultPrevented).toBe(false);
    expect(key("0", { ctrlKey: true }).defaultPrevented).toBe(false);
    expect(plot.element.dataset.lmSuppressShortcuts).toBe("true");
  });

  it("is told to a screen reader", () => {
    expect([canvas.tabIndex, canvas.getAttribute("aria-label")]).toEqual([0, "map of digits"]);
    const help = document.getElementById(canvas.getAttribute("aria-describedby")!);
    expect(help!.textContent).toContain("Enter picks the point");
  });
});

describe("the picture", () => {
  it("is drawn once a frame, however often the positions change", async () => {
    const before = plot.stats.draws;
    for (let i = 0; i < 30; i++) plot.setPositions(Float32Array.from(XY, (v) => v * i));
    expect(plot.stats.draws).toBe(before);
    await frame();
    expect(plot.stats.draws).toBe(before + 1);
  });

  it("is not drawn anew for a hover", async () => {
    const before = plot.stats.draws;
    pointer("pointermove", AT[4]);
    await frame();
    expect(plot.stats.draws).toBe(before);
  });

  it("keeps the zoom while the number of points stays, and not otherwise", () => {
    key("+");
    plot.setPositions(XY.slice());
    pointer("pointermove", AT[4]);
    expect(hovered).toEqual([]); // still zoomed
    plot.setPositions(XY.slice(), { resetView: true });
    pointer("pointermove", AT[4]);
    expect(hovered.at(-1)).toBe(4);
    key("+");
    plot.setPositions(Float32Array.of(...XY, 0.5, 0.5));
    pointer("pointermove", AT[3]);
    expect(hovered.at(-1)).toBe(3);
  });

  it("takes quantised positions with the extent they span, and only with it", () => {
    const quantised = Uint16Array.from(XY, (v) => 32767.5 * (v + 1));
    expect(() => plot.setPositions(quantised)).toThrow("need the extent");
    plot.setPositions(quantised, { extent: [-9, -9, 9, 9] });
    pointer("pointermove", AT[4]);
    expect(hovered.at(-1)).toBe(4);
  });

  it("is dimmed and undimmed", () => {
    plot.setDimmed(true);
    expect(plot.element.hasAttribute("data-dimmed")).toBe(true);
    plot.setDimmed(false);
    expect(plot.element.hasAttribute("data-dimmed")).toBe(false);
  });

  it("ignores selected rows that do not exist", async () => {
    plot.setSelection(Int32Array.of(-1, 4, 99));
    await frame();
    click(AT[0], { shiftKey: true });
    expect(chosen).toEqual([[[0], "add"]]);
  });
});

describe("the end", () => {
  it("removes the elements and every listener, and draws no more", async () => {
    const disconnected = vi.spyOn(ResizeObserver.prototype, "disconnect");
    plot.setPositions(XY.slice());
    const { draws } = plot.stats;
    end.abort();
    expect(plot.element.isConnected).toBe(false);
    expect(disconnected).toHaveBeenCalledTimes(1);
    click(AT[2]);
    pointer("pointermove", AT[2]);
    key("Enter");
    key("l");
    await frame();
    expect([chosen, hovered, tools, plot.stats.draws]).toEqual([[], [], [], draws]);
  });
});

describe("an underlay", () => {
  it("is drawn whenever the view changes, and no more once it is taken away", async () => {
    const under = vi.fn();
    plot.setUnderlay(under);
    await frame();
    expect(under).toHaveBeenCalledOnce();
    const view = under.mock.calls[0][1];
    expect(view.toScreen(0, 0)).toEqual([200, 200]);
    plot.resetView();
    await frame();
    expect(under).toHaveBeenCalledTimes(2);
    plot.setUnderlay(null);
    await frame();
    expect(under).toHaveBeenCalledTimes(2);
  });
});
