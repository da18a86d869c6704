// A list of any length, of which only the rows in sight are on the page; the arrow keys move through it.
import type { ComponentChild } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import css from "./long_list.css";

export { css as longListCss };

export interface LongListProps {
  /** Accessible name. */
  label: string;
  count: number;
  /** Height of every row, CSS pixels. */
  rowHeight: number;
  /** Row that the arrow keys are at, -1 for none; it is scrolled into sight when it changes. */
  active: number;
  /** Row that was picked, -1 for none. */
  chosen: number;
  /** A list of another order or content begins at its top. */
  order: string;
  row: (index: number) => ComponentChild;
  /** The row in one sentence, for screen readers. */
  describe: (index: number) => string;
  onMove: (index: number) => void;
  /** A row was clicked, or Enter pressed on it; -1 for Escape. */
  onPick: (index: number) => void;
  /** The mouse is over a row (-1: over none). */
  onHover?: (index: number) => void;
}

/** Rows beyond both ends that are drawn all the same: scrolling by a little shows no gap. */
const SPARE = 4;

/** The rows to draw: from `first` to before `end`. */
export function inSight(scroll: number, height: number, rowHeight: number, count: number): [number, number] {
  const first = Math.max(0, Math.floor(scroll / rowHeight) - SPARE);
  return [Math.min(first, count), Math.min(count, Math.ceil((scroll + height) / rowHeight) + SPARE)];
}

/** Where a key leads from row `at`, null if it leads nowhere. */
export function stepTo(key: string, at: number, page: number, count: number): number | null {
  const steps: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: count - 1,
  };
  return key in steps && count > 0 ? Math.min(Math.max(steps[key], 0), count - 1) : null;
}

export function LongList(props: LongListProps) {
  const { label, count, rowHeight, active, chosen, order, row, describe, onMove, onPick, onHover } = props;
  const box = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState(0);
  const [height, setHeight] = useState(400);
  const id = useId();
  const at = useRef(active); // keys may come faster than the list is drawn
  at.current = active;

  useLayoutEffect(() => {
    const element = box.current!;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    box.current!.scrollTop = 0;
    setScroll(0);
  }, [order]);
  useLayoutEffect(() => {
    const element = box.current!;
    if (active < 0) return;
    const top = active * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = top + rowHeight - element.clientHeight;
    setScroll(element.scrollTop);
  }, [active, rowHeight]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = stepTo(event.key, at.current, Math.max(1, Math.floor(height / rowHeight) - 1), count);
    if (next !== null) {
      at.current = next;
      onMove(next);
    } else if ((event.key === "Enter" || event.key === " ") && at.current >= 0) onPick(at.current);
    else if (event.key === "Escape") onPick(-1);
    else return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab takes arrow keys and Enter for its cells
  };

  const [first, end] = inSight(scroll, height, rowHeight, count);
  return (
    <div
      class="nbviz-list"
      ref={box}
      role="listbox"
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={active >= first && active < end ? `${id}-${active}` : undefined}
      data-lm-suppress-shortcuts="true"
      onKeyDown={onKeyDown}
      onScroll={(event) => setScroll(event.currentTarget.scrollTop)}
      onMouseLeave={() => onHover?.(-1)}
    >
      <div class="nbviz-list-room" role="presentation" style={{ height: `${count * rowHeight}px` }}>
        {Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i).map((index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the list has the focus and hears the keys
          // biome-ignore lint/a11y/useFocusableInteractive: the list points at it (aria-activedescendant)
          <div
            key={index}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === chosen}
            aria-posinset={index + 1}
            aria-setsize={count}
            aria-label={describe(index)}
            data-active={index === active ? "" : undefined}
            style={{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}
            onClick={() => onPick(index)}
            onMouseEnter={() => onHover?.(index)}
          >
            {row(index)}
          </div>
        ))}
      </div>
    </div>
  );
}
