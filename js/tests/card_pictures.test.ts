// The card beside the point under the mouse: its picture is a tile of the sprite, or is asked for.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import comparison from "../src/views/map_comparison";
import { drawn, type FakeModel, front, mockCanvas, openView, SPRITE } from "./fake_model";
import * as frames from "./view_frames";

const { AT_20 } = frames;
let close: () => void;
let model: FakeModel;
let el: HTMLElement;
// biome-ignore lint/suspicious/noExplicitAny: any view
const open = async (view: any, traits: Record<string, unknown>) => {
  ({ model, el, close } = await openView(view, traits));
};
const hover = ([clientX, clientY]: number[], which = 0) =>
  front(el, which).dispatchEvent(new PointerEvent("pointermove", { pointerId: 1, clientX, clientY }));
const card = () => el.querySelector<HTMLElement>(".nbviz-card");

beforeEach(mockCanvas);
afterEach(() => {
  close();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

it("MapComparison keeps its pictures when the kernel takes its own away", async () => {
  await open(comparison, { ...frames.mapComparison(), thumbnails: SPRITE });
  hover(AT_20);
  expect(card()!.querySelector(".nbviz-thumb")).not.toBeNull();
  model.set("thumbnails", {}); // as view.close() does
  await drawn();
  hover([200, 200]);
  hover(AT_20);
  expect(card()!.querySelector(".nbviz-thumb")).not.toBeNull();
});
