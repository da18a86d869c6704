import { render } from "preact";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { bandOf, keepApart, nearest, pathOf, runsOf } from "../src/parts/curve_shapes";
import { Curves, type CurvesProps, curveColours, plain } from "../src/parts/curves";

describe("shapes", () => {
  it("finds the nearest number", () => {
    expect(nearest([0, 1, 4], 2.4)).toBe(1);
    expect(nearest([0, 1, 4], 2.6)).toBe(2);
    expect(nearest([0], -9)).toBe(0);
  });

  it("breaks at missing values and keeps a point that stands alone", () => {
    const nan = Number.NaN;
    expect(runsOf(5, [1, nan, 1, 1, 1], [1, 1, 1, nan, 1])).toEqual([
      [0, 0],
      [2, 2],
      [4, 4],
    ]);
    expect(pathOf([0, 1, 2, 3, 4], [5, 6, nan, 7, nan])).toBe("M0.0,5.0L1.0,6.0M3.0,7.0h0");
    expect(pathOf([0, 1], [nan, nan])).toBe("");
    expect(bandOf([0, 1, 2], [9, 8, nan], [3, 2, 1])).toBe("M0.0,3.0L1.0,2.0L1.0,8.0L0.0,9.0Z");
  });

  it("keeps labels apart, inside, and in order", () => {
    expect(keepApart([10, 50], 14, 0, 100)).toEqual([10, 50]);
    expect(keepApart([20, 20, 21], 14, 0, 100)).toEqual([20, 34, 48]);
    expect(keepApart([98, 99], 14, 0, 100)).toEqual([86, 100]);
    expect(keepApart([99, 98], 14, 0, 100)).toEqual([100, 86]);
  });

  it("writes numbers as people do", () => {
    expect([plain(-2.5), plain(0.1234567), plain(1e-9), plain(Number.NaN)]).toEqual([
      "−2.5",
      "0.1235",
      "1e−9",
      "–",
    ]);
  });
});

let host: HTMLElement;
beforeEach(() => {
  host = document.createElement("div");
  document.body.replaceChildren(host);
});

const COLOURS = curveColours(2, false);
const given: CurvesProps = {
  label: "Distance",
  x: [-2, -1, 0, 1, 2],
  xTitle: "shift (pixels)",
  yTitle: "distance",
  curves: [
    { name: "conv1", colour: COLOURS[0], values: [4, 2, 0, 2, Number.NaN] },
    {
      name: "fc2",
      colour: COLOURS[1],
      values: [1, 1, 1, 1, 1],
      lower: [0, 0, 0, 0, 0],
      upper: [2, 2, 2, 2, 2],
    },
  ],
  width: 400,
  height: 200,
};
const draw = (more: Partial<CurvesProps> = {}) => render(<Curves {...given} {...more} />, host);
const chart = () => host.querySelector<SVGSVGElement>(".nbviz-curves-chart")!;
const texts = (selector: string) => [...host.querySelectorAll(selector)].map((node) => node.textContent);

