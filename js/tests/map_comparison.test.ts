import { describe, expect, it } from "vitest";
import { packRows, readRows } from "../src/parts/selection";
import { groupsOf, mostChanged, type Neighbours } from "../src/views/map_comparison/neighbours";

// Three neighbours each of two points.
const neighbours: Neighbours = {
  k: 3,
  local: Float32Array.of(1 / 3, 1),
  left: Uint16Array.of(1, 2, 3, 0, 4, 5),
  right: Uint16Array.of(7, 3, 9, 5, 0, 4),
};

describe("neighbours", () => {
  it("are kept, lost or gained, in the order of their distance", () => {
    expect(groupsOf(neighbours, 0)).toEqual({ kept: [3], lost: [1, 2], gained: [7, 9] });
    expect(groupsOf(neighbours, 1)).toEqual({ kept: [0, 4, 5], lost: [], gained: [] });
  });

  it("order the points: those that kept fewest first, then by number", () => {
    const local = Float32Array.of(0.5, 0, 1, 0, 0.5);
    expect(mostChanged(local, [0, 1, 2, 3, 4])).toEqual([1, 3, 0, 4, 2]);
    expect(mostChanged(local, [4, 2, 0])).toEqual([0, 4, 2]);
  });
});

describe("rows of a selection", () => {
  it("come back from the trip to Python, also from an unaligned place", () => {
    const rows = Int32Array.of(3, 70_000, 5);
    expect(readRows(packRows(rows))).toEqual(rows);
    const bytes = new Uint8Array(14);
    bytes.set(new Uint8Array(rows.buffer), 2);
    expect(readRows(new DataView(bytes.buffer, 2, 12))).toEqual(rows);
  });

  it("may be a plain list, empty or missing", () => {
    expect([...readRows([4, 2])]).toEqual([4, 2]);
    expect([...readRows(new DataView(new ArrayBuffer(0)))]).toEqual([]);
    expect([...readRows(undefined)]).toEqual([]);
  });

  it("are copied: a later change of the selection does not change what was sent", () => {
    const rows = Int32Array.of(1);
    const sent = packRows(rows);
    rows[0] = 9;
    expect(sent.getInt32(0, true)).toBe(1);
  });
});
