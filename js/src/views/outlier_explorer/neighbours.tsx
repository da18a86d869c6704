// A sample's neighbours as pictures: in the card under the mouse, and below the map for the chosen sample.
import { toCss } from "../../parts/colours";
import { type Pictures, SamplePicture } from "../../parts/pictures";
import { HoverCard } from "../../parts/thumbnails";
import { Chip } from "./row";
import { type Sample, sentence } from "./sample";

const MOST_IN_CARD = 12;

interface Props {
  sample: Sample;
  pictures: Pictures;
  nameOf: (row: number) => string;
}

/** Picture (or name) and label. */
function Neighbour({
  row,
  sample,
  pictures,
  nameOf,
  size,
}: Props & { row: Sample["neighbours"][number]; size: number }) {
  const isSame = row.label.name === sample.label.name;
  return (
    <span class="nbviz-outliers-neighbour" data-same={isSame ? "" : undefined}>
      <SamplePicture pictures={pictures} row={row.row} size={size}>
        <span>{nameOf(row.row)}</span>
      </SamplePicture>
      <span style={{ borderTop: `3px solid ${toCss(row.label.colour)}` }}>{row.label.name}</span>
    </span>
  );
}

/** The card under the mouse with the neighbours of a sample. */
export function NeighbourCard(props: Props & { clientX: number; clientY: number }) {
  const { clientX, clientY } = props;
  const { neighbours, same, k, label } = props.sample;
  const lines = [`${same} of ${k} neighbours are ${label.name}`];
  return (
    <HoverCard tile={null} lines={lines} clientX={clientX} clientY={clientY}>
      <div class="nbviz-outliers-neighbours">
        {neighbours.slice(0, MOST_IN_CARD).map((row) => (
          <Neighbour key={row.row} {...props} row={row} size={40} />
        ))}
        {neighbours.length > MOST_IN_CARD && <span>+{neighbours.length - MOST_IN_CARD}</span>}
      </div>
    </HoverCard>
  );
}

/** The chosen sample and its neighbours, each of which can be chosen in turn. */
export function SampleDetail(
  props: Props & { where: string; onPick: (row: number) => void; onClose: () => void },
) {
  const { sample, pictures, nameOf, where, onPick, onClose } = props;
  return (
    <section class="nbviz-outliers-detail" aria-label={`${sample.name} and its neighbours`}>
      <div class="nbviz-outliers-chosen">
        <SamplePicture pictures={pictures} row={sample.row} size={64} />
        <span>
          <Chip mark={sample.label} /> {sentence(sample)}
        </span>
        <button
          type="button"
          class="nbviz-outliers-close"
          title="Show no sample (Escape in the list)"
          onClick={onClose}
        >
          Close
        </button>
      </div>
      <div>
        <div class="nbviz-outliers-name">
          its {sample.k} nearest neighbours in the {where}, nearest first
        </div>
        <div class="nbviz-outliers-neighbours">
          {sample.neighbours.map((row) => (
            <button
              type="button"
              key={row.row}
              title={`${nameOf(row.row)}: show it and its neighbours`}
              onClick={() => onPick(row.row)}
            >
              <Neighbour row={row} sample={sample} pictures={pictures} nameOf={nameOf} size={48} />
            </button>
          ))}
        </div>
      </div>
    </section>
  );
}
