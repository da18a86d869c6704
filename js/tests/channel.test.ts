import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createChannel, type Frame, type Link, typedArray } from "../src/channel";

type Handler = (...args: unknown[]) => void;

/** A model as anywidget gives it, with the kernel's side in the test's hands. */
class FakeModel {
  state: Record<string, unknown> = { request: 0, status: "idle", frame: {}, layer: "a" };
  saved: Record<string, unknown>[] = [];
  sent: Record<string, unknown>[] = [];
  gone = false;
  private handlers = new Map<string, Set<Handler>>();
  get(name: string) {
    return this.state[name];
  }
  set(name: string, value: unknown) {
    this.state[name] = value;
  }
  save_changes() {
    if (this.gone) throw new Error("Cannot send");
    this.saved.push({ ...this.state });
  }
  send(message: Record<string, unknown>) {
    if (this.gone) throw new Error("Cannot send");
    this.sent.push(message);
  }
  on(event: string, handler: Handler) {
    if (!this.handlers.has(event)) this.handlers.set(event, new Set());
    this.handlers.get(event)!.add(handler);
  }
  off(event: string, handler: Handler) {
    this.handlers.get(event)?.delete(handler);
  }
  emit(event: string, ...args: unknown[]) {
    for (const handler of this.handlers.get(event) ?? []) handler(...args);
  }
  listeners() {
    return [...this.handlers.values()].reduce((n, set) => n + set.size, 0);
  }
  frame(generation: number, request: number, kind = "preview", value = generation) {
    const buffers = [new DataView(new Float32Array([value]).buffer)];
    this.state.frame = { generation, request, kind, meta: {}, dtypes: ["float32"], buffers };
    this.emit("change:frame");
  }
  setStatus(status: string) {
    this.state.status = status;
    this.emit("change:status");
  }
}

let model: FakeModel;
let abort: AbortController;
let frames: Frame[];
let links: Link[];

function open() {
  return createChannel(model as never, {
    signal: abort.signal,
    onFrame: (frame) => frames.push(frame),
    onLink: (link) => links.push(link),
  });
}

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setInterval", "clearInterval", "requestAnimationFrame", "cancelAnimationFrame", "performance"],
  });
  model = new FakeModel();
  abort = new AbortController();
  frames = [];
  links = [];
});
afterEach(() => {
  abort.abort();
  vi.useRealTimers();
});

describe("typedArray", () => {
  it("reads an unaligned part of a message", () => {
    const raw = new ArrayBuffer(9);
    new DataView(raw).setFloat32(1, 1.5, true);
    new DataView(raw).setFloat32(5, -2, true);
    expect([...typedArray(new DataView(raw, 1, 8), "float32")]).toEqual([1.5, -2]);
  });
  it("heeds the offset of an aligned part", () => {
    const raw = new Uint16Array([1, 2, 3, 4, 5, 6]).buffer;
    expect([...typedArray(new DataView(raw, 4, 6), "uint16")]).toEqual([3, 4, 5]);
  });
  it("refuses other types", () => {
    expect(() => typedArray(new ArrayBuffer(8), "float64")).toThrow("float64");
  });
});

describe("requests", () => {
  it("keeps one under way and sends the newest after the answer", () => {
    const channel = open();
    for (const layer of ["b", "c", "d", "e"]) channel.set({ layer });
    expect(model.saved.map((s) => s.layer)).toEqual(["b"]);
    expect(channel.get("layer")).toBe("e");
    model.frame(1, 1);
    expect(model.saved.map((s) => s.layer)).toEqual(["b", "e"]);
    expect(model.saved.map((s) => s.request)).toEqual([1, 2]);
  });
  it("sends all values that waited together", () => {
    const channel = open();
    channel.set({ layer: "b" });
    channel.set({ layer: "c" });
    channel.set({ perplexity: 50 });
    model.frame(1, 1);
    expect(model.saved[1]).toMatchObject({ layer: "c", perplexity: 50, request: 2 });
  });
  it("a frame that answers an older request does not release the newer one", () => {
    const channel = open();
    model.state.request = 7;
    channel.set({ layer: "b" });
    channel.set({ layer: "c" });
    model.frame(1, 7);
    expect(model.saved).toHaveLength(1);
    model.frame(2, 8);
    expect(model.saved).toHaveLength(2);
  });
  it("what waits can be sent at once, and once only", () => {
    const channel = open();
    channel.flush();
    channel.set({ layer: "b" });
    channel.set({ layer: "c" });
    channel.flush();
    channel.flush();
    expect(model.saved.map((s) => s.layer)).toEqual(["b", "c"]);
    model.frame(1, 1); // answers the first only
    channel.set({ layer: "d" });
    expect(model.saved).toHaveLength(2);
    model.frame(2, 2);
    expect(model.saved.map((s) => s.layer)).toEqual(["b", "c", "d"]);
  });
  it("an error or a stop releases what waits", () => {
    const channel = open();
    channel.set({ layer: "b" });
    channel.set({ layer: "c" });
    model.setStatus("error");
    expect(model.saved.map((s) => s.layer)).toEqual(["b", "c"]);
  });
  it("does not wait for ever for an answer that was lost", () => {
    const channel = open();
    channel.set({ layer: "b" });
    channel.set({ layer: "c" });
    vi.advanceTimersByTime(2500);
    expect(model.saved.map((s) => s.layer)).toEqual(["b", "c"]);
  });
});

