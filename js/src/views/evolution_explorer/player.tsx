// The slider over the frames, with a button that plays them.

export interface PlayerProps {
  names: string[];
  at: number;
  playing: boolean;
  what: string;
  onFrame: (at: number) => void;
  onPlay: () => void;
}

export function Player({ names, at, playing, what, onFrame, onPlay }: PlayerProps) {
  const nearest = names[Math.round(at)] ?? "";
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
      <div class="nbviz-player-names" aria-hidden="true">
        {names.map((name, i) => (
          <span
            key={name}
            data-on={Math.round(at) === i ? "" : undefined}
            style={{ left: `${(100 * i) / Math.max(1, names.length - 1)}%` }}
          >
            {name}
          </span>
        ))}
      </div>
    </div>
  );
}
