// What lies over the points of the map: the place of what is drawn, and the way it has come.

export function MarkerKey({ name }: { name: string }) {
  return (
    <span class="nbviz-legend-entry nbviz-placement-marker">
      <svg width="34" height="14" aria-hidden="true" focusable="false">
        <path d="M0 7h22" stroke="var(--nbviz-accent)" stroke-width="2" opacity="0.6" />
        <circle cx="26" cy="7" r="6" fill="var(--nbviz-bg)" stroke="currentColor" stroke-width="1.5" />
        <circle cx="26" cy="7" r="3.4" fill="var(--nbviz-accent)" />
      </svg>
      <span class="nbviz-legend-name">{`${name}, and its way`}</span>
    </span>
  );
}