describe("Curves", () => {
  it("draws every curve, its band, and titles with units", () => {
    draw();
    const lines = [...host.querySelectorAll(".nbviz-curves-line")];
    expect(lines.map((line) => line.getAttribute("stroke"))).toEqual(COLOURS);
    expect(lines[0].getAttribute("d")!.match(/[ML]/g)!.join("")).toBe("MLLL"); // the fifth is missing
    expect(host.querySelectorAll(".nbviz-curves-band")).toHaveLength(1);
    expect(texts(".nbviz-curves-title")).toEqual(["distance", "shift (pixels)"]);
    expect(chart().getAttribute("role")).toBe("img");
    expect(chart().getAttribute("aria-label")).toBe("Distance");
  });

  it("puts larger values higher, and zero on the axis", () => {
    draw();
    const [, first, third] = /M[\d.]+,([\d.]+)L[^L]+L[\d.]+,([\d.]+)/.exec(
      host.querySelector(".nbviz-curves-line")!.getAttribute("d")!,
    )!;
    expect(Number(first)).toBeLessThan(Number(third));
    expect(Number(third)).toBeCloseTo(200 - 36, 1);
  });

  it("keeps room for what is still to come", () => {
    draw({ x: [0, 1, 2, 3, 4], names: "none" });
    const end = () =>
      Number(host.querySelector(".nbviz-curves-line")!.getAttribute("d")!.split(/[L,]/).at(-2));
    const whole = end();
    draw({ x: [0, 1, 2, 3, 4], names: "none", xDomain: [0, 8] });
    expect(end()).toBeLessThan(0.6 * whole);
  });

  it("labels the ends where they fit, else shows a key with the marked values", () => {
    draw({ at: 1 });
    expect(texts(".nbviz-curves-name").map((name) => name!.slice(0, 3))).toEqual(["con", "fc2"]);
    draw({
      names: "ends",
      width: 300,
      curves: [{ ...given.curves[0], name: "encoder.layers.11.linear2.weight" }],
    });
    expect(texts(".nbviz-curves-name")[0]).toMatch(/^encoder[^…]*…encoder.layers.11.linear2.weight$/); // cut; its title is whole
    draw({ at: 1 });
    expect(texts(".nbviz-curves-value")).toEqual(["2", "1"]);
    draw({ at: 1, width: 90 });
    expect(texts(".nbviz-curves-name")).toEqual([]);
    expect(texts(".nbviz-curves-key li")).toEqual(["conv12", "fc21"]);
    expect(texts(".nbviz-curves-value")).toEqual([]);
  });

  it("moves the marker with the keys, and not beyond the ends", () => {
    const onPoint = vi.fn();
    const press = (key: string, at: number) => {
      draw({ at, onPoint });
      const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
      const heard = vi.fn();
      document.body.addEventListener("keydown", heard, { once: true });
      chart().dispatchEvent(event);
      document.body.removeEventListener("keydown", heard);
      return { taken: event.defaultPrevented, heard: heard.mock.calls.length };
    };
    expect(press("ArrowRight", 1)).toEqual({ taken: true, heard: 0 });
    press("ArrowLeft", 1);
    press("Home", 3);
    press("End", 0);
    press("ArrowRight", 4); // already at the end
    expect(onPoint.mock.calls.flat()).toEqual([2, 0, 0, 4]);
    expect(press("a", 1)).toEqual({ taken: false, heard: 1 });
    expect(chart().getAttribute("role")).toBe("slider");
    expect(chart().getAttribute("tabindex")).toBe("0"); // a key is heard only where the focus can be
    expect(chart().getAttribute("aria-valuenow")).toBe("-1");
    expect(chart().getAttribute("aria-valuetext")).toBe("shift (pixels) −1: conv1 2, fc2 1");
  });

  it("moves the marker to the x nearest to the pointer", () => {
    const onPoint = vi.fn();
    draw({ at: 2, onPoint });
    chart().getBoundingClientRect = () => ({ left: 100, width: 400 }) as DOMRect;
    for (const clientX of [100, 496, 300]) {
      chart().dispatchEvent(new PointerEvent("pointermove", { clientX, bubbles: true }));
    }
    expect(onPoint.mock.calls.flat()[0]).toBe(0);
    expect(onPoint.mock.calls.flat()[1]).toBe(4);
  });

  it("leaves out what a logarithmic axis cannot show", () => {
    draw({ yScale: "log" });
    const path = host.querySelector(".nbviz-curves-line")!.getAttribute("d")!;
    expect(path.match(/[MLh]/g)!.join("")).toBe("MLMh"); // the zero in the middle is a gap
    expect(path).not.toContain("NaN");
    draw({ yScale: "log", curves: [{ ...given.curves[0], values: [0.01, 0.1, 1, 1, 1] }] });
    expect(texts(".nbviz-curves-chart g > text")).toEqual(expect.arrayContaining(["0.01", "0.1", "1"]));
  });

  it("draws nothing wrong from nothing", () => {
    for (const x of [[], [3]]) {
      const curves = [{ name: "a", colour: "red", values: x.map(() => Number.NaN) }];
      draw({ x, curves, at: 0, onPoint: () => {} });
      expect(host.innerHTML).not.toMatch(/NaN|Infinity|undefined/);
    }
    draw({ curves: [{ name: "flat", colour: "red", values: [3, 3, 3, 3, 3] }] });
    expect(host.innerHTML).not.toMatch(/NaN|Infinity/);
  });

  it("marks values that mean something", () => {
    draw({
      rules: [
        { axis: "y", value: 1, name: "chance" },
        { axis: "x", value: 0, name: "as given" },
      ],
    });
    expect(host.querySelectorAll(".nbviz-curves-rule")).toHaveLength(2);
    expect(host.textContent).toContain("chance");
  });

  it("shows a name that is HTML as text", () => {
    const name = '<img src="x" onerror="alert(1)">';
    draw({ curves: [{ ...given.curves[0], name }, { ...given.curves[1] }], names: "key" });
    expect(host.querySelector("img")).toBeNull();
    expect(host.textContent).toContain(name);
  });
});
