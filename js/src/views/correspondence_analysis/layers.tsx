// Which layers are compared: a list to tick, folded away.
import type { Specimen } from "./meta";

export function LayerPicker({
  specimen,
  layers,
  onPick,
}: {
  specimen: Specimen;
  /** Empty for the usual ones. */
  layers: string[];
  onPick: (layers: string[]) => void;
}) {
  const shown = layers.length ? layers : specimen.usual;
  const toggle = (name: string, on: boolean) =>
    // In the order of execution, whatever the order of the clicks.
    onPick(specimen.layers.filter((layer) => (layer === name ? on : shown.includes(layer))));
  return (
    <details class="nbviz-picker" data-lm-suppress-shortcuts="true">
      <summary title="Layers whose signs of change are compared">
        Layers ({shown.length} of {specimen.layers.length})
      </summary>
      <div class="nbviz-picker-list">
        <button type="button" disabled={!layers.length} onClick={() => onPick([])}>
          usual ones
        </button>
        {specimen.layers.map((name) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={shown.includes(name)}
              onChange={(event) => toggle(name, event.currentTarget.checked)}
            />
            {name}
          </label>
        ))}
      </div>
    </details>
  );
}
