// The two experiments, as tabs: arrow keys change between them.

const TABS = [
  { value: "typo", label: "Typo", tip: "Replace one token: how long do the states of each layer differ?" },
  {
    value: "bracket",
    label: "Open bracket",
    tip: "How long does the network know that a bracket is open, and which cells know?",
  },
];

export function Tabs(props: { value: string; disabled: boolean; onChange: (value: string) => void }) {
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    event.stopPropagation();
    const next = TABS.find(({ value }) => value !== props.value);
    if (!next || props.disabled) return;
    props.onChange(next.value);
    const list = (event.currentTarget as HTMLElement).parentElement;
    list?.querySelector<HTMLElement>(`[data-value=${next.value}]`)?.focus();
  };
  return (
    <div class="nbviz-times-tabs" role="tablist" aria-label="Experiment">
      {TABS.map(({ value, label, tip }) => (
        <button
          key={value}
          type="button"
          role="tab"
          data-value={value}
          title={props.disabled && value === "bracket" ? "The model predicts no next token" : tip}
          disabled={props.disabled && value === "bracket"}
          aria-selected={props.value === value}
          tabIndex={props.value === value ? 0 : -1}
          onClick={() => props.onChange(value)}
          onKeyDown={onKey}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
