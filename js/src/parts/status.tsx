// The line under every picture: what is computed, how far it is, a stop button, and what went wrong.
import { useEffect, useState } from "preact/hooks";
import type { Link } from "../channel";

export interface Fact {
  text: string;
  /** What the word means, for a student. */
  tip?: string;
}

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

export function StatusBar(s: Status & { onStop: () => void }) {
  const working = (s.status === "pending" || s.status === "running") && s.link !== "gone";
  const longer = useLonger(working, QUIET);
  const [open, setOpen] = useState(false);
  const { done, total } = s.progress;
  return (
    <div class="nbviz-status" data-status={s.status} data-link={s.link}>
      {s.status === "error" && s.link !== "gone" && (
        <div class="nbviz-problem" role="alert">
          <strong>{s.problem.type}</strong>
          <span>{s.problem.message}</span>
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
        {s.limits && (
          <button
            type="button"
            class="nbviz-info"
            aria-expanded={open}
            aria-label="What this picture cannot tell you"
            title="What this picture cannot tell you"
            onClick={() => setOpen(!open)}
          >
            i
          </button>
        )}
      </div>
      {open && <p class="nbviz-limits">{s.limits}</p>}
    </div>
  );
}
