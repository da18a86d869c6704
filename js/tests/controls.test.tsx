import { render } from "preact";
import { act } from "preact/test-utils";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type Control, Controls, fromField } from "../src/parts/controls";

const folds: Control = {
  kind: "number",
  name: "folds",
  label: "Folds",
  tip: "Parts",
  min: 2,
  max: 20,
  step: 1,
};
let host: HTMLElement;
let values: Record<string, number>;
const set = vi.fn((name: string, value: number) => {
  values[name] = value;
  draw();
});

function draw(): void {
  act(() => render(<Controls controls={[folds]} get={(name) => values[name]} set={set} />, host));
}

const field = () => host.querySelector("input")!;
const hint = () => host.querySelector("small")?.textContent;

function type(text: string, leave = true): void {
  act(() => {
    field().value = text;
    field().dispatchEvent(new Event("input", { bubbles: true }));
  });
  if (!leave) return;
  act(() => {
    field().dispatchEvent(new Event("change", { bubbles: true }));
  });
}

beforeEach(() => {
  host = document.createElement("div");
  document.body.replaceChildren(host);
  values = { folds: 5 };
  set.mockClear();
  draw();
});

describe("a number field", () => {
  it("passes on what it takes", () => {
    type("12");
    expect(set).toHaveBeenCalledExactlyOnceWith("folds", 12);
    expect(field().value).toBe("12");
    expect(hint()).toBeUndefined();
  });

  it.each(["", "0", "1", "400", "-4", "2.5"])("goes back when it is given %j, and says its range", (text) => {
    type(text);
    expect(set).not.toHaveBeenCalled();
    expect(field().value).toBe("5");
    expect(hint()).toBe("2 to 20");
    expect(field().getAttribute("aria-invalid")).toBe("true");
  });

  it("takes the hint away when one types again, and after a while", () => {
    vi.useFakeTimers();
    type("400");
    type("4", false);
    expect(hint()).toBeUndefined();
    type("400");
    expect(hint()).toBe("2 to 20");
    act(() => {
      vi.advanceTimersByTime(10_000);
    });
    expect(hint()).toBeUndefined();
    vi.useRealTimers();
  });

  it("keeps what is being typed when the panel is drawn again", () => {
    type("1", false);
    draw(); // as every progress of a computation does
    expect(field().value).toBe("1");
    act(() => {
      field().dispatchEvent(new Event("blur"));
    });
    expect(field().value).toBe("5");
  });

  it("takes fractions where its steps are fractions", () => {
    const share = { min: 0, max: 1, step: 0.1 };
    expect(["0.25", "1", "1.1", " ", "1e"].map((text) => fromField(text, share))).toEqual([
      0.25,
      1,
      null,
      null,
      null,
    ]);
  });
});
