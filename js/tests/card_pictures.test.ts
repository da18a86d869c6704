// The card beside the point under the mouse: its picture is a tile of the sprite, or is asked for.
import { describe, expect, it } from "vitest";
import placement from "../src/views/live_placement";
import comparison from "../src/views/map_comparison";
import neurons from "../src/views/neuron_explorer";
import { drawn, front, SPRITE, viewInTurn } from "./fake_model";
import * as frames from "./view_frames";

const { AT_10, AT_20, NOWHERE } = frames;
const shown = viewInTurn();
const { open } = shown;
const hover = ([clientX, clientY]: number[], which = 0) =>
  front(shown.el, which).dispatchEvent(new PointerEvent("pointermove", { pointerId: 1, clientX, clientY }));
const card = () => shown.el.querySelector<HTMLElement>(".nbviz-card");

const answer = (rows: number[]) =>
  shown.model.emit("msg:custom", { type: "pictures", to: "card", rows, columns: 4, width: 96, height: 96 }, [
    new DataView(new ArrayBuffer(8)),
  ]);

describe.each([...frames.SELECTING, ["LivePlacement", placement, frames.livePlacement] as const])(
  "the card of %s",
  (_name, view, traits) => {
    const thumb = () => card()?.querySelector<HTMLElement>(".nbviz-thumb") ?? null;
    const asked = () =>
      shown.model.sent.map(({ message }) => message).filter(({ type }) => type === "pictures");

    it("asks for the picture of a sample that no sprite holds, once", async () => {
      const { specimen, ...rest } = traits();
      await open(view, { ...rest, specimen: { ...specimen, pictures: 28 } });
      hover(AT_20);
      await drawn();
      expect(card()!.textContent).toContain("sample 20");
      expect([thumb(), asked()]).toEqual([null, [{ type: "pictures", to: "card", rows: [20], size: 96 }]]);
      answer([20]);
      expect(thumb()!.style.backgroundImage).toContain("blob:");
      hover(NOWHERE);
      expect(card()).toBeNull();
      hover(AT_20);
      expect(thumb()).not.toBeNull();
      hover(AT_10);
      await drawn();
      expect(card()!.textContent).toContain("sample 10");
      expect(asked().map(({ rows }) => rows)).toEqual([[20], [10]]);
    });

    it("asks for none where the sprite holds them, or there are none", async () => {
      await open(view, traits());
      hover(AT_20);
      expect([thumb(), asked()]).toEqual([null, []]);
      shown.model.set("thumbnails", SPRITE);
      hover(NOWHERE);
      hover(AT_20);
      await drawn();
      expect(thumb()).not.toBeNull();
      expect(asked()).toEqual([]);
    });
  },
);

it("the card of a unit has lines and asks for no picture", async () => {
  const { specimen, ...rest } = frames.neuronExplorer();
  await open(neurons, { ...rest, specimen: { ...specimen, pictures: 4 }, thumbnails: SPRITE });
  hover(AT_20, 1);
  expect(card()!.textContent).toContain("unit 6 of fc1mean: 2.00");
  expect(card()!.querySelector(".nbviz-thumb")).toBeNull();
  expect(shown.model.sent).toEqual([]);
});

it("MapComparison keeps its pictures when the kernel takes its own away", async () => {
  await open(comparison, { ...frames.mapComparison(), thumbnails: SPRITE });
  hover(AT_20);
  expect(card()!.querySelector(".nbviz-thumb")).not.toBeNull();
  shown.model.set("thumbnails", {}); // as view.close() does
  await drawn();
  hover(NOWHERE);
  hover(AT_20);
  expect(card()!.querySelector(".nbviz-thumb")).not.toBeNull();
});
