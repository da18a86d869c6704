// Beside the map: the table, and under it the list with its controls.
import { type Control, Controls } from "../../parts/controls";
import { LongList } from "../../parts/long_list";
import type { Pictures } from "../../parts/pictures";
import { useWidth } from "../../parts/width";
import { listControls } from "./controls";
import { canTell, type Report } from "./report";
import { type Columns, ListHead, type RowProps, SampleRow, widths } from "./row";
import { type Sample, sentence } from "./sample";
import { OverlapTable } from "./table";

/** Of a list whose classes have short names, and of one whose names need lines of their own. */
const ROW_HEIGHT = { letters: 46, words: 62 };
/** The same where there is too little width: the numbers then stand below the names. */
const NARROW_HEIGHT = { letters: 48, words: 84 };
const NARROW = 460;

export interface SideProps {
  report: Report;
  lossUnit: string;
  pictures: Pictures;
  /** Whether classes have names that do not fit in a chip. */
  hasWords: boolean;
  /** Points of the list, worst first. */
  list: Int32Array;
  sortBy: string;
  show: string;
  selected: number;
  /** Point the arrow keys are at, and the one that is shown with its neighbours; null for none. */
  active: number | null;
  chosen: number | null;
  /** Whether the picture is newer than what was measured. */
  isBehind: boolean;
  sampleOf: (point: number) => Sample;
  onSet: (name: string, value: unknown) => void;
  onCell: (show: string) => void;
  onClear: () => void;
  onMove: (point: number) => void;
  onPick: (point: number | null) => void;
  onHover: (point: number | null) => void;
  onPeek: (point: number, ...args: Parameters<RowProps["onPeek"]>) => void;
}

export function Side(props: SideProps) {
  const { report, list, sortBy, show, selected, sampleOf } = props;
  const controls: Control[] = listControls(report, show);
  const values: Record<string, string> = { sort_by: sortBy, show };
  const columns: Columns = {
    pictures: props.pictures.exist(),
    losses: report.loss !== null,
    disagreement: report.disagreement !== null,
  };
  const total = report.rows.length;
  const [box, width] = useWidth<HTMLDivElement>();
  const isNarrow = width > 0 && width < NARROW;
  const heights = isNarrow ? NARROW_HEIGHT : ROW_HEIGHT;
  const place = (point: number | null) => (point === null ? -1 : list.indexOf(point));
  return (
    <div
      class="nbviz-outliers-side"
      ref={box}
      data-narrow={isNarrow ? "" : undefined}
      data-behind={props.isBehind ? "" : undefined}
      data-words={props.hasWords ? "" : undefined}
      style={widths(columns)}
    >
      <OverlapTable
        overlap={report.overlap}
        outliers={report.outliers}
        total={total}
        show={show}
        onCell={props.onCell}
      />
      <div class="nbviz-outliers-bar">
        <Controls controls={controls} get={(name) => values[name]} set={props.onSet} />
        <div class="nbviz-outliers-count">
          <span role="status">
            {`${list.length.toLocaleString("en")} of ${total.toLocaleString("en")} samples`}
            {selected > 0 && ` (${selected.toLocaleString("en")} selected)`}
          </span>
          {selected > 0 && (
            <button type="button" title="Select no samples: the list holds all again" onClick={props.onClear}>
              Clear selection
            </button>
          )}
        </div>
      </div>
      <ListHead columns={columns} lossUnit={props.lossUnit} k={report.k} />
      {list.length ? (
        <LongList
          label="Samples, worst first"
          count={list.length}
          rowHeight={props.hasWords ? heights.words : heights.letters}
          active={place(props.active)}
          chosen={place(props.chosen)}
          order={`${report.layer} ${sortBy} ${show} ${selected}`}
          row={(index) => (
            <SampleRow
              columns={columns}
              sample={sampleOf(list[index])}
              pictures={props.pictures}
              onPeek={(...args) => props.onPeek(list[index], ...args)}
            />
          )}
          describe={(index) => sentence(sampleOf(list[index]))}
          onMove={(index) => props.onMove(list[index])}
          onPick={(index) => props.onPick(index < 0 ? null : list[index])}
          onHover={(index) => props.onHover(index < 0 ? null : list[index])}
        />
      ) : (
        <p class="nbviz-outliers-none">
          {canTell(report, show)
            ? selected > 0
              ? "None of the selected samples is one of these."
              : "There are none."
            : "Which samples are errors is not known: there are no predictions that compare with the labels."}
        </p>
      )}
    </div>
  );
}
