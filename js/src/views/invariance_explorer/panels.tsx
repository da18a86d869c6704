// Side by side: the marked picture, the distance of its features, the probability of its class.
import { classPalette, toCss } from "../../parts/colours";
import { Curves, curveColours, plain, type Rule } from "../../parts/curves";
import { Swatch } from "../../parts/legend";
import { axisTitle, percent, strength } from "./controls";
import { distancesOf, type ExplorerData, type ExplorerSpecimen, tileOf } from "./meta";
import { Bitmap } from "./picture";

export interface PanelsProps {
  data: ExplorerData;
  specimen: ExplorerSpecimen;
  at: number;
  /** The marked picture in full, where the frame has a smaller one. */
  full: Uint8Array | null;
  relative: boolean;
  dark: boolean;
  height: number;
  onPoint: (index: number) => void;
  onLayers: (layers: string[]) => void;
}

export function Panels(props: PanelsProps) {
  return (
    <div class="nbviz-invariance-panels">
      <PicturePanel {...props} />
      <DistancePanel {...props} />
      <ProbabilityPanel {...props} />
    </div>
  );
}

function PicturePanel({ data, specimen, at, full, dark, onPoint }: PanelsProps) {
  const what = strength(data, data.values[at]);
  const top = data.topClass[at];
  const name = (index: number) => specimen.classes[index] ?? `class ${index}`;
  return (
    <figure class="nbviz-invariance-picture">
      {specimen.signal ? (
        <Signal data={data} at={at} dark={dark} onPoint={onPoint} />
      ) : (
        <Bitmap
          pixels={full ?? tileOf(data, at)}
          size={full ? data.size : data.tile}
          channels={data.channels}
          label={`The picture, ${what}`}
        />
      )}
      <figcaption aria-live="polite">
        <span>{what}</span>
        {top >= 0 && (
          <span title="The class with the highest probability for this picture">
            most probable: <strong data-other={top !== data.target || undefined}>{name(top)}</strong>,{" "}
            {percent(data.topProbability[at])}
          </span>
        )}
        {top >= 0 && top !== data.target && (
          <span>
            {data.target === data.trueClass ? "true class" : "class"} {data.targetName}:{" "}
            {percent(data.probability[at])}
          </span>
        )}
      </figcaption>
    </figure>
  );
}

/** A signal and itself as given, over time. */
function Signal({ data, at, dark }: Pick<PanelsProps, "data" | "at" | "dark" | "onPoint">) {
  const [blue] = curveColours(1, dark);
  const curve = (index: number) =>
    Array.from({ length: data.tile[1] }, (_, i) => tileOf(data, index)[i * data.channels] / 255);
  const given = data.values.indexOf(data.asGiven);
  const moved = { name: "moved", colour: blue, values: curve(at) };
  const still = { name: "as given", colour: "var(--nbviz-line)", values: given < 0 ? [] : curve(given) };
  return (
    <Curves
      label="The signal, moved and as given"
      x={moved.values.map((_, i) => (i * data.size[1]) / data.tile[1])}
      xTitle="time (steps)"
      yTitle="signal, lowest to highest value"
      yDomain={[0, 1]}
      curves={given < 0 ? [moved] : [still, moved]}
      names="key"
      height={200}
    />
  );
}

const rulesOf = ({ span, asGiven }: ExplorerData): Rule[] =>
  asGiven > span[0] && asGiven < span[1] ? [{ axis: "x", value: asGiven, name: "as given" }] : [];

function DistancePanel({ data, specimen, at, relative, dark, height, onPoint, onLayers }: PanelsProps) {
  const colours = curveColours(data.layers.length, dark);
  const rest = specimen.layers.filter((name) => !data.layers.includes(name));
  const last = data.layers.length === 1;
  const distances = data.layers.map((_, row) => distancesOf(data, row, relative));
  const format = (distance: number) => plain(Number(distance.toPrecision(3)));
  // Many names, or long ones, do not fit beside the lines: then the buttons are the key.
  const crowded = data.layers.length > 4 || data.layers.some((name) => name.length > 16);
  return (
    <section>
      <div class="nbviz-invariance-layers">
        {data.layers.map((name, i) => (
          <button
            type="button"
            key={name}
            disabled={last}
            title={last ? "At least one layer is compared" : `Leave out ${name}`}
            onClick={() => onLayers(data.layers.filter((other) => other !== name))}
          >
            <Swatch colour={colours[i]} shape={1} />
            <span>{name}</span>
            {crowded && <b>{format(distances[i][at])}</b>}
            {!last && <span aria-hidden="true">×</span>}
          </button>
        ))}
        <select
          aria-label="Add a layer"
          title="Compare the features of another layer"
          value=""
          onChange={(event) => {
            const name = event.currentTarget.value;
            event.currentTarget.value = "";
            if (name) onLayers(specimen.layers.filter((x) => x === name || data.layers.includes(x)));
          }}
        >
          <option value="">+ layer</option>
          {rest.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </div>
      <Curves
        label="Distance of the features from those of the picture as given"
        x={data.values}
        xTitle={axisTitle(data, specimen.signal)}
        xDomain={data.span}
        yTitle={
          relative ? "feature distance / norm of the features" : "feature distance (units of activation)"
        }
        curves={data.layers.map((name, row) => ({
          name,
          colour: colours[row],
          values: distances[row],
        }))}
        names={last || crowded ? "none" : "ends"}
        formatY={format}
        rules={rulesOf(data)}
        height={height}
        at={at}
        onPoint={onPoint}
      />
    </section>
  );
}

function ProbabilityPanel({ data, specimen, at, dark, height, onPoint }: PanelsProps) {
  if (data.target < 0) return null;
  const neutral = toCss(classPalette(8, dark).colours[7]);
  const isTrue = data.target === data.trueClass;
  return (
    <section>
      <div class="nbviz-invariance-layers">
        {isTrue ? "true class" : "class"}: {data.targetName}
      </div>
      <Curves
        label={`Probability of ${data.targetName}`}
        x={data.values}
        xTitle={axisTitle(data, specimen.signal)}
        xDomain={data.span}
        yTitle="class probability"
        yDomain={[0, 1]}
        curves={[
          { name: "most probable class", colour: "#8d96a0", values: data.topProbability, dash: "5 4" },
          { name: data.targetName, colour: neutral, values: data.probability },
        ]}
        names="key"
        formatY={percent}
        rules={rulesOf(data)}
        height={height - 20}
        at={at}
        onPoint={onPoint}
      />
    </section>
  );
}
