import { expect, test } from "vitest";
import { percentDomain } from "../src/views/evolution_explorer/controls";
import { namesThatFit } from "../src/views/evolution_explorer/player";

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
