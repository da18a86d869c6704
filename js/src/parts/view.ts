// What every view begins and ends with: how anywidget opens it, and how it follows its traits.
import type { AnyModel, Render } from "@anywidget/types";

// biome-ignore lint/suspicious/noExplicitAny: traits are of any type
export type Model = AnyModel<any>;

/** What anywidget expects of a module. `signal` is aborted when the view is removed from the page. */
export function defineView(open: (model: Model, el: HTMLElement, signal: AbortSignal) => void): {
  render: Render;
} {
  return {
    render: ({ model, el }) => {
      const controller = new AbortController();
      open(model, el, controller.signal);
      return () => controller.abort();
    },
  };
}

/** Call each listener when the trait of its name changes, until `signal` is aborted. */
export function onChange(model: Model, signal: AbortSignal, listeners: Record<string, () => void>): void {
  const events = Object.entries(listeners).map(([name, listener]) => [`change:${name}`, listener] as const);
  for (const [event, listener] of events) model.on(event, listener);
  signal.addEventListener("abort", () => {
    for (const [event, listener] of events) model.off(event, listener);
  });
}
