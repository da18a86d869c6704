import { render } from "preact";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Frame } from "../src/channel";
import { Curves, curveColours } from "../src/parts/curves";
import { PickList } from "../src/parts/pick_list";
import { colouringOf, paintOf } from "../src/views/layer_probes/colouring";
import { cellOf, measured, readTable, shownCell, type Table } from "../src/views/layer_probes/meta";
import { ProbeGrid, type ProbeGridProps } from "../src/views/layer_probes/table";
import { linesOf, scaleWords, sentenceOf, written } from "../src/views/layer_probes/words";

const NAN = Number.NaN;

/** Two layers, a column of classes and one of numbers, two folds. */
function tableOf(kind: "preview" | "result", hits: number[]): Table {
  const column = { samples: 1200, hitCeiling: 1, grouped: false };
  const meta = {
    layers: ["conv", "fc"],
    columns: [
      {
        ...column,
        name: "digit",
        numeric: false,
        classes: 10,
        hitChance: 0.1,
        baseline: 0.12,
        grouped: true,
      },
      { ...column, name: "slant", numeric: true, classes: 0, hitChance: -0.2, baseline: 0 },
    ],
    k: 6,
    folds: 2,
    groups: "writer",
    shuffleBy: "",
    layerNotes: ["", "reduced"],
    notes: [],
  };
  const scores = [0.7, 0.8, 0.5, 0.6, 0.9, 0.92, -0.1, -0.3];
  const shuffled = [0.1, 0.1, 0, 0, 0.12, 0.1, NAN, NAN];
  const arrays = [hits, [0.3, 0.4, 0.3, 0.4], scores, shuffled, new Array(8).fill(NAN)].map((values) =>
    Float32Array.from(values),
  );
  return readTable({ generation: 1, request: 0, kind, meta, arrays } as Frame);
}

const full = tableOf("result", [0.5, 0.6, 0.96, -0.25]);

let host: HTMLElement;
beforeEach(() => {
  host = document.createElement("div");
  document.body.replaceChildren(host);
});

describe("the table's numbers", () => {
  it("are taken from the right places", () => {
    expect(measured(full, "neighbourhood hit", 1, 0)).toBeCloseTo(0.96);
    expect(measured(full, "probe accuracy", 0, 1)).toBeCloseTo(0.55);
    expect(measured(full, "selectivity", 1, 0)).toBeCloseTo(0.91 - 0.11);
    expect(measured(full, "selectivity", 1, 1)).toBeNaN();
    expect(cellOf(full, 0, 0).probe.sd).toBeCloseTo(Math.sqrt(0.005));
  });

  it("are written in percent, or as R²", () => {
    expect(written(0.9612, full.columns[0])).toBe("96.1");
    expect(written(-0.031, full.columns[0])).toBe("−3.1");
    expect(written(-0.2, full.columns[1])).toBe("−0.20");
    expect(written(NAN, full.columns[0])).toBe("–");
  });

  it("come in words with the folds, the chance and what is kept together", () => {
    const words = sentenceOf(full, 1, 0);
    expect(words).toContain("fc, digit: neighbourhood hit (k = 6) 96.0 % (chance 10.0 %");
    expect(words).toContain("linear probe 91.0 % ± 1.4");
    expect(words).toContain("folds 90.0, 92.0");
    expect(words).toContain("selectivity 80.0 points");
    expect(words).toContain("1,200 (10 classes, 2 folds, writer kept whole, reduced)");
    const numbers = linesOf(full, 0, 1).map(({ value }) => value);
    expect(numbers[0]).toBe("R² 0.600");
    expect(numbers[3]).toBe("not measured");
  });

  it("of a table that fills are those of the one before, as long as none has come", () => {
    const filling = tableOf("preview", [0.7, NAN, NAN, NAN]);
    expect(shownCell(filling, full, "neighbourhood hit", 0, 0)).toEqual({
      value: filling.hits[0],
      old: false,
    });
    expect(shownCell(filling, full, "neighbourhood hit", 1, 0)).toEqual({ value: full.hits[2], old: true });
    expect(
      shownCell({ ...filling, layers: ["conv", "fc2"] }, full, "neighbourhood hit", 1, 0).value,
    ).toBeNaN();
    expect(shownCell({ ...filling, kind: "result" }, full, "neighbourhood hit", 1, 0).value).toBeNaN();
  });
});

describe("colours", () => {
  it("share a scale from 0 to 1, or have one for each column", () => {
    const shared = colouringOf(full, "neighbourhood hit", true, false);
    expect(shared.domains).toEqual([
      [0, 1],
      [0, 1],
    ]);
    const own = colouringOf(full, "neighbourhood hit", false, false);
    expect(own.domains[0]).toEqual([0.5, full.hits[2]]);
    expect(paintOf(own, 0.5, 0)?.background).toBe(paintOf(shared, 0, 0)?.background);
    expect(paintOf(own, 0.5, 0)?.color).toBe("#fff");
    expect(paintOf(shared, 1, 0)?.color).toBe("#000");
    expect(paintOf(shared, -0.4, 1)?.background).toBe(paintOf(shared, 0, 1)?.background);
    expect(paintOf(shared, NAN, 0)).toBeUndefined();
  });

  it("of selectivity have zero in their middle", () => {
    const [low, high] = colouringOf(full, "selectivity", true, false).domains[0];
    expect(low).toBe(-high);
    expect(high).toBeCloseTo(0.8);
  });
});

