// The browser half of nbviz/core/recompute.py and nbviz/views/parts/frames.py.
//
// Parameters are traits. One request is under way at a time and the newest waits; frames of an older
// generation are dropped; drawing happens only in an animation frame.
import type { AnyModel } from "@anywidget/types";

export type TypedArray = Float32Array | Int32Array | Uint16Array | Uint8Array;

export interface Frame {
  generation: number;
  request: number;
  kind: "preview" | "result";
  // biome-ignore lint/suspicious/noExplicitAny: each view knows its own meta
  meta: any;
  arrays: TypedArray[];
}

interface PackedFrame extends Omit<Frame, "arrays"> {
  dtypes: string[];
  buffers: (DataView | ArrayBuffer)[];
}

/** Whether the kernel answers: "busy" after 1.5 s of silence, "gone" when sending fails or after 15 s. */
export type Link = "ok" | "busy" | "gone";

export interface ChannelOptions {
  signal: AbortSignal;
  onFrame: (frame: Frame) => void;
  onLink?: (link: Link) => void;
  onMessage?: (message: Record<string, unknown>, buffers: DataView[]) => void;
}

export interface Channel {
  /** Ask for new parameter values; they travel together, now or when the request under way is answered. */
  set(values: Record<string, unknown>): void;
  /** Send what waits now: what the person does next shall come after it. */
  flush(): void;
  /** Change a trait that asks for no computation (a selection, a zoom). */
  assign(values: Record<string, unknown>): void;
  /** The value that the person chose last, also while it waits to be sent. */
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get(name: string): any;
  /** Whether values wait to be sent or answered. */
  isWaiting(): boolean;
  send(message: Record<string, unknown>, buffers?: ArrayBufferView[]): void;
  stop(): void;
}

// biome-ignore lint/suspicious/noExplicitAny: a model's traits differ from view to view
type Model = AnyModel<any>;

const BUSY_AFTER = 1500;
const GONE_AFTER = 15_000;
const GIVE_UP_WAITING = 2000;
const MISSING_AFTER = 3000;

const ARRAYS: Record<string, (buffer: ArrayBuffer, offset: number, bytes: number) => TypedArray> = {
  float32: (b, o, n) => new Float32Array(b, o, n / 4),
  int32: (b, o, n) => new Int32Array(b, o, n / 4),
  uint16: (b, o, n) => new Uint16Array(b, o, n / 2),
  uint8: (b, o, n) => new Uint8Array(b, o, n),
};

/** A buffer as a typed array. It may lie unaligned inside one big message: then it is copied. */
export function typedArray(buffer: DataView | ArrayBuffer, dtype: string): TypedArray {
  const make = ARRAYS[dtype];
  if (!make) throw new Error(`nbviz: arrays of type ${dtype} do not travel`);
  if (buffer instanceof ArrayBuffer) return make(buffer, 0, buffer.byteLength);
  const { byteOffset, byteLength } = buffer;
  const whole = buffer.buffer as ArrayBuffer;
  if (byteOffset % 4 === 0) return make(whole, byteOffset, byteLength);
  return make(whole.slice(byteOffset, byteOffset + byteLength), 0, byteLength);
}

function unpack(packed: PackedFrame): Frame {
  const { dtypes, buffers, ...head } = packed;
  return { ...head, arrays: buffers.map((buffer, i) => typedArray(buffer, dtypes[i])) };
}

