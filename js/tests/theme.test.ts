import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { addStyle, backgroundAt, isDark, type Theme, watchTheme } from "../src/parts/theme";

const frame = () => new Promise((done) => setTimeout(done, 60));

let root: HTMLElement;
let end: AbortController;

beforeEach(() => {
  end = new AbortController();
  document.body.innerHTML = '<div id="outer"><div id="inner"></div></div>';
  document.body.removeAttribute("style");
  root = document.createElement("div");
  document.querySelector("#inner")!.append(root);
});
afterEach(() => {
  end.abort();
  for (const style of document.querySelectorAll("style[data-nbviz]")) style.remove();
});

describe("the measured background", () => {
  it("is that of the nearest opaque ancestor", () => {
    document.body.style.backgroundColor = "rgb(250, 250, 250)";
    document.querySelector<HTMLElement>("#outer")!.style.backgroundColor = "rgb(10, 20, 30)";
    expect(backgroundAt(root)).toEqual([10, 20, 30]);
  });

  it("blends translucent layers", () => {
    document.body.style.backgroundColor = "rgb(200, 100, 0)";
    document.querySelector<HTMLElement>("#outer")!.style.backgroundColor = "rgba(0, 0, 0, 0.5)";
    expect(backgroundAt(root)).toEqual([100, 50, 0]);
  });

  it("is found through a shadow root", () => {
    const host = document.querySelector<HTMLElement>("#inner")!;
    host.style.backgroundColor = "rgb(1, 2, 3)";
    const shadow = host.attachShadow({ mode: "open" });
    shadow.append(root);
    expect(backgroundAt(root)).toEqual([1, 2, 3]);
  });

  it("is white where nothing is painted", () => {
    expect(backgroundAt(root)).toEqual([255, 255, 255]);
  });

  it("is dark or light by what can be read on it", () => {
    expect(isDark([17, 17, 17])).toBe(true);
    expect(isDark([30, 30, 120])).toBe(true);
    expect(isDark([255, 255, 255])).toBe(false);
    expect(isDark([0, 220, 0])).toBe(false);
  });
});

describe("watchTheme", () => {
  it("follows a change of the page, and stops with the signal", async () => {
    const seen: Theme[] = [];
    document.body.style.backgroundColor = "rgb(255, 255, 255)";
    watchTheme(root, end.signal, (theme) => seen.push(theme));
    expect(root.dataset.theme).toBe("light");

    document.body.style.backgroundColor = "rgb(17, 18, 19)";
    await frame();
    expect(root.dataset.theme).toBe("dark");
    expect(root.style.getPropertyValue("--nbviz-bg")).toBe("rgb(17, 18, 19)");
    expect(seen).toEqual([
      { dark: false, background: [255, 255, 255] },
      { dark: true, background: [17, 18, 19] },
    ]);

    end.abort();
    document.body.style.backgroundColor = "rgb(255, 255, 255)";
    await frame();
    expect(root.dataset.theme).toBe("dark");
    expect(seen.length).toBe(2);
  });

  it("takes an editor's colour from VS Code's variable when the page is transparent", () => {
    document.documentElement.style.setProperty("--vscode-editor-background", "#1e1e1e");
    watchTheme(root, end.signal);
    expect(root.dataset.theme).toBe("dark");
    document.documentElement.style.removeProperty("--vscode-editor-background");
  });
});

describe("addStyle", () => {
  const count = (place: ParentNode) => place.querySelectorAll("style[data-nbviz]").length;

  it("adds the same text once to the document", () => {
    addStyle(root, ".a {}");
    addStyle(document.querySelector("#outer")!, ".a {}");
    addStyle(root, ".b {}");
    expect(count(document.head)).toBe(2);
  });

  it("adds it inside the shadow root, where a document's style does not reach", () => {
    const shadow = document.querySelector("#inner")!.attachShadow({ mode: "open" });
    shadow.append(root);
    addStyle(root, ".a {}");
    expect([count(shadow), count(document.head)]).toEqual([1, 0]);
  });

  it("keeps it with an element that is not on the page yet", () => {
    const loose = document.createElement("div");
    addStyle(loose, ".a {}");
    expect(count(loose)).toBe(1);
  });
});
