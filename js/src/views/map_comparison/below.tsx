// Beside and below the two maps: what the lines mean, the neighbours of one sample, who changed most.
import type { ComponentChildren } from "preact";
import type { Pictures } from "../../parts/pictures";
import { Strip, type StripItem } from "../../parts/strip";
import { GROUPS, type Group } from "./neighbours";

function Line({ dash, colour }: { dash: number[]; colour: string }) {
  return (
    <svg width="26" height="10" aria-hidden="true" focusable="false">
      <path d="M1 5h24" stroke={colour} stroke-width="2" stroke-dasharray={dash.join(" ")} />
    </svg>
  );
}

/** What the lines and rings are. */
export function NeighbourKey({ dark }: { dark: boolean }) {
  return (
    <ul class="nbviz-compare-key" aria-label="Lines and rings: neighbours of the sample under the pointer">
      {GROUPS.map(({ name, tip, dash, colours }) => (
        <li key={name} title={tip}>
          <Line dash={dash} colour={colours[+dark]} />
          {name}
        </li>
      ))}
    </ul>
  );
}

export interface BelowProps {
  pictures: Pictures;
  /** Neighbours of the one selected sample. */
  groups: { name: string; own: StripItem; items: Record<Group, StripItem[]> } | null;
  /** Samples that changed neighbours, those that changed most first. */
  changed: { title: string; label: string; items: StripItem[]; total: number } | null;
  onPick(row: number): void;
  onHover(row: number | null): void;
}

export function Below({ pictures, groups, changed, onPick, onHover }: BelowProps): ComponentChildren {
  const shared = { pictures, onPick, onHover, counts: [] };
  return (
    <div class="nbviz-compare-below">
      {groups && (
        <div class="nbviz-compare-groups">
          <Strip {...shared} items={[groups.own]} title={groups.name} label="The selected sample" />
          {GROUPS.map(({ name }) => {
            const items = groups.items[name];
            const title = `${items.length} ${name}`;
            return <Strip key={name} {...shared} items={items} title={title} label={`Neighbours ${name}`} />;
          })}
        </div>
      )}
      {changed && <Strip {...shared} {...changed} />}
    </div>
  );
}