export function createChannel(model: Model, options: ChannelOptions): Channel {
  const { signal, onFrame } = options;
  let waiting: Record<string, unknown> | null = null;
  let inFlight: { request: number; since: number } | null = null;
  let shown: { generation: number; kind: string } | null = null;
  let next: { frame: Frame; acknowledge: boolean } | null = null;
  let drawing = 0;
  let link: Link = "ok";
  let doneSince = 0;
  let heard = Number.NEGATIVE_INFINITY; // when the kernel last said anything

  const setLink = (state: Link) => {
    if (state !== link) {
      link = state;
      options.onLink?.(state);
    }
  };

  /** Sending throws once the kernel was restarted. */
  const attempt = (action: () => void) => {
    try {
      action();
    } catch (error) {
      console.warn("nbviz: the kernel cannot be reached", error);
      setLink("gone");
    }
  };

  const fire = (values: Record<string, unknown>) => {
    const request = Number(model.get("request") ?? 0) + 1;
    inFlight = { request, since: performance.now() };
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.set("request", request);
    attempt(() => model.save_changes());
  };

  const release = () => {
    inFlight = null;
    if (waiting) {
      const values = waiting;
      waiting = null;
      fire(values);
    }
  };

  const draw = () => {
    drawing = 0;
    if (!next || signal.aborted) return;
    const { frame, acknowledge } = next;
    next = null;
    shown = { generation: frame.generation, kind: frame.kind };
    onFrame(frame);
    if (acknowledge) attempt(() => model.send({ type: "ack", generation: frame.generation }));
  };

  const hear = () => {
    heard = performance.now();
    setLink("ok");
  };

  const accept = (packed: PackedFrame | undefined, acknowledge: boolean) => {
    if (!packed || packed.generation === undefined) return;
    hear();
    if (inFlight && packed.request >= inFlight.request) release();
    const newest = next ? next.frame : shown;
    const stale =
      newest &&
      (packed.generation < newest.generation ||
        (packed.generation === newest.generation && newest.kind === "result" && packed.kind === "preview"));
    if (stale) return;
    next = { frame: unpack(packed), acknowledge };
    if (!drawing) drawing = requestAnimationFrame(draw);
  };

  const onTrait = () => accept(model.get("frame"), false);
  const onMessage = (message: Record<string, unknown>, buffers: DataView[]) => {
    if (message?.type === "frame") accept({ ...(message as unknown as PackedFrame), buffers }, true);
    else options.onMessage?.(message, buffers);
  };
  const onStatus = () => {
    hear();
    const status = model.get("status");
    doneSince = status === "done" ? performance.now() : 0;
    if (status === "error" || status === "cancelled" || status === "done") release();
  };

  const watch = () => {
    const now = performance.now();
    if (inFlight) {
      const silent = heard > inFlight.since ? 0 : now - inFlight.since;
      if (silent > BUSY_AFTER && link === "ok") {
        setLink("busy");
        attempt(() => model.send({ type: "hello" })); // throws if the kernel was restarted
      }
      if (silent > GONE_AFTER) setLink("gone");
      if (now - inFlight.since > GIVE_UP_WAITING && waiting) release();
    }
    // A large message can be lost on the way: ask for the result again.
    if (doneSince && now - doneSince > MISSING_AFTER && shown?.kind !== "result" && !next) {
      doneSince = now;
      attempt(() => model.send({ type: "resend" }));
    }
  };

  model.on("change:frame", onTrait);
  model.on("change:status", onStatus);
  model.on("change:progress", hear);
  model.on("msg:custom", onMessage);
  const timer = setInterval(watch, 250);
  signal.addEventListener("abort", () => {
    model.off("change:frame", onTrait);
    model.off("change:status", onStatus);
    model.off("change:progress", hear);
    model.off("msg:custom", onMessage);
    clearInterval(timer);
    cancelAnimationFrame(drawing);
  });
  if (model.get("status") === "done") doneSince = performance.now() - MISSING_AFTER + 500;
  onTrait();

  return {
    set(values) {
      if (inFlight) waiting = { ...waiting, ...values };
      else fire(values);
    },
    flush() {
      if (waiting) release();
    },
    assign(values) {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      attempt(() => model.save_changes());
    },
    get: (name) => (waiting && name in waiting ? waiting[name] : model.get(name)),
    isWaiting: () => waiting !== null || inFlight !== null,
    send: (message, buffers) =>
      attempt(() => (buffers ? model.send(message, undefined, buffers) : model.send(message))),
    stop() {
      waiting = null;
      attempt(() => model.send({ type: "stop" }));
    },
  };
}
