// Beside the picture: the legend of the map, the picture under the pointer, and the classes.
import { ShareBars } from "../../parts/bars";
import type { PainterMeta } from "./controls";
import { mapLegend, type Quantity, type WindowMap } from "./map";
import { Peek, type PeekProps } from "./peek";

export interface SideProps {
  meta: PainterMeta;
  /** null while one paints. */
  map: WindowMap | null;
  quantity: Quantity;
  dark: boolean;
  peek: PeekProps | null;
  /** A class of the map was chosen. */
  onPick: (index: number) => void;
}

export function Side({ meta, map, quantity, dark, peek, onPick }: SideProps) {
  const bars = meta.classes.map(({ name, before, after }) => ({
    name,
    before,
    after,
    emphasised: map !== null && name === map.meta.target,
  }));
  return (
    <div class="nbviz-painter-side">
      {map && mapLegend(map, quantity, dark)}
      {map && (
        <Peek
          peek={peek}
          hint="Point at the map: the picture as the model saw it there. A click covers the place."
        />
      )}
      <div class="nbviz-side-title">
        {map
          ? "class to map (probability on the picture as painted)"
          : "class probability: outline before, bar now"}
      </div>
      <ShareBars
        label="Class probabilities"
        bars={bars}
        onPick={map ? (row) => onPick(meta.classes[row].index) : undefined}
      />
    </div>
  );
}
