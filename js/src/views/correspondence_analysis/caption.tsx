// Under each picture: what it is, and another one instead.
import type { Item } from "./meta";

export interface CaptionProps {
  item: Item;
  /** There are pictures that are not shown. */
  canChange: boolean;
  canRemove: boolean;
  canAdd: boolean;
  onStep: (way: 1 | -1) => void;
  onRemove: () => void;
  onAdd: () => void;
}

export function Caption({ item, canChange, canRemove, canAdd, onStep, onRemove, onAdd }: CaptionProps) {
  const name = item.label ? `${item.name} · ${item.label}` : item.name;
  const button = (text: string, label: string, action: () => void) => (
    <button type="button" aria-label={`${label}, ${item.name}`} title={label} onClick={action}>
      {text}
    </button>
  );
  return (
    <>
      <span class="nbviz-tile-name" title={name}>
        {name}
      </span>
      {canChange && button("‹", "The picture before instead", () => onStep(-1))}
      {canChange && button("›", "The next picture instead", () => onStep(1))}
      {canRemove && button("×", "Take this picture away", onRemove)}
      {canAdd && button("+", "Show one more picture", onAdd)}
    </>
  );
}
