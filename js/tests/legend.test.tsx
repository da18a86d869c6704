import { render } from "preact";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { VIRIDIS } from "../src/parts/colours";
import { ColourBar, GlyphKey, Legend, ticksOf } from "../src/parts/legend";

const EVIL = '<img src="x" onerror="alert(1)"><script>alert(2)</script>';
let host: HTMLElement;

beforeEach(() => {
  host = document.createElement("div");
  document.body.replaceChildren(host);
});

const entries = [
  { name: "cat", colour: "rgb(1, 2, 3)", count: 1234 },
  { name: "dog", colour: "rgb(4, 5, 6)", shape: 1 },
];

describe("Legend", () => {
  it("names no more classes than can be told apart, and says how many there are beside", () => {
    const many = Array.from({ length: 1234 }, (_, i) => ({ name: `class ${i}`, colour: "red" }));
    render(<Legend label="label" entries={many} />, host);
    expect(host.querySelectorAll(".nbviz-legend-entry").length).toBe(200);
    expect(host.textContent).toContain("and 1,034 more");
  });

  it("shows name, count and colour of every class", () => {
    render(<Legend label="label" entries={entries} />, host);
    expect(host.textContent).toBe("cat1,234dog");
    expect([...host.querySelectorAll("path")].map((p) => p.getAttribute("fill"))).toEqual([
      "rgb(1, 2, 3)",
      "rgb(4, 5, 6)",
    ]);
    expect(host.querySelector("button")).toBeNull(); // nothing to click without a callback
  });

  it("tells which class was picked and whether to add it", () => {
    const onPick = vi.fn();
    render(<Legend label="label" entries={entries} active={[1]} onPick={onPick} />, host);
    const [cat, dog] = host.querySelectorAll("button");
    expect([cat.getAttribute("aria-pressed"), dog.getAttribute("aria-pressed")]).toEqual(["false", "true"]);
    cat.click();
    dog.dispatchEvent(new MouseEvent("click", { shiftKey: true, bubbles: true }));
    expect(onPick.mock.calls).toEqual([
      [0, false],
      [1, true],
    ]);
  });

  it("shows a name that is HTML as text", () => {
    render(
      <>
        <Legend label={EVIL} entries={[{ name: EVIL, colour: "red" }]} onPick={() => {}} />
        <GlyphKey name={EVIL} />
        <ColourBar label={EVIL} unit={EVIL} domain={[0, 1]} ramp={VIRIDIS} />
      </>,
      host,
    );
    expect(host.querySelector("img, script")).toBeNull();
    expect(host.querySelector("button")!.textContent).toBe(EVIL);
    expect(host.textContent!.split(EVIL).length - 1).toBe(4);
  });
});

describe("ColourBar", () => {
  const ticks = () => [...host.querySelectorAll<HTMLElement>(".nbviz-colourbar-ticks span")];

  it("places round ticks along the domain", () => {
    render(<ColourBar label="confidence" domain={[0.1, 1]} ramp={VIRIDIS} />, host);
    expect(ticks().map((tick) => tick.textContent)).toEqual(["0.2", "0.4", "0.6", "0.8", "1.0"]);
    expect(Number.parseFloat(ticks()[0].style.left)).toBeCloseTo((100 * 0.1) / 0.9, 3);
    expect(Number.parseFloat(ticks()[4].style.left)).toBeCloseTo(100, 6);
    expect(ticks()[4].dataset.edge).toBe("high");
  });

  it("names what it shows, with its unit, for screen readers", () => {
    render(<ColourBar label="age" unit="years" domain={[20, 60]} ramp={VIRIDIS} />, host);
    expect(host.querySelector("[role=img]")!.getAttribute("aria-label")).toBe("age: 20 to 60 years");
  });

  it.each([
    [0.98712, 0.98745],
    [0.99999, 1],
    [0.9999999, 0.99999995],
    [1e-9, 3e-9],
    [123456.7, 123459.1],
    [-0.0001234, 0.0001234],
  ])("has ticks that stand apart and differ for %f to %f", (low, high) => {
    const found = ticksOf([low, high]);
    expect(found.length).toBeGreaterThan(1);
    expect(new Set(found.map(({ text }) => text)).size).toBe(found.length);
    const spans = found.map(({ at, text }) => {
      const [middle, width] = [1.8 * at, 6.5 * text.length];
      const start = at < 6 ? middle : at > 94 ? middle - width : middle - width / 2;
      return [start, start + width];
    });
    for (let i = 1; i < spans.length; i++) expect(spans[i][0]).toBeGreaterThan(spans[i - 1][1]);
    expect(spans[0][0]).toBeGreaterThan(-8);
  });

  it("marks a value to compare with, inside the bar, and names it", () => {
    const mark = { value: 0.25, text: "chance: 0.25" };
    render(<ColourBar label="kept" domain={[0, 1]} ramp={VIRIDIS} mark={mark} />, host);
    expect(host.querySelector("i")!.style.left).toBe("25%");
    expect(host.querySelector(".nbviz-colourbar-mark")!.textContent).toBe("chance: 0.25");
    expect(host.querySelector("[role=img]")!.getAttribute("aria-label")).toContain("chance: 0.25");
    render(<ColourBar label="kept" domain={[0, 1]} ramp={VIRIDIS} mark={{ ...mark, value: 7 }} />, host);
    expect(host.querySelector("i")!.style.left).toBe("100%");
  });

  it("has one tick for a constant", () => {
    render(<ColourBar label="x" domain={[3, 3]} ramp={VIRIDIS} />, host);
    expect(ticks().map((tick) => tick.textContent)).toEqual(["3"]);
    expect(ticks()[0].style.left).toBe("50%");
  });
});
