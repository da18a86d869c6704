import { describe, expect, it } from "vitest";
import { withNotes } from "../src/parts/shell";

describe("notes about the model", () => {
  it("stand after the facts of the picture, each once", () => {
    const facts = [{ text: "3 cells", tip: "lines" }, { text: "run in place" }];
    expect(withNotes(facts, ["run in place", "two names"])).toEqual([...facts, { text: "two names" }]);
    expect(withNotes(facts, [])).toEqual(facts);
  });
});
