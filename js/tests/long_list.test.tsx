import { render } from "preact";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { inSight, LongList, stepTo } from "../src/parts/long_list";

let host: HTMLElement;
let moved: number[];
let picked: number[];

beforeEach(() => {
  host = document.createElement("div");
  document.body.replaceChildren(host);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(200);
  [moved, picked] = [[], []];
});
afterEach(() => {
  render(null, host);
  vi.restoreAllMocks();
});

function draw(active = -1, order = "by loss", count = 5000) {
  render(
    <LongList
      label="samples"
      count={count}
      rowHeight={40}
      active={active}
      chosen={3}
      order={order}
      row={(i) => `row ${i}`}
      describe={(i) => `sample ${i}`}
      onMove={(i) => moved.push(i)}
      onPick={(i) => picked.push(i)}
    />,
    host,
  );
  return host.querySelector<HTMLElement>("[role=listbox]")!;
}
const press = (list: HTMLElement, key: string) => {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  list.dispatchEvent(event);
  return event;
};

describe("what is in sight", () => {
  it("is a window with a few rows to spare, within the list", () => {
    expect(inSight(0, 200, 40, 5000)).toEqual([0, 9]);
    expect(inSight(4000, 200, 40, 5000)).toEqual([96, 109]);
    expect(inSight(199_800, 200, 40, 5000)).toEqual([4991, 5000]);
    expect(inSight(4000, 200, 40, 3)).toEqual([3, 3]);
  });

  it("is all that is on the page, with its place among all for screen readers", () => {
    const list = draw();
    const options = [...list.querySelectorAll("[role=option]")];
    expect(options.length).toBeLessThan(20);
    expect(options[2].getAttribute("aria-posinset")).toBe("3");
    expect(options[2].getAttribute("aria-setsize")).toBe("5000");
    expect(options.map((option) => option.getAttribute("aria-selected")).indexOf("true")).toBe(3);
    expect(options[1].getAttribute("aria-label")).toBe("sample 1");
  });

  it("follows the active row, and begins at the top in another order", () => {
    const list = draw();
    draw(1000);
    expect(list.scrollTop).toBe(1001 * 40 - 200);
    draw(1000, "by hit");
    expect(list.scrollTop).toBe(0);
  });
});

describe("keys", () => {
  it("lead up, down, by pages, and to the ends, and not beyond", () => {
    expect(stepTo("ArrowDown", -1, 4, 10)).toBe(0);
    expect(stepTo("ArrowUp", 0, 4, 10)).toBe(0);
    expect(stepTo("PageDown", 8, 4, 10)).toBe(9);
    expect(stepTo("End", 0, 4, 10)).toBe(9);
    expect(stepTo("Home", 5, 4, 10)).toBe(0);
    expect(stepTo("x", 5, 4, 10)).toBeNull();
    expect(stepTo("End", 0, 4, 0)).toBeNull();
  });

  it("may come faster than the list is drawn", () => {
    const list = draw(5);
    for (const key of ["ArrowDown", "ArrowDown", "Enter"]) press(list, key);
    expect(moved).toEqual([6, 7]);
    expect(picked).toEqual([7]);
  });

  it("are kept from the notebook only where the list uses them", () => {
    const list = draw(5);
    const heard = vi.fn();
    document.body.addEventListener("keydown", heard);
    expect(press(list, "Escape").defaultPrevented).toBe(true);
    expect(picked).toEqual([-1]);
    expect(heard).not.toHaveBeenCalled();
    expect(press(list, "a").defaultPrevented).toBe(false);
    expect(heard).toHaveBeenCalledOnce();
    document.body.removeEventListener("keydown", heard);
  });
});
