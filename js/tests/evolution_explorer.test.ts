import { expect, test } from "vitest";
import { domainsOf } from "../src/parts/columns";
import evolution from "../src/views/evolution_explorer";
import { percentDomain } from "../src/views/evolution_explorer/controls";
import { namesThatFit } from "../src/views/evolution_explorer/player";
import { drawn, viewInTurn } from "./fake_model";
import * as frames from "./view_frames";

const shown = viewInTurn();

const LAYERS = [
  "input",
  "conv1",
  "relu1",
  "pool1",
  "conv2",
  "relu2",
  "pool2",
  "conv3",
  "relu3",
  "fc1",
  "fc2",
];

test("numbers of all frames are on one scale", () => {
  const numbers = (...values: number[]) => ({ kind: "numbers" as const, values: Float32Array.from(values) });
  const tables = [{ confidence: numbers(0.125, 0.25) }, { confidence: numbers(0.5, Number.NaN, 1) }];
  expect(domainsOf(tables)).toEqual({ confidence: [0.125, 1] });
  expect(domainsOf([{ label: { kind: "classes", names: [], codes: new Uint16Array(0) } }])).toEqual({});
});

test("all names stand under a wide slider", () => {
  expect(namesThatFit(LAYERS, 3, 900)).toEqual([...LAYERS.keys()]);
});

test("under a narrow one the current name and the ends come first, and none overlap", () => {
  for (const current of LAYERS.keys()) {
    const shown = namesThatFit(LAYERS, current, 300);
    expect(shown).toContain(current);
    expect(shown.length).toBeGreaterThan(3);
    expect(shown.length).toBeLessThan(LAYERS.length);
    if (current > 1 && current < 9) expect([shown[0], shown.at(-1)]).toEqual([0, 10]);
    const gaps = shown.slice(1).map((i, at) => i - shown[at]);
    expect(Math.min(...gaps)).toBeGreaterThan(1); // neighbours, 30 pixels apart, would overlap
  }
});

test("one frame, and none", () => {
  expect(namesThatFit(["0"], 0, 300)).toEqual([0]);
  expect(namesThatFit([], 0, 300)).toEqual([]);
});

test("percentages span whole tens within 0 and 100", () => {
  expect(percentDomain([100, 100])).toEqual([90, 100]);
  expect(percentDomain([0, 0])).toEqual([0, 10]);
  expect(percentDomain([31.2, 98.4])).toEqual([30, 100]);
  expect(percentDomain([Number.NaN, 55])).toEqual([50, 60]);
  expect(percentDomain([])).toEqual([0, 100]);
});

test("colours, marks and words are those of the frame that is drawn", async () => {
  const classes = (names: string[], ...codes: number[]) => ({
    kind: "classes",
    names,
    codes: new DataView(Uint16Array.from(codes).buffer),
  });
  const sure = { kind: "numbers", values: new DataView(Float32Array.of(0.5, 0.75).buffer) };
  const at = (prediction: number[], correct: number[]) => ({
    prediction: classes(["cat", "dog"], ...prediction),
    confidence: sure,
    correct: classes(["wrong", "correct", "not run"], ...correct),
  });
  const { frame, ...traits } = frames.evolutionExplorer(2);
  await shown.open(evolution, {
    ...traits,
    frame,
    colour_by: "prediction",
    answers_sent: {
      rows: new DataView(Int32Array.of(10, 20).buffer),
      frames: [at([0, 0], [0, 1]), at([1, 0], [1, 1])],
    },
  });
  const side = () => shown.el.querySelector(".nbviz-side-keys")!.textContent;
  const strip = () => shown.el.querySelector(".nbviz-strip")?.textContent;
  expect(side()).toBe("colour: predictioncat2dog0misclassified1");
  shown.model.set("selection", [10]);
  expect(strip()).toContain("cat");
  shown.model.set("frame_shown", 1);
  await drawn();
  expect(side()).toBe("colour: predictioncat1dog1misclassified0");
  expect(strip()).toContain("dog");
  shown.model.set("answers_sent", {});
  expect(side()).toBe("");
});
