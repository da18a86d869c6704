// Which of many are shown (layers, columns): a list to tick, folded away.
import css from "./pick_list.css";

export { css as pickListCss };

export interface PickListProps {
  /** What is picked: "Layers". */
  label: string;
  tip: string;
  /** In the order in which they are shown, whatever the order of the clicks. */
  names: string[];
  chosen: string[];
  /** Chosen by default; a button goes back to them. */
  usual?: string[];
  onPick: (chosen: string[]) => void;
  onUsual?: () => void;
  /** The last one cannot be taken away. */
  atLeastOne?: boolean;
}

export function PickList(props: PickListProps) {
  const { label, tip, names, chosen, usual, onPick, onUsual, atLeastOne } = props;
  const isUsual = usual?.length === chosen.length && usual.every((name) => chosen.includes(name));
  const toggle = (name: string, on: boolean) =>
    onPick(names.filter((other) => (other === name ? on : chosen.includes(other))));
  return (
    <details class="nbviz-picker" data-lm-suppress-shortcuts="true">
      <summary title={tip}>
        {label} ({chosen.length} of {names.length})
      </summary>
      <div class="nbviz-picker-list">
        {onUsual && (
          <button type="button" disabled={isUsual} onClick={onUsual}>
            usual ones
          </button>
        )}
        {names.map((name) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={chosen.includes(name)}
              disabled={atLeastOne && chosen.length === 1 && chosen[0] === name}
              onChange={(event) => toggle(name, event.currentTarget.checked)}
            />
            {name}
          </label>
        ))}
      </div>
    </details>
  );
}
