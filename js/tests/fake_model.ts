// A view without a kernel: what it would get from Python is put into a model that keeps what is sent back.
import { afterEach, beforeEach, vi } from "vitest";

type Listener = (...values: unknown[]) => void;

export class FakeModel {
  readonly sent: { message: Record<string, unknown>; buffers: unknown }[] = [];
  private readonly listeners: Record<string, Listener[]> = {};

  constructor(readonly traits: Record<string, unknown>) {}

  get(name: string): unknown {
    return this.traits[name];
  }

  set(name: string, value: unknown): void {
    this.traits[name] = value;
    this.emit(`change:${name}`);
    this.emit("change");
  }

  save_changes(): void {}

  send(message: Record<string, unknown>, _callbacks?: unknown, buffers?: unknown): void {
    this.sent.push({ message, buffers });
  }

  on(event: string, listener: Listener): void {
    this.listeners[event] = [...(this.listeners[event] ?? []), listener];
  }

  off(event: string, listener: Listener): void {
    this.listeners[event] = (this.listeners[event] ?? []).filter((one) => one !== listener);
  }

  /** The kernel has answered: what waited for that is sent now. */
  answer(): void {
    this.set("status", "done");
  }

  emit(event: string, ...values: unknown[]): void {
    for (const listener of this.listeners[event] ?? []) listener(...values);
  }
}

/** happy-dom neither lays out nor draws: every element is 400 × 400, and a canvas takes everything. */
export function mockCanvas(): void {
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(400);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(400);
  const canvas = { width: 400, height: 400 };
  const target: Record<PropertyKey, unknown> = { canvas };
  const context = new Proxy(target, {
    get: (known, key) => known[key] ?? (key === "measureText" ? () => ({ width: 10 }) : () => {}),
  });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
  HTMLCanvasElement.prototype.setPointerCapture ??= () => {};
  vi.stubGlobal(
    "ImageData",
    class {
      readonly data: Uint8ClampedArray;
      constructor(
        readonly width: number,
        readonly height: number,
      ) {
        this.data = new Uint8ClampedArray(4 * width * height);
      }
    },
  );
}

export type Numbers = Uint8Array | Uint16Array | Int32Array | Float32Array;

/** A frame as Python sends it. */
export function packFrame(meta: Record<string, unknown>, arrays: Numbers[], generation = 1) {
  const dtypes = { Uint8Array: "uint8", Uint16Array: "uint16", Int32Array: "int32", Float32Array: "float32" };
  return {
    generation,
    request: 0,
    kind: "result",
    meta,
    dtypes: arrays.map((array) => dtypes[array.constructor.name as keyof typeof dtypes]),
    buffers: arrays.map((array) => new DataView(array.slice().buffer)),
  };
}

/** Thumbnails of all samples, as Python packs them. */
export const SPRITE = { png: new DataView(new ArrayBuffer(8)), columns: 6, width: 4, height: 4 };

const COMMON = { status: "done", height: 400, elapsed: 0, request: 0, selection: [], thumbnails: {} };

/** A view on the page, with its first frame drawn. */
export async function openView(
  // biome-ignore lint/suspicious/noExplicitAny: as anywidget types it
  view: { render?: any },
  traits: Record<string, unknown>,
): Promise<{ model: FakeModel; el: HTMLElement; close: () => void }> {
  const model = new FakeModel({ ...COMMON, ...traits });
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  const close = view.render({ model, el });
  await drawn();
  return { model, el, close };
}

/** For a file of tests: a view that is opened in each, and closed after it. */
export function viewInTurn() {
  const shown = {
    model: null as unknown as FakeModel,
    el: null as unknown as HTMLElement,
    // biome-ignore lint/suspicious/noExplicitAny: any view
    open: async (view: any, traits: Record<string, unknown>) => {
      const { model, el, close } = await openView(view, traits);
      Object.assign(shown, { model, el });
      closing = close;
    },
  };
  let closing = () => {};
  beforeEach(mockCanvas);
  afterEach(() => {
    closing();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });
  return shown;
}

/** When what was asked for has been drawn. */
export const drawn = () => new Promise((done) => setTimeout(done, 80));

/** The canvas of a map that gets the events. */
export const front = (el: HTMLElement, which = 0): HTMLElement =>
  [...el.querySelectorAll<HTMLElement>(".nbviz-scatter-front")][which];

/** A click, or the two of a double click, as a browser tells them. */
export function click(
  at: HTMLElement,
  [clientX, clientY]: number[],
  { times = 1, ...more }: MouseEventInit & { times?: number } = {},
): void {
  for (let detail = 1; detail <= times; detail++) {
    const options = { clientX, clientY, detail, bubbles: true, ...more };
    at.dispatchEvent(new PointerEvent("pointerdown", { pointerId: 1, button: 0, ...options }));
    at.dispatchEvent(new PointerEvent("pointerup", { pointerId: 1, button: 0, ...options }));
    at.dispatchEvent(new MouseEvent("click", options));
    if (detail === 2) at.dispatchEvent(new MouseEvent("dblclick", options));
  }
}

export const key = (at: HTMLElement, name: string) =>
  at.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
