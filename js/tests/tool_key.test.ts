// The key L: toolbar and maps always have the same tool, and where there is no lasso the key does nothing.
import { describe, expect, it } from "vitest";
import evolution from "../src/views/evolution_explorer";
import layer from "../src/views/layer_explorer";
import placement from "../src/views/live_placement";
import comparison from "../src/views/map_comparison";
import neurons from "../src/views/neuron_explorer";
import outliers from "../src/views/outlier_explorer";
import { drawn, front, key, viewInTurn } from "./fake_model";
import * as frames from "./view_frames";

const shown = viewInTurn();
const { open } = shown;
const tools = () =>
  [...shown.el.querySelectorAll<HTMLElement>(".nbviz-scatter")].map((map) => map.dataset.tool);
const button = () =>
  [...shown.el.querySelectorAll("button")]
    .find((one) => one.textContent?.includes("Lasso"))
    ?.getAttribute("aria-pressed");

describe.each([
  ["LayerExplorer", layer, frames.layerExplorer, 1],
  ["MapComparison", comparison, frames.mapComparison, 2],
  ["EvolutionExplorer", evolution, frames.evolutionExplorer, 1],
  ["NeuronExplorer", neurons, frames.neuronExplorer, 2],
  ["OutlierExplorer", outliers, frames.outlierExplorer, 1],
])("L in %s", (_name, view, traits, maps) => {
  it.each([...Array(maps).keys()])("switches toolbar and all maps from map %i", async (which) => {
    await open(view, traits());
    expect(tools()).toEqual(Array(maps).fill("pan"));
    expect(button()).toBe("false");
    for (const [tool, pressed] of [
      ["lasso", "true"],
      ["pan", "false"],
    ]) {
      // biome-ignore format: a table
      key(front(shown.el, which), "l");
      await drawn();
      expect(tools()).toEqual(Array(maps).fill(tool));
      expect(button()).toBe(pressed);
    }
  });
});

it("LivePlacement has no lasso, neither by L nor by Shift and a drag, and speaks of none", async () => {
  await open(placement, frames.livePlacement());
  expect(button()).toBeUndefined();
  expect(key(front(shown.el), "l")).toBe(true); // not handled
  expect(tools()).toEqual(["pan"]);
  expect(
    shown.el.querySelector(`#${front(shown.el).getAttribute("aria-describedby")}`)!.textContent,
  ).not.toContain("lasso");
  const round20 = [[300, 2], [398, 2], [398, 100], [300, 100]]; // biome-ignore format: one polygon
  const tell = (type: string, [clientX, clientY]: number[]) =>
    front(shown.el).dispatchEvent(
      new PointerEvent(type, { pointerId: 1, button: 0, clientX, clientY, shiftKey: true }),
    );
  tell("pointerdown", round20[0]);
  for (const at of round20) tell("pointermove", at);
  tell("pointerup", round20[3]);
  expect(shown.model.get("sample")).toBe(-1);
});
