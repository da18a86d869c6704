// The moved pictures: the marked one, and a strip of all of them with a slider beneath.
import { useLayoutEffect, useRef } from "preact/hooks";
import { nearest } from "../../parts/curve_shapes";
import { plain } from "../../parts/curves";
import { useWidth } from "../../parts/width";
import { type ExplorerData, tileOf } from "./meta";

interface Bitmap {
  pixels: Uint8Array;
  size: [height: number, width: number];
  channels: number;
}

/** 8-bit pixels on a canvas of their own size. */
export function Bitmap({ pixels, size: [height, width], channels, label }: Bitmap & { label?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const element = canvas.current!;
    element.width = width;
    element.height = height;
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[channels * i + (channels === 3 ? c : 0)];
      image.data[4 * i + 3] = 255;
    }
    element.getContext("2d")!.putImageData(image, 0, 0);
  }, [pixels, height, width, channels]);
  const named = label ? { role: "img" as const, "aria-label": label } : { "aria-hidden": true };
  return (
    <canvas ref={canvas} class="nbviz-invariance-bitmap" data-fine={width > 100 || undefined} {...named} />
  );
}

const TILE = 44; // CSS pixels that a thumbnail needs at least

/** Which of `count` pictures are shown where `room` of them fit: evenly spaced, the one as given among them. */
export function shownTiles(count: number, asGiven: number, room: number): number[] {
  const every = Math.max(1, Math.ceil(count / Math.max(1, room)));
  return Array.from({ length: count }, (_, i) => i).filter((i) => (i - asGiven) % every === 0);
}

interface StripProps {
  data: ExplorerData;
  at: number;
  axisTitle: string;
  className: (index: number) => string;
  describe: (value: number) => string;
  onPoint: (index: number) => void;
}

export function Strip({ data, at, axisTitle, className, describe, onPoint }: StripProps) {
  const [host, width] = useWidth<HTMLDivElement>();
  const { values } = data;
  const tiles = shownTiles(values.length, nearest(values, data.asGiven), Math.floor(width / TILE));
  tiles[nearest(tiles, at)] = at; // the marked one is always among them
  return (
    <div class="nbviz-invariance-strip" ref={host}>
      {data.size[0] > 1 && width > 0 && (
        <ol aria-label="Moved pictures">
          {tiles.map((i) => {
            const other = data.target >= 0 && data.topClass[i] !== data.target;
            const answer = data.target >= 0 ? className(data.topClass[i]) : "";
            return (
              <li key={values[i]} aria-current={i === at ? "true" : undefined}>
                <button
                  type="button"
                  tabIndex={-1}
                  title={answer ? `${describe(values[i])}: ${answer}` : describe(values[i])}
                  onPointerEnter={() => onPoint(i)}
                  onClick={() => onPoint(i)}
                >
                  <Bitmap pixels={tileOf(data, i)} size={data.tile} channels={data.channels} />
                  {answer && <span data-other={other || undefined}>{answer}</span>}
                  <small>{plain(values[i])}</small>
                </button>
              </li>
            );
          })}
        </ol>
      )}
      <input
        type="range"
        aria-label="Marked value"
        aria-valuetext={`${describe(values[at])}; ${axisTitle}`}
        min={0}
        max={Math.max(0, values.length - 1)}
        step={1}
        value={at}
        onKeyDown={(event) => event.stopPropagation()} // JupyterLab would take the arrow keys for itself
        onInput={(event) => onPoint(Number(event.currentTarget.value))}
      />
    </div>
  );
}
