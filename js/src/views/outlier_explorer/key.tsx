// Under the map: what colours, rings and crosses mean, and what the ground is.
import { type Palette, toCss } from "../../parts/colours";
import { GlyphKey, Legend } from "../../parts/legend";

export function MapKey({
  names,
  palette,
  onClass,
  outliers,
  errors,
  note,
}: {
  /** The classes. */
  names: string[];
  palette: Palette;
  /** A class was clicked; `add` to the selection. */
  onClass: (code: number, add: boolean) => void;
  /** null while they are not known. */
  outliers: number | null;
  errors: number | null;
  /** What is to be said of the regions; empty while they are not shown. */
  note: string;
}) {
  return (
    <div class="nbviz-outliers-key">
      <Legend
        label="Colour: label"
        entries={names.map((name, i) => ({
          name,
          colour: toCss(palette.colours[i]),
          shape: palette.shapes[i],
        }))}
        onPick={onClass}
      />
      {outliers !== null && (
        <span class="nbviz-legend-entry">
          <svg width="14" height="14" aria-hidden="true" focusable="false">
            <circle cx="7" cy="7" r="5.6" fill="none" stroke="currentColor" stroke-width="1.3" />
            <circle cx="7" cy="7" r="2.6" fill="currentColor" opacity="0.45" />
          </svg>
          <span class="nbviz-legend-name">outlier</span>
          <span class="nbviz-legend-count">{outliers.toLocaleString("en")}</span>
        </span>
      )}
      {errors !== null && <GlyphKey name="wrong" count={errors} />}
      {note && <span class="nbviz-outliers-note">{`Regions: ${note}`}</span>}
    </div>
  );
}
