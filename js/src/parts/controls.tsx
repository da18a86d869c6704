// The control panel: a list of descriptions in, native form elements out.
import { useEffect, useState } from "preact/hooks";

/** One control. `name` is the trait it sets; `tip` explains the word to a student. */
export type Control =
  | { kind: "choice"; name: string; label: string; tip: string; options: { value: string; label: string }[] }
  | { kind: "steps"; name: string; label: string; tip: string; options: { value: string; label: string }[] }
  | {
      kind: "slider";
      name: string;
      label: string;
      tip: string;
      min: number;
      max: number;
      step: number;
      unit?: string;
      /** Equal distances on the slider multiply the value by equal factors. */
      log?: boolean;
    }
  | { kind: "number"; name: string; label: string; tip: string; min: number; max: number; step: number }
  | { kind: "toggle"; name: string; label: string; tip: string }
  | { kind: "colour"; name: string; label: string; tip: string }
  | {
      kind: "button";
      name: string;
      label: string;
      tip: string;
      pressed?: boolean;
      disabled?: boolean;
    };

/** Options that are called what they are; `none` is what to call the empty one. */
export function choices(values: string[], none?: string): { value: string; label: string }[] {
  const named = values.map((value) => ({ value, label: value }));
  return none === undefined ? named : [{ value: "", label: none }, ...named];
}

/** Options by value and name. */
export function options(pairs: [string, string][]): { value: string; label: string }[] {
  return pairs.map(([value, label]) => ({ value, label }));
}

/** The controls that there are now. */
export function present(controls: (Control | false | null | undefined)[]): Control[] {
  return controls.filter(Boolean) as Control[];
}

interface Props {
  controls: Control[];
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  get: (name: string) => any;
  // biome-ignore lint/suspicious/noExplicitAny: traits are of any type
  set: (name: string, value: any) => void;
}

const clamp = (x: number, low: number, high: number) => Math.min(high, Math.max(low, x));

/** Position of `value` on the slider's own scale. */
export function toSlider(value: number, log?: boolean): number {
  return log ? Math.log(value) : value;
}

/** The value at a slider's position, rounded to its step. */
export function fromSlider(
  position: number,
  c: { min: number; max: number; step: number; log?: boolean },
): number {
  const value = c.log ? Math.exp(position) : position;
  const digits = Math.max(0, Math.ceil(-Math.log10(c.step)));
  return Number(clamp(Math.round(value / c.step) * c.step, c.min, c.max).toFixed(digits));
}

/** JupyterLab in command mode takes the arrow keys, also from a slider. */
const keepKey = (event: KeyboardEvent) => {
  if (event.key.startsWith("Arrow")) event.stopPropagation();
};

function Slider({ control, get, set }: { control: Control & { kind: "slider" } } & Omit<Props, "controls">) {
  const { name, label, min, max, step, log, unit } = control;
  const value = Number(get(name));
  return (
    <>
      <input
        type="range"
        aria-label={label}
        aria-valuetext={`${value}${unit ? ` ${unit}` : ""}`}
        min={toSlider(min, log)}
        max={toSlider(max, log)}
        step={log ? (Math.log(max) - Math.log(min)) / 200 : step}
        value={toSlider(value, log)}
        onKeyDown={keepKey}
        onInput={(e) => set(name, fromSlider(Number(e.currentTarget.value), control))}
      />
      <output>
        {value}
        {unit ? ` ${unit}` : ""}
      </output>
    </>
  );
}

/** A slider over named steps, with the names to choose from beside it: drag to compare, or jump. */
function Steps({ control, get, set }: { control: Control & { kind: "steps" } } & Omit<Props, "controls">) {
  const { name, label, options } = control;
  const value = get(name);
  const at = Math.max(
    0,
    options.findIndex((o) => o.value === value),
  );
  return (
    <>
      <input
        type="range"
        aria-label={`${label}, slider`}
        aria-valuetext={options[at]?.label ?? ""}
        min={0}
        max={Math.max(0, options.length - 1)}
        step={1}
        value={at}
        onKeyDown={keepKey}
        onInput={(e) => set(name, options[Number(e.currentTarget.value)].value)}
      />
      <Choice control={{ ...control, kind: "choice" }} get={get} set={set} />
    </>
  );
}

