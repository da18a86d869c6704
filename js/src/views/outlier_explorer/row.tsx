// One sample of the list: picture, label and prediction, loss, and what its neighbours are.
import { luminance, toCss, unpack } from "../../parts/colours";
import { Swatch } from "../../parts/legend";
import { type Pictures, SamplePicture } from "../../parts/pictures";
import { lossText } from "./report";
import { type ClassMark, percentText, type Sample, SHORT } from "./sample";

const MOST_CHIPS = 6; // one less where a number of further ones follows

/** A class as a small coloured square, with its name where that is short. */
export function Chip({ mark, title }: { mark: ClassMark; title?: string }) {
  if (mark.name.length > SHORT)
    return (
      <span class="nbviz-chip" title={title ?? mark.name}>
        <Swatch colour={toCss(mark.colour)} shape={mark.shape} />
      </span>
    );
  const dark = luminance(unpack(mark.colour)) < 0.179;
  return (
    <span
      class="nbviz-chip"
      title={title ?? mark.name}
      style={{ background: toCss(mark.colour), color: dark ? "#fff" : "#000" }}
    >
      {mark.name}
    </span>
  );
}

function Class({ mark }: { mark: ClassMark }) {
  return (
    <>
      <Chip mark={mark} />
      {mark.name.length > SHORT && (
        <span class="nbviz-outliers-class" title={mark.name}>
          {mark.name}
        </span>
      )}
    </>
  );
}

/** Which columns there is something to say in. */
export interface Columns {
  pictures: boolean;
  losses: boolean;
  disagreement: boolean;
}

/** Widths of the columns, for the list and its head, and for narrow pages. */
export function widths({ pictures, losses, disagreement }: Columns): Record<string, string> {
  const before = `${pictures ? "38px " : ""}minmax(0, 1fr) `;
  return {
    "--nbviz-columns": `${before}${losses ? "64px " : ""}34px ${disagreement ? "52px " : ""}110px`,
    // The first column is the picture's, the names stand above all the others.
    "--nbviz-columns-narrow": `${pictures ? "38px " : ""}${losses ? "64px " : ""}34px ${disagreement ? "52px " : ""}minmax(0, 1fr)`,
    "--nbviz-names-from": pictures ? "2" : "1",
  };
}

export interface RowProps {
  columns: Columns;
  sample: Sample;
  pictures: Pictures;
  /** The mouse is over the picture or the neighbours (null: left them). */
  onPeek: (what: "sample" | "neighbours" | null, event: MouseEvent) => void;
}

export function SampleRow({ columns, sample, pictures, onPeek }: RowProps) {
  const { label, prediction, neighbours, k } = sample;
  const shown = k > MOST_CHIPS ? MOST_CHIPS - 1 : k;
  const peek = (what: "sample" | "neighbours") => ({
    onMouseEnter: (event: MouseEvent) => onPeek(what, event),
    onMouseLeave: (event: MouseEvent) => onPeek(null, event),
  });
  return (
    <div class="nbviz-outliers-row" data-row={sample.row}>
      {columns.pictures && (
        <span class="nbviz-outliers-picture" {...peek("sample")}>
          <SamplePicture pictures={pictures} row={sample.row} size={36} />
        </span>
      )}
      <span class="nbviz-outliers-who">
        <span class="nbviz-outliers-verdict" data-wrong={sample.isWrong ? "" : undefined}>
          <span>
            <Class mark={label} />
          </span>
          {prediction && (
            <span>
              → <Class mark={prediction} />
              <span class="nbviz-outliers-sure">{percentText(sample.confidence)}</span>
            </span>
          )}
        </span>
        <span class="nbviz-outliers-name">{sample.name}</span>
      </span>
      {columns.losses && <span class="nbviz-outliers-number">{lossText(sample.loss)}</span>}
      <span class="nbviz-outliers-number" data-outlier={sample.isOutlier ? "" : undefined}>
        {sample.same}/{k}
      </span>
      {columns.disagreement && (
        <span class="nbviz-outliers-number nbviz-outliers-disagreement">{`${sample.disagreement}/${k}`}</span>
      )}
      <span class="nbviz-outliers-chips" {...peek("neighbours")}>
        {neighbours.slice(0, shown).map((neighbour) => (
          <Chip key={neighbour.row} mark={neighbour.label} title="" />
        ))}
        {k > shown && <span class="nbviz-outliers-more">+{k - shown}</span>}
      </span>
    </div>
  );
}

/** What the columns of the list mean. */
export function ListHead({ columns, lossUnit, k }: { columns: Columns; lossUnit: string; k: number }) {
  const unit = lossUnit ? ` (${lossUnit})` : "";
  return (
    <div class="nbviz-outliers-row nbviz-outliers-head" aria-hidden="true">
      {columns.pictures && <span class="nbviz-outliers-picture" />}
      <span
        class="nbviz-outliers-who"
        title="The sample's label, and what the network says with which probability; bold where it is wrong"
      >
        {columns.disagreement ? "label → prediction" : "label"}
      </span>
      {columns.losses && (
        <span
          class="nbviz-outliers-number"
          title={`Loss${unit}: ${lossUnit ? "minus the logarithm of the probability of the label" : "as given"}`}
        >
          loss{unit}
        </span>
      )}
      <span
        class="nbviz-outliers-number"
        title={`Local neighbourhood hit: how many of the ${k} nearest neighbours carry the same label`}
      >
        alike
      </span>
      {columns.disagreement && (
        <span
          class="nbviz-outliers-number nbviz-outliers-disagreement"
          title={`Disagreement of neighbours and network: of the ${k} neighbours, those of the most frequent class less those of the predicted class`}
        >
          disagree
        </span>
      )}
      <span title="Labels of the nearest neighbours, nearest first">neighbours</span>
    </div>
  );
}
