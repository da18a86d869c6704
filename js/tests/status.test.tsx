import { render } from "preact";
import { act } from "preact/test-utils";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { counted, countedOf, type Status, StatusBar } from "../src/parts/status";

const REST: Status = {
  status: "done",
  progress: {},
  problem: {},
  elapsed: 0.5,
  link: "ok",
  facts: [],
  limits: "It cannot tell you everything.",
  changed: false,
  canSave: true,
};
const actions = { onStop: vi.fn(), onRefresh: vi.fn(), onSave: vi.fn() };
let host: HTMLElement;

beforeEach(() => {
  host = document.createElement("div");
  document.body.replaceChildren(host);
  vi.clearAllMocks();
});

const show = (status: Partial<Status>) =>
  act(() => render(<StatusBar {...REST} {...status} {...actions} />, host));
const button = (text: string) =>
  [...host.querySelectorAll("button")].find((b) => b.textContent?.trim() === text);

describe("the status bar", () => {
  it("offers a refresh when the model has changed, and not while the new picture is computed", async () => {
    await show({ changed: false });
    expect(host.querySelector(".nbviz-changed")).toBeNull();
    await show({ changed: true });
    expect(host.querySelector(".nbviz-changed")!.textContent).toContain("The model has changed");
    button("Refresh")!.click();
    expect(actions.onRefresh).toHaveBeenCalledOnce();
    await show({ changed: true, status: "running" });
    expect(host.querySelector(".nbviz-changed")).toBeNull();
    await show({ changed: true, link: "gone" });
    expect(host.querySelector(".nbviz-changed")).toBeNull();
  });

  it("closes the text behind the i with Escape and gives the focus back", async () => {
    await show({});
    const info = host.querySelector<HTMLButtonElement>(".nbviz-info")!;
    await act(() => info.click());
    const text = host.querySelector(".nbviz-limits")!;
    expect(text.textContent).toBe(REST.limits);
    expect(info.getAttribute("aria-controls")).toBe(text.id);
    const outside = vi.fn();
    document.body.addEventListener("keydown", outside);
    button("Save picture")!.focus();
    const pressed = () => new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true });
    await act(() => void document.activeElement!.dispatchEvent(pressed()));
    expect(host.querySelector(".nbviz-limits")).toBeNull();
    expect(document.activeElement).toBe(info);
    expect(outside).not.toHaveBeenCalled();
    info.dispatchEvent(pressed()); // there is nothing to close: the key is the page's
    expect(outside).toHaveBeenCalledOnce();
    document.body.removeEventListener("keydown", outside);
  });

  it("saves only where there is a picture", async () => {
    await show({});
    button("Save picture")!.click();
    expect(actions.onSave).toHaveBeenCalledOnce();
    await show({ canSave: false });
    expect(button("Save picture")).toBeUndefined();
  });
});

it("counts one thing and many", () => {
  expect([0, 1, 2000].map((n) => counted(n, "sample"))).toEqual(["0 samples", "1 sample", "2,000 samples"]);
  expect([countedOf(2000, 3000, "sample"), countedOf(2, 2, "sample")]).toEqual([
    "2,000 of 3,000 samples",
    "2 samples",
  ]);
  expect(counted(1, "class", "classes") + counted(3, "class", "classes")).toBe("1 class3 classes");
});
