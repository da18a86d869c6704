// One sample of the list: picture, label and prediction, loss, and what its neighbours are.
import { luminance, toCss, unpack } from "../../parts/colours";
import { type Sprite, Thumbnail } from "../../parts/thumbnails";
import { lossText } from "./report";
import { type ClassMark, percentText, type Sample } from "./sample";

const MOST_CHIPS = 6;

/** A class as a small coloured square, with its name where that is short. */
export function Chip({ mark, title }: { mark: ClassMark; title?: string }) {
  const dark = luminance(unpack(mark.colour)) < 0.179;
  return (
    <span
      class="nbviz-chip"
      title={title ?? mark.name}
      style={{ background: toCss(mark.colour), color: dark ? "#fff" : "#000" }}
    >
      {mark.name.length <= 2 ? mark.name : ""}
    </span>
  );
}

function Class({ mark }: { mark: ClassMark }) {
  return (
    <>
      <Chip mark={mark} />
      {mark.name.length > 2 && <span class="nbviz-outliers-class">{mark.name}</span>}
    </>
  );
}

export interface RowProps {
  sample: Sample;
  sprite: Sprite | null;
  /** The mouse is over the picture or the neighbours (null: left them). */
  onPeek: (what: "sample" | "neighbours" | null, event: MouseEvent) => void;
}

export function SampleRow({ sample, sprite, onPeek }: RowProps) {
  const { label, prediction, neighbours, k } = sample;
  const peek = (what: "sample" | "neighbours") => ({
    onMouseEnter: (event: MouseEvent) => onPeek(what, event),
    onMouseLeave: (event: MouseEvent) => onPeek(null, event),
  });
  return (
    <div class="nbviz-outliers-row" data-row={sample.row}>
      <span class="nbviz-outliers-picture" {...peek("sample")}>
        {sprite && sample.row < sprite.count && <Thumbnail sprite={sprite} index={sample.row} size={36} />}
      </span>
      <span class="nbviz-outliers-who">
        <span class="nbviz-outliers-verdict" data-wrong={sample.isWrong ? "" : undefined}>
          <Class mark={label} />
          {prediction && (
            <>
              <span>→</span>
              <Class mark={prediction} />
              <span class="nbviz-outliers-sure">{percentText(sample.confidence)}</span>
            </>
          )}
        </span>
        <span class="nbviz-outliers-name">{sample.name}</span>
      </span>
      <span class="nbviz-outliers-number">{lossText(sample.loss)}</span>
      <span class="nbviz-outliers-number" data-outlier={sample.isOutlier ? "" : undefined}>
        {sample.same}/{k}
      </span>
      <span class="nbviz-outliers-number nbviz-outliers-disagreement">
        {sample.disagreement === null ? "–" : `${sample.disagreement}/${k}`}
      </span>
      <span class="nbviz-outliers-chips" {...peek("neighbours")}>
        {neighbours.slice(0, MOST_CHIPS).map((neighbour) => (
          <Chip key={neighbour.row} mark={neighbour.label} title="" />
        ))}
        {neighbours.length > MOST_CHIPS && (
          <span class="nbviz-outliers-more">+{neighbours.length - MOST_CHIPS}</span>
        )}
      </span>
    </div>
  );
}

/** What the columns of the list mean. */
export function ListHead({ lossUnit, k }: { lossUnit: string; k: number }) {
  const unit = lossUnit ? ` (${lossUnit})` : "";
  return (
    <div class="nbviz-outliers-row nbviz-outliers-head" aria-hidden="true">
      <span />
      <span title="The sample's label, and what the network says with which probability; bold where it is wrong">
        label → prediction
      </span>
      <span
        class="nbviz-outliers-number"
        title={`Loss${unit}: ${lossUnit ? "minus the logarithm of the probability of the label" : "as given"}`}
      >
        loss{unit}
      </span>
      <span
        class="nbviz-outliers-number"
        title={`Local neighbourhood hit: how many of the ${k} nearest neighbours carry the same label`}
      >
        alike
      </span>
      <span
        class="nbviz-outliers-number nbviz-outliers-disagreement"
        title={`Disagreement of neighbours and network: of the ${k} neighbours, those of the most frequent class less those of the predicted class`}
      >
        disagree
      </span>
      <span title="Labels of the nearest neighbours, nearest first">neighbours</span>
    </div>
  );
}
