import { render } from "preact";
import { describe, expect, it } from "vitest";
import type { Result } from "../src/views/correspondence_analysis/meta";
import { DeltaTable, explain, topOf } from "../src/views/correspondence_analysis/table";

const result: Result = {
  layers: ["conv", "fc"],
  parts: [
    {
      name: "corner",
      mean: [null, 0.2],
      sd: [null, 0.1],
      changed: [0, 0.3],
      baseline: [0.4, null],
      baselineSd: [0.05, null],
      pairs: [0, 1],
      unchanged: [3, 1],
    },
  ],
  random: { mean: [0.4, null], sd: [0.05, null], changed: [0.5, 0] },
  draws: 10,
  places: "anywhere",
  notes: [],
};

describe("the table of correspondence", () => {
  it("says that nothing changed, in place of a perfect 0", () => {
    const host = document.createElement("div");
    render(<DeltaTable result={result} colours={new Map([["corner", "#00f"]])} />, host);
    const cells = [...host.querySelectorAll("tbody tr:not(.nbviz-delta-plot) td")];
    expect(cells.map((cell) => cell.textContent)).toEqual([
      "nothing changed",
      "0.200 ± 0.100",
      "0.400 ± 0.050",
      "nothing changed",
    ]);
    expect(cells.map((cell) => cell.hasAttribute("data-nothing"))).toEqual([true, false, false, true]);
    // One dot where either the part or the random boxes have nothing to show.
    const plots = [...host.querySelectorAll(".nbviz-delta-plot td")];
    expect(plots.map((plot) => plot.querySelectorAll(".nbviz-delta-dot").length)).toEqual([1, 1]);
    render(null, host);
  });

  it("explains what was left out", () => {
    expect(explain(result.parts[0], result, 0)).toContain("hiding it changes nothing");
    const words = explain(result.parts[0], result, 1);
    expect(words).toContain("1 pair of pictures, without 1 in which nothing changes");
    expect(words).toContain("random boxes change nothing");
    expect(topOf(result)).toBeCloseTo(0.45);
  });
});
