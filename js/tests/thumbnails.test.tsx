import { render } from "preact";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Pictures } from "../src/parts/pictures";
import { Strip } from "../src/parts/strip";
import { HoverCard, placeCard, type Sprite, spriteUrl, tileStyle } from "../src/parts/thumbnails";

const sprite: Sprite = { url: "blob:x", columns: 10, count: 95, tileWidth: 28, tileHeight: 14 };
const item = (index: number, name = `sample ${index}`) => ({
  index,
  name,
  className: "seven",
  colour: "red",
});
/** As long as nothing sharper is asked for. */
const pictures: Pictures = {
  exist: () => true,
  of: (row) => (row < sprite.count ? { sprite, index: row } : null),
  follow: () => {},
};
let host: HTMLElement;

beforeEach(() => {
  host = document.createElement("div");
  document.body.replaceChildren(host);
});
afterEach(() => vi.restoreAllMocks());

describe("tiles", () => {
  it("are cut from the sprite at the asked size", () => {
    expect(tileStyle({ sprite, index: 23 }, 56)).toEqual({
      width: "56px",
      height: "28px",
      backgroundImage: "url(blob:x)",
      backgroundSize: "560px 280px", // 10 columns, 10 rows
      backgroundPosition: "-168px -56px", // column 3, row 2
      imageRendering: "pixelated",
    });
    expect(tileStyle({ sprite, index: 23 }, 14).imageRendering).toBe("auto"); // shrunk
  });

  it("have an address that ends with the view", async () => {
    const made = vi.spyOn(URL, "createObjectURL");
    const revoked = vi.spyOn(URL, "revokeObjectURL");
    const end = new AbortController();
    const url = spriteUrl(new DataView(Uint8Array.of(9, 9, 1, 2, 3).buffer, 2), end.signal);
    const blob = made.mock.calls[0][0] as Blob;
    expect(blob.type).toBe("image/png");
    expect([...new Uint8Array(await blob.arrayBuffer())]).toEqual([1, 2, 3]);
    expect(revoked).not.toHaveBeenCalled();
    end.abort();
    expect(revoked).toHaveBeenCalledWith(url);
  });
});

describe("the hover card", () => {
  const room = { width: 300, height: 200 };
  const card = { width: 120, height: 80 };

  it("stands right of and below the pointer where there is room, else on the other side", () => {
    expect(placeCard({ x: 10, y: 10 }, card, room)).toEqual({ x: 24, y: 24 });
    expect(placeCard({ x: 290, y: 190 }, card, room)).toEqual({ x: 156, y: 96 });
  });

  it("never leaves the view, wherever the pointer is", () => {
    for (let x = -20; x <= 320; x += 10) {
      for (let y = -20; y <= 220; y += 10) {
        const at = placeCard({ x, y }, card, room);
        expect(at.x >= 0 && at.x + card.width <= room.width, `${x}`).toBe(true);
        expect(at.y >= 0 && at.y + card.height <= room.height, `${y}`).toBe(true);
      }
    }
  });

  it("stays at the top left when it is larger than the view", () => {
    expect(placeCard({ x: 50, y: 50 }, { width: 900, height: 900 }, room)).toEqual({ x: 0, y: 0 });
  });

  it("shows its lines as text, and no picture for samples that have none", () => {
    const evil = "<script>alert(1)</script>";
    render(<HoverCard tile={null} lines={[evil, "label: 7"]} clientX={0} clientY={0} />, host);
    expect(host.querySelector("script, .nbviz-thumb")).toBeNull();
    expect(host.textContent).toBe(`${evil}label: 7`);
  });
});

describe("the strip", () => {
  const counts = [{ name: "seven", colour: "red", count: 95 }];
  const buttons = () => [...host.querySelectorAll("button")];

  it("shows so many samples, says how many more there are, and the count of each class", () => {
    const items = Array.from({ length: 95 }, (_, i) => item(i));
    render(<Strip items={items} pictures={pictures} counts={counts} />, host);
    expect(buttons().length).toBe(60);
    expect(host.querySelector(".nbviz-strip-more")!.textContent).toBe("+35 more");
    expect(host.querySelector(".nbviz-strip-counts")!.textContent).toBe("95 selectedseven: 95");
  });

  it("counts samples it was not given", () => {
    render(<Strip items={[item(0)]} total={5000} pictures={pictures} counts={[]} />, host);
    expect(host.querySelector(".nbviz-strip-more")!.textContent).toBe("+4,999 more");
  });

  it("says nothing of more when all are shown", () => {
    render(<Strip items={[item(0), item(4)]} pictures={pictures} counts={counts} />, host);
    expect(host.querySelector(".nbviz-strip-more")).toBeNull();
  });

  it("shows the name where there is no picture, as text", () => {
    render(<Strip items={[item(0, "<b>a film</b>"), item(95)]} pictures={null} counts={[]} />, host);
    expect(host.querySelector("b")).toBeNull();
    expect(buttons()[0].textContent).toBe("<b>a film</b>seven");
    render(<Strip items={[item(0), item(95)]} pictures={pictures} counts={[]} />, host); // there are none from 95 on
    expect(buttons().map((b) => b.querySelector(".nbviz-thumb") !== null)).toEqual([true, false]);
    expect(buttons()[1].textContent).toBe("sample 95seven");
  });

  it("says what the network takes a sample for, and where that is wrong", () => {
    const items = [
      { ...item(0), prediction: "seven", wrong: false },
      { ...item(1), prediction: "two", wrong: true },
    ];
    render(<Strip items={items} pictures={pictures} counts={counts} caption="label → prediction" />, host);
    const predictions = [...host.querySelectorAll<HTMLElement>(".nbviz-strip-prediction")];
    expect(predictions.map((p) => [p.textContent, "wrong" in p.dataset])).toEqual([
      ["→ seven", false],
      ["→ two", true],
    ]);
    expect(host.querySelector(".nbviz-strip-caption")!.textContent).toBe("label → prediction");
  });

  it("tells which sample was clicked, entered and left", () => {
    const onPick = vi.fn();
    const onHover = vi.fn();
    render(
      <Strip items={[item(7), item(42)]} pictures={pictures} counts={[]} onPick={onPick} onHover={onHover} />,
      host,
    );
    buttons()[1].click();
    buttons()[1].dispatchEvent(new MouseEvent("mouseenter"));
    buttons()[1].dispatchEvent(new MouseEvent("mouseleave"));
    expect(onPick.mock.calls).toEqual([[42]]);
    expect(onHover.mock.calls).toEqual([[42], [null]]);
  });
});
