// A double click shows everything again and takes back what its first click did, in every view with a map. The
// selection may hold samples that are not shown.
import { describe, expect, it, vi } from "vitest";
import { readRows } from "../src/parts/selection";
import placement from "../src/views/live_placement";
import neurons from "../src/views/neuron_explorer";
import outliers from "../src/views/outlier_explorer";
import { click, drawn, front, viewInTurn } from "./fake_model";
import * as frames from "./view_frames";

const { AT_10, AT_20, NOWHERE } = frames;
const shown = viewInTurn();
const { open } = shown;
const selection = (name = "selection") => {
  shown.model.answer(); // to the first click,
  shown.model.answer(); // and to the second
  return [...readRows(shown.model.get(name) as DataView)];
};

describe.each(frames.SELECTING)("a double click in %s", (name, view, traits) => {
  it("keeps the selection, samples that are not shown too", async () => {
    await open(view, { ...traits(), selection: [3, 10] });
    for (const place of [AT_10, AT_20, NOWHERE]) {
      click(front(shown.el), place, { times: 2 });
      expect(selection()).toEqual([3, 10]);
      click(front(shown.el), place, { times: 2, shiftKey: true });
      expect(selection()).toEqual([3, 10]);
    }
    if (name === "OutlierExplorer") return; // there a click shows a sample, and selects with Shift only
    click(front(shown.el), AT_20);
    expect(selection()).toEqual([20]);
  });
});

it("a double click on a map of units keeps the selected units, and the samples", async () => {
  await open(neurons, { ...frames.neuronExplorer(), selection: [3], units: [1, 6] });
  click(front(shown.el, 1), AT_10, { times: 2 });
  expect([selection(), selection("units")]).toEqual([[3], [1, 6]]);
});

it("a double click in OutlierExplorer goes back to the sample that was shown", async () => {
  await open(outliers, { ...frames.outlierExplorer(), selection: [4], sample: 10 });
  for (const place of [AT_20, AT_10]) {
    click(front(shown.el), place, { times: 2 });
    expect([shown.model.get("sample"), selection()]).toEqual([10, [4]]);
  }
});

it("a double click in LivePlacement asks for the sheet as it was, if a sample came to it", async () => {
  await open(placement, frames.livePlacement());
  const undone = () => shown.model.sent.filter(({ message }) => message.type === "undo").length;
  click(front(shown.el), NOWHERE, { times: 2 });
  expect(undone()).toBe(0);
  click(front(shown.el), AT_20, { times: 2 });
  expect([shown.model.get("sample"), undone()]).toEqual([20, 1]);
  click(front(shown.el), AT_20, { times: 2 }); // it lies there already
  expect(undone()).toBe(1);
});

it("a click in LivePlacement does not overtake what was typed before it", async () => {
  await open(placement, frames.livePlacement());
  const { model, el } = shown;
  const saved: unknown[] = [];
  vi.spyOn(model, "save_changes").mockImplementation(() => {
    saved.push([model.get("text"), model.get("sample")]);
  });
  const box = el.querySelector<HTMLTextAreaElement>("textarea, input[type=text]")!;
  for (const text of ["a", "ab", "abc"]) {
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }
  await drawn();
  click(front(el), AT_20);
  model.answer();
  expect(saved).toEqual([
    ["a", -1],
    ["abc", -1],
    ["abc", 20],
  ]);
});