describe("the grid", () => {
  const given = (): ProbeGridProps => ({
    table: full,
    before: null,
    measure: "neighbourhood hit",
    isShared: true,
    dark: false,
    column: "digit",
    layer: "fc",
    focus: { i: -1, j: 0 },
    onFocus: vi.fn(),
    onPoint: vi.fn(),
    onChoose: vi.fn(),
  });
  const press = (place: string, key: string) =>
    host
      .querySelector(`[data-cell="${place}"]`)!
      .dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

  it("is a table with one stop for the Tab key", () => {
    render(<ProbeGrid {...given()} />, host);
    const table = host.querySelector("table")!;
    expect(table.getAttribute("role")).toBe("grid");
    expect(host.querySelectorAll('[tabindex="0"]').length).toBe(1);
    expect([...host.querySelectorAll("tbody td")].map((cell) => cell.textContent)).toEqual([
      "50.0",
      "0.60",
      "96.0",
      "−0.25",
    ]);
    expect([...host.querySelectorAll("tfoot td")].map((cell) => cell.textContent)).toEqual(["10.0", "−0.20"]);
    expect(host.querySelector("td[aria-selected=true]")!.getAttribute("data-cell")).toBe("1,0");
  });

  it("is walked through with the arrow keys, and Enter chooses", () => {
    const props = given();
    render(<ProbeGrid {...props} />, host);
    press("-1,0", "ArrowDown");
    expect(props.onFocus).toHaveBeenLastCalledWith({ i: 0, j: 0 });
    expect(document.activeElement?.getAttribute("data-cell")).toBe("0,0");
    press("0,0", "End");
    expect(document.activeElement?.getAttribute("data-cell")).toBe("0,1");
    press("0,1", "PageDown");
    expect(document.activeElement?.getAttribute("data-cell")).toBe("1,1");
    press("1,1", "ArrowDown");
    expect(document.activeElement?.getAttribute("data-cell")).toBe("1,1");
    press("1,1", "Enter");
    expect(props.onChoose).toHaveBeenLastCalledWith({ i: 1, j: 1 });
  });
});

describe("parts", () => {
  it("curves stand over names, and the area below a rule is shaded", () => {
    render(
      <Curves
        label="over layers"
        x={[0, 1]}
        xNames={["a.very.long.name.of.a.layer", "fc"]}
        xTitle="layer"
        yTitle="accuracy"
        yDomain={[0, 100]}
        curves={[{ name: "probe", colour: curveColours(1, false)[0], values: [50, 75] }]}
        rules={[{ axis: "y", value: 25, name: "chance", shade: true }]}
        height={200}
        width={150}
        at={1}
        onPoint={() => {}}
      />,
      host,
    );
    const names = [...host.querySelectorAll("text[transform]")].map((text) => text.textContent);
    expect(names).toEqual(["…name.of.a.layer", "fc"]);
    const shade = host.querySelector(".nbviz-curves-shade")!;
    const axis = Number(host.querySelector(".nbviz-curves-axis")!.getAttribute("y1"));
    expect(Number(shade.getAttribute("y")) + Number(shade.getAttribute("height"))).toBeCloseTo(axis);
    const top = Number(host.querySelector(".nbviz-curves-rule")!.getAttribute("y1"));
    expect(Number(shade.getAttribute("y"))).toBeCloseTo(top);
    expect(host.querySelector("svg[role=slider]")!.getAttribute("aria-valuetext")).toBe("layer fc: probe 75");
  });

  it("a list gives what is ticked in its own order", () => {
    const onPick = vi.fn();
    render(
      <PickList label="Layers" tip="" names={["a", "b", "c"]} chosen={["c"]} onPick={onPick} atLeastOne />,
      host,
    );
    const boxes = host.querySelectorAll("input");
    expect(host.querySelector("summary")!.textContent).toBe("Layers (1 of 3)");
    expect(boxes[2].disabled).toBe(true);
    boxes[0].checked = true;
    boxes[0].dispatchEvent(new Event("change", { bubbles: true }));
    expect(onPick).toHaveBeenCalledWith(["a", "c"]);
  });
});

describe("the words of the colour scale", () => {
  const [classes, numbers] = tableOf("result", [0, 0, 0, 0]).columns;

  it("are those of the cells, which are percent of classes and R² of numbers", () => {
    expect(scaleWords([classes], "probe accuracy")).toEqual({ unit: "%", factor: 100, numbers: "" });
    expect(scaleWords([numbers], "probe accuracy")).toEqual({ unit: "R²", factor: 1, numbers: "" });
    const both = scaleWords([classes, numbers], "probe accuracy");
    expect(both).toEqual({ unit: "%", factor: 100, numbers: "columns of numbers: R² (1 = 100 %)" });
    expect(written(0.52, numbers)).toBe("0.52");
    expect(scaleWords([classes, numbers], "selectivity").numbers).toContain("1 = 100 points");
  });
});
