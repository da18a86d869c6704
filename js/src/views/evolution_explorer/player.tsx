// The slider over the frames, with a button that plays them.
import { useWidth } from "../../parts/width";

export interface PlayerProps {
  names: string[];
  at: number;
  playing: boolean;
  what: string;
  onFrame: (at: number) => void;
  onPlay: () => void;
}

const LETTER = 6.2; // mean width of a letter of a name, CSS pixels
const GAP = 6;

/** Which names have room under a slider of `width`: the current one first, then both ends, then the others. */
export function namesThatFit(names: string[], current: number, width: number): number[] {
  const last = names.length - 1;
  const taken: [number, number][] = [];
  const fits = (i: number) => {
    const size = Math.max(1, names[i].length) * LETTER;
    const middle = (width * i) / Math.max(1, last);
    const low = i === 0 ? 0 : i === last ? width - size : middle - size / 2;
    if (taken.some(([from, to]) => low < to + GAP && low + size > from - GAP)) return false;
    taken.push([low, low + size]);
    return true;
  };
  const order = [...new Set([current, 0, last, ...names.keys()])].filter((i) => i in names);
  return order.filter(fits).sort((a, b) => a - b);
}

export function Player({ names, at, playing, what, onFrame, onPlay }: PlayerProps) {
  const nearest = names[Math.round(at)] ?? "";
  const [host, width] = useWidth<HTMLDivElement>();
  return (
    <div class="nbviz-player">
      <button
        type="button"
        aria-pressed={playing}
        aria-label={playing ? "Pause" : "Play"}
        title="Play through the frames (Space)"
        onClick={onPlay}
      >
        {playing ? "❚❚" : "▶"}
      </button>
      <input
        type="range"
        aria-label={what}
        aria-valuetext={`${what} ${nearest}`}
        min={0}
        max={Math.max(0, names.length - 1)}
        step={0.01}
        value={at}
        onInput={(e) => onFrame(Number(e.currentTarget.value))}
        onKeyDown={(e) => {
          // Whole frames by keyboard; JupyterLab must not take the arrows.
          const by =
            e.key === "ArrowRight" || e.key === "ArrowUp"
              ? 1
              : e.key === "ArrowLeft" || e.key === "ArrowDown"
                ? -1
                : 0;
          if (!by) return;
          e.preventDefault();
          e.stopPropagation();
          onFrame(Math.max(0, Math.min(names.length - 1, Math.round(at) + by)));
        }}
      />
      <div class="nbviz-player-names" aria-hidden="true" ref={host}>
        {namesThatFit(names, Math.round(at), width).map((i) => (
          <span
            key={i}
            data-on={Math.round(at) === i ? "" : undefined}
            data-edge={i === 0 ? "low" : i === names.length - 1 ? "high" : undefined}
            style={{ left: `${(100 * i) / Math.max(1, names.length - 1)}%` }}
          >
            {names[i]}
          </span>
        ))}
      </div>
    </div>
  );
}
