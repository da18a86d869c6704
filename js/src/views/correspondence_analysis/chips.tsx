// The parts as chips: choose, rename, delete, add.
import { useLayoutEffect, useRef } from "preact/hooks";
import { countOf, type Part } from "../../parts/boxes";

export interface ChipsProps {
  parts: Part[];
  chosen: number;
  colours: string[];
  /** The name field of the chosen part takes the focus: it was just added. */
  naming: boolean;
  onChoose: (part: number) => void;
  onRename: (part: number, name: string) => void;
  onDelete: (part: number) => void;
  onAdd: () => void;
}

export function Chips(props: ChipsProps) {
  const { parts, chosen, colours, naming } = props;
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (naming) field.current?.select();
  }, [naming, chosen]);
  return (
    <fieldset class="nbviz-chips" data-lm-suppress-shortcuts="true">
      <legend title="What is marked on the pictures. Number keys 1 to 9 choose a part.">Parts</legend>
      {parts.map((part, i) => {
        const count = `${countOf(part)} of ${part.boxes.length}`;
        const swatch = <span class="nbviz-chip-swatch" style={{ background: colours[i] }} />;
        if (i !== chosen)
          return (
            <button
              type="button"
              key={part.name}
              class="nbviz-chip"
              aria-label={`Choose part ${part.name}, marked on ${count}`}
              onClick={() => props.onChoose(i)}
            >
              {swatch}
              <span class="nbviz-chip-name">{part.name}</span>
              <span class="nbviz-chip-count">{count}</span>
            </button>
          );
        return (
          <span
            class="nbviz-chip"
            key={`chosen ${part.name}`}
            data-chosen
            style={{ borderColor: colours[i] }}
          >
            {swatch}
            <input
              ref={field}
              // Not `value`: a frame that arrives while a person types must not take the typing away.
              defaultValue={part.name}
              size={Math.max(4, Math.min(18, part.name.length + 1))}
              aria-label="Name of the chosen part"
              title="Name of the part; Enter keeps it, Escape does not"
              onKeyDown={(event) => {
                if (event.key === "Escape") event.currentTarget.value = part.name;
                if (event.key === "Enter" || event.key === "Escape") event.currentTarget.blur();
              }}
              onBlur={(event) => {
                const name = event.currentTarget.value.trim();
                if (name && name !== part.name) props.onRename(i, name);
                else event.currentTarget.value = part.name;
              }}
            />
            <span class="nbviz-chip-count" title="Pictures on which it is marked; a part needs two">
              {count}
            </span>
            <button
              type="button"
              class="nbviz-chip-delete"
              aria-label={`Delete part ${part.name}`}
              title="Delete the part and its boxes (Undo brings it back)"
              onClick={() => props.onDelete(i)}
            >
              ×
            </button>
          </span>
        );
      })}
      <button type="button" class="nbviz-chip-add" title="Another part to mark" onClick={props.onAdd}>
        + Add part
      </button>
    </fieldset>
  );
}