describe("frames", () => {
  it("draws the newest of several in one animation frame", () => {
    open();
    for (let g = 1; g <= 5; g++) model.frame(g, 0);
    vi.advanceTimersByTime(20);
    expect(frames.map((f) => f.generation)).toEqual([5]);
    expect([...frames[0].arrays[0]]).toEqual([5]);
  });
  it("never draws an older generation after a newer one", () => {
    open();
    model.frame(3, 0);
    vi.advanceTimersByTime(20);
    model.frame(2, 0, "result");
    vi.advanceTimersByTime(20);
    expect(frames.map((f) => f.generation)).toEqual([3]);
  });
  it("never draws a preview after the result of its generation", () => {
    open();
    model.frame(3, 0, "result", 10);
    model.frame(3, 0, "preview", 20);
    vi.advanceTimersByTime(20);
    expect(frames.map((f) => f.arrays[0][0])).toEqual([10]);
  });
  it("acknowledges a large frame once it is drawn, and only then", () => {
    open();
    const head = { type: "frame", generation: 4, request: 0, kind: "preview", meta: {}, dtypes: ["uint8"] };
    model.emit("msg:custom", head, [new DataView(new Uint8Array([9]).buffer)]);
    expect(model.sent).toEqual([]);
    vi.advanceTimersByTime(20);
    expect(model.sent).toEqual([{ type: "ack", generation: 4 }]);
  });
  it("asks again for a result that did not come", () => {
    open();
    model.frame(1, 0);
    vi.advanceTimersByTime(20);
    model.setStatus("done");
    vi.advanceTimersByTime(3500);
    expect(model.sent).toContainEqual({ type: "resend" });
  });
  it("draws the stored frame without a kernel's help", () => {
    model.frame(8, 0, "result");
    open();
    vi.advanceTimersByTime(20);
    expect(frames.map((f) => f.generation)).toEqual([8]);
  });
});

describe("link", () => {
  it("says busy, then gone, then ok again", () => {
    const channel = open();
    channel.set({ layer: "b" });
    model.state.status = "pending";
    vi.advanceTimersByTime(2000);
    expect(links).toEqual(["busy"]);
    vi.advanceTimersByTime(15_000);
    expect(links).toEqual(["busy", "gone"]);
    model.frame(1, 1);
    expect(links).toEqual(["busy", "gone", "ok"]);
  });
  it("says gone soon when the kernel was restarted, also if saving does not throw", () => {
    const channel = open();
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    channel.set({ layer: "b" });
    model.gone = true;
    vi.advanceTimersByTime(2000);
    expect(links).toEqual(["busy", "gone"]);
    expect(warn).toHaveBeenCalled();
  });
  it("a kernel that reports progress is not busy", () => {
    const channel = open();
    channel.set({ layer: "b" });
    vi.advanceTimersByTime(1000);
    model.emit("change:progress");
    vi.advanceTimersByTime(20_000);
    expect(links).toEqual([]);
  });
  it("says gone when sending throws", () => {
    const channel = open();
    model.gone = true;
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    channel.set({ layer: "b" });
    expect(links).toEqual(["gone"]);
    expect(warn).toHaveBeenCalled();
  });
});

it("leaves nothing behind", () => {
  open();
  expect(model.listeners()).toBeGreaterThan(0);
  abort.abort();
  expect(model.listeners()).toBe(0);
});