function Choice({ control, get, set }: { control: Control & { kind: "choice" } } & Omit<Props, "controls">) {
  const value = get(control.name);
  return (
    <select
      aria-label={control.label}
      value={value}
      onChange={(e) => set(control.name, e.currentTarget.value)}
    >
      {control.options.map((o) => (
        <option key={o.value} value={o.value} selected={o.value === value}>
          {o.label}
        </option>
      ))}
    </select>
  );
}

/** Milliseconds for which a field says what it takes, after it was given something else. */
const HINT = 6000;

/** What was typed as a number that the field takes, null for anything else. */
export function fromField(text: string, c: { min: number; max: number; step: number }): number | null {
  const value = Number(text);
  if (text.trim() === "" || !(value >= c.min && value <= c.max)) return null;
  return Number.isInteger(c.min) && Number.isInteger(c.step) && !Number.isInteger(value) ? null : value;
}

/** What it does not take changes nothing: the number goes back to what it was, and the field says its range. */
function NumberField({
  control,
  get,
  set,
}: { control: Control & { kind: "number" } } & Omit<Props, "controls">) {
  const { name, label, min, max, step } = control;
  const [typed, setTyped] = useState<string | null>(null); // else the next status would overwrite it
  const [refused, setRefused] = useState(0);
  useEffect(() => {
    if (!refused) return;
    const timer = setTimeout(() => setRefused(0), HINT);
    return () => clearTimeout(timer);
  }, [refused]);
  return (
    <>
      <input
        type="number"
        aria-label={label}
        aria-invalid={refused > 0}
        min={min}
        max={max}
        step={step}
        value={typed ?? get(name)}
        // JupyterLab takes Enter for itself: leaving the field applies it as well.
        onKeyDown={(e) => e.key === "Enter" && e.currentTarget.blur()}
        onInput={(e) => {
          setTyped(e.currentTarget.value);
          setRefused(0);
        }}
        onBlur={() => setTyped(null)}
        onChange={(e) => {
          const value = fromField(e.currentTarget.value, control);
          if (value !== null) set(name, value);
          else {
            e.currentTarget.value = String(get(name)); // also what is no number and hence not in `value`
            setRefused((times) => times + 1);
          }
          setTyped(null);
        }}
      />
      {refused > 0 && <small role="status">{`${min} to ${max.toLocaleString("en")}`}</small>}
    </>
  );
}

function One({ control, get, set }: { control: Control } & Omit<Props, "controls">) {
  switch (control.kind) {
    case "slider":
      return <Slider control={control} get={get} set={set} />;
    case "steps":
      return <Steps control={control} get={get} set={set} />;
    case "choice":
      return <Choice control={control} get={get} set={set} />;
    case "number":
      return <NumberField control={control} get={get} set={set} />;
    case "toggle":
      return (
        <input
          type="checkbox"
          aria-label={control.label}
          checked={Boolean(get(control.name))}
          onChange={(e) => set(control.name, e.currentTarget.checked)}
        />
      );
    case "colour":
      return (
        <input
          type="color"
          aria-label={control.label}
          value={get(control.name)}
          onInput={(e) => set(control.name, e.currentTarget.value)}
        />
      );
    case "button":
      return (
        <button
          type="button"
          title={control.tip}
          disabled={control.disabled}
          aria-pressed={control.pressed === undefined ? undefined : control.pressed}
          onClick={() => set(control.name, !control.pressed)}
        >
          {control.label}
        </button>
      );
  }
}

export function Controls({ controls, get, set }: Props) {
  return (
    <div class="nbviz-controls">
      {controls.map((control) =>
        control.kind === "button" ? (
          <One key={control.name} control={control} get={get} set={set} />
        ) : (
          // biome-ignore lint/a11y/noLabelWithoutControl: the control is inside, and carries an aria-label
          <label key={control.name} class={`nbviz-control nbviz-${control.kind}`} title={control.tip}>
            <span>{control.label}</span>
            <One control={control} get={get} set={set} />
          </label>
        ),
      )}
    </div>
  );
}
