// Outliers and errors as a table of four, with what a test says of it. Each cell is a choice of samples.
import { CELLS, type Overlap } from "./report";

export interface TableProps {
  overlap: Overlap | null;
  outliers: number;
  total: number;
  /** What the list shows now. */
  show: string;
  onCell: (show: string) => void;
}

const NAMES = [
  ["outliers that are wrong", "outliers that are right"],
  ["other samples that are wrong", "other samples that are right"],
];

export function OverlapTable({ overlap, outliers, total, show, onCell }: TableProps) {
  if (!overlap)
    return (
      <p class="nbviz-outliers-words">
        {`${outliers.toLocaleString("en")} of ${total.toLocaleString("en")} samples are outliers. Without `}
        predictions that compare with the labels there are no errors to set beside them.
      </p>
    );
  return (
    <div class="nbviz-outliers-overlap">
      <table>
        <caption class="nbviz-hidden">Outliers and errors: number of samples</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">wrong</th>
            <th scope="col">right</th>
          </tr>
        </thead>
        <tbody>
          {["outliers", "others"].map((name, i) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {overlap.table[i].map((count, j) => (
                <td key={CELLS[i][j]}>
                  <button
                    type="button"
                    aria-pressed={show === CELLS[i][j]}
                    aria-label={`${count} ${NAMES[i][j]}`}
                    title={`List and select the ${NAMES[i][j]}`}
                    onClick={() => onCell(CELLS[i][j])}
                  >
                    {count.toLocaleString("en")}
                  </button>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p class="nbviz-outliers-words">
        <span
          class="nbviz-outliers-term"
          title="The odds (wrong : right) of outliers over those of the others. 1: no relation."
        >
          odds ratio {overlap.odds}
        </span>
        {" · "}
        <span
          class="nbviz-outliers-term"
          title="Fisher's exact test, two-sided: how likely a table no likelier than this is, if outliers and errors had nothing to do with each other"
        >
          Fisher's exact test: {overlap.p}
        </span>
        <br />
        {overlap.words}
      </p>
    </div>
  );
}
