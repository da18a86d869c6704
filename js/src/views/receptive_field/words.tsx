// Both fields in plain words, with the line that outlines each.
import { ESTIMATED, THEORETICAL } from "./draw";
import { type FieldMeta, hasPlace } from "./read";

const SOURCE =
  "Zhou, Khosla, Lapedriza, Oliva and Torralba, “Object Detectors Emerge in Deep Scene CNNs”, ICLR 2015, section 3.2";

export const TIPS = {
  estimated:
    "Estimated (empirical) receptive field: what the unit really reacts to. Side of the square around the unit’s " +
    "place that holds 95 % of the change that windows of noise make, less what the window’s own width adds. " +
    SOURCE,
  theoretical:
    "Theoretical receptive field: the pixels that can reach the unit at all, whatever the weights. It follows from " +
    "kernel sizes and strides of the layers below, and is measured here. " +
    SOURCE,
  discrepancy:
    "Discrepancy map: at each pixel, how much the unit’s activation changes, up or down, when a small window of " +
    "noise around it is put on the image. " +
    SOURCE,
};

function Line({ colour, dash }: { colour: string; dash: number[] }) {
  return (
    <svg width="20" height="20" aria-hidden="true" focusable="false">
      <rect x="3" y="3" width="14" height="14" fill="#440154" stroke="#000" stroke-width="4" />
      <rect
        x="3"
        y="3"
        width="14"
        height="14"
        fill="none"
        stroke={colour}
        stroke-width="2"
        stroke-dasharray={dash.length ? "4 3" : undefined}
      />
    </svg>
  );
}

/** The sentence that says what the two sizes mean. */
export function sentence({ size, theoretical, done, total, picture, images }: FieldMeta): string {
  const [height, width] = theoretical.size;
  if (done < total && !size) return "The estimate follows with the first windows of noise.";
  if (!size) return "No window of noise changes this unit: it looks at nothing.";
  const area = picture[0] === 1 ? size / width : size ** 2 / (height * width);
  const share = `${Math.round(100 * Math.min(1, area))} %`;
  const on = images.length > 1 ? "these images" : "this image";
  return `On ${on} the unit looks at ${share} of ${theoretical.whole ? "the image" : "what it could see"}.`;
}

export function Words({ meta }: { meta: FieldMeta }) {
  const { size, theoretical, picture } = meta;
  const [height, width] = theoretical.size;
  const pixels = (h: number, w: number) => (picture[0] === 1 ? `${w} px` : `${h} × ${w} px`);
  return (
    <section class="nbviz-field-words" aria-label="Size of the receptive field">
      <div class="nbviz-field-size" title={TIPS.estimated}>
        <Line {...ESTIMATED} />
        <span>Estimated field</span>
        <strong>{size ? pixels(size, size) : meta.done < meta.total ? "…" : "none"}</strong>
      </div>
      <div class="nbviz-field-size" title={TIPS.theoretical}>
        <Line {...THEORETICAL} />
        <span>Theoretical field</span>
        <strong>{theoretical.whole ? "the whole image" : pixels(height, width)}</strong>
      </div>
      <p>{sentence(meta)}</p>
      {!hasPlace(meta) && (
        <p>The unit has no place of its own: squares are drawn around the middle of the image.</p>
      )}
    </section>
  );
}

/** A colour and what it means. */
export function Key({ colour, text }: { colour: string; text: string }) {
  return (
    <span class="nbviz-field-key">
      <i style={{ background: colour }} />
      {text}
    </span>
  );
}
