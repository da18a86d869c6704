// The line under every picture: what is computed, how far it is, a stop button, and what went wrong.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Link } from "../channel";

export interface Fact {
  text: string;
  /** What the word means, for a student. */
  tip?: string;
}

/** A share, in words. */
/** So many of all: "2,000 of 3,000 pictures", or "3,000 pictures" if that is all. */
export const countedOf = (shown: number, all: number, noun: string) =>
  shown < all ? `${shown.toLocaleString("en")} of ${counted(all, noun)}` : counted(shown, noun);

/** A number of things: "1 sample", "2,000 samples". */
export const counted = (n: number, noun: string, many = `${noun}s`) =>
  `${n.toLocaleString("en")} ${n === 1 ? noun : many}`;

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

export interface Status {
  status: string;
  progress: { done?: number; total?: number; what?: string };
  problem: { type?: string; message?: string };
  elapsed: number;
  link: Link;
  /** Plain facts about the picture that is shown: features, reductions, scores. */
  facts: Fact[];
  /** What this picture cannot tell: the method's known limits. */
  limits: string;
  /** Whether the model has changed since the picture was made. */
  changed: boolean;
  /** Whether there is a picture to save. */
  canSave: boolean;
}

export interface StatusActions {
  onStop: () => void;
  onRefresh: () => void;
  onSave: () => void;
}

/** Milliseconds before work is worth a stop button: most requests are answered sooner. */
const QUIET = 300;

function useLonger(active: boolean, ms: number): boolean {
  const [longer, setLonger] = useState(false);
  useEffect(() => {
    if (!active) {
      setLonger(false);
      return;
    }
    const timer = setTimeout(() => setLonger(true), ms);
    return () => clearTimeout(timer);
  }, [active, ms]);
  return longer;
}

export function statusText(s: Status): string {
  if (s.link === "gone") return "The kernel is gone: this is the last picture. Run the cell again.";
  if (s.link === "busy") return "The kernel is busy: the picture follows when it is free.";
  if (s.status === "cancelled") return "Stopped. This is the last picture.";
  if (s.status === "pending" || s.status === "running") return s.progress.what ?? "computing";
  if (s.status === "done")
    return s.elapsed ? `done in ${s.elapsed.toFixed(s.elapsed < 1 ? 2 : 1)} s` : "done";
  return "";
}

export function StatusBar(s: Status & StatusActions) {
  const working = (s.status === "pending" || s.status === "running") && s.link !== "gone";
  const longer = useLonger(working, QUIET);
  const [open, setOpen] = useState(false);
  const info = useRef<HTMLButtonElement>(null);
  const limitsId = useId();
  const { done, total } = s.progress;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !open) return;
    event.preventDefault();
    event.stopPropagation();
    setOpen(false);
    info.current?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes the text that a button in here opens
    <div class="nbviz-status" data-status={s.status} data-link={s.link} onKeyDown={onKeyDown}>
      {s.status === "error" && s.link !== "gone" && (
        <div class="nbviz-problem" role="alert">
          <strong>{s.problem.type}</strong>
          <span>{s.problem.message}</span>
        </div>
      )}
      {s.changed && !working && s.link !== "gone" && (
        <div class="nbviz-changed" role="status">
          <span title="Weights or settings are no longer those with which this picture was computed">
            The model has changed since this picture.
          </span>
          <button type="button" onClick={s.onRefresh} title="Compute the picture with the model as it is now">
            Refresh
          </button>
        </div>
      )}
      <div class="nbviz-status-line">
        <span class="nbviz-facts">
          {s.facts.map(({ text, tip }) => (
            <span key={text} title={tip} data-tip={tip ? "" : undefined}>
              {text}
            </span>
          ))}
        </span>
        <span class="nbviz-state" role="status" aria-live="polite">
          {working && !longer ? "" : statusText(s)}
        </span>
        {longer && total !== undefined && (
          <progress max={total} value={done} aria-label={s.progress.what}>
            {done} of {total}
          </progress>
        )}
        {longer && (
          <button type="button" class="nbviz-stop" onClick={s.onStop} title="Keep the picture as it is">
            Stop
          </button>
        )}
        {s.canSave && (
          <button
            type="button"
            class="nbviz-save"
            onClick={s.onSave}
            title="Save the picture as it is shown (PNG, without legends and texts)"
          >
            Save picture
          </button>
        )}
        {s.limits && (
          <button
            type="button"
            class="nbviz-info"
            ref={info}
            aria-controls={limitsId}
            aria-expanded={open}
            aria-label="What this picture cannot tell you"
            title="What this picture cannot tell you"
            onClick={() => setOpen(!open)}
          >
            i
          </button>
        )}
      </div>
      {open && (
        <p class="nbviz-limits" id={limitsId}>
          {s.limits}
        </p>
      )}
    </div>
  );
}
