// A canvas that fills its box, with a title above and a legend below.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

export interface PanelProps {
  title: string;
  tip?: string;
  /** What the picture shows, for a screen reader. */
  label: string;
  draw: (g: CanvasRenderingContext2D, size: [width: number, height: number]) => void;
  /** The pointer is there, in CSS pixels of the canvas; null: it left. */
  onPoint?: (at: [number, number] | null) => void;
  /** True if the key meant something. */
  onKey?: (key: string) => boolean;
  children?: ComponentChildren;
}

export function Panel({ title, tip, label, draw, onPoint, onKey, children }: PanelProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [[width, height], setSize] = useState<[number, number]>([0, 0]);
  useLayoutEffect(() => {
    const measure = () => {
      const { clientWidth, clientHeight } = canvas.current!.parentElement!;
      setSize((old) =>
        old[0] === clientWidth && old[1] === clientHeight ? old : [clientWidth, clientHeight],
      );
    };
    const observer = new ResizeObserver(measure);
    observer.observe(canvas.current!.parentElement!);
    measure();
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const ratio = window.devicePixelRatio || 1;
    const element = canvas.current!;
    element.width = Math.round(width * ratio);
    element.height = Math.round(height * ratio);
    const g = element.getContext("2d")!;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (width && height) draw(g, [width, height]);
  });
  const point = (event: PointerEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    onPoint?.([event.clientX - box.left, event.clientY - box.top]);
  };
  return (
    <figure class="nbviz-field-panel">
      <figcaption title={tip}>{title}</figcaption>
      <div class="nbviz-field-canvas">
        <canvas
          ref={canvas}
          role="img"
          aria-label={label}
          tabIndex={onKey ? 0 : undefined}
          data-lm-suppress-shortcuts={onKey ? "true" : undefined}
          onPointerMove={onPoint && point}
          onPointerLeave={onPoint && (() => onPoint(null))}
          onKeyDown={(event) => {
            if (!onKey?.(event.key)) return;
            event.preventDefault();
            event.stopPropagation();
          }}
        />
      </div>
      {children}
    </figure>
  );
}
