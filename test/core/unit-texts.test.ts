// Valid and invalid texts of durations and sizes.

import { strict as assert } from "node:assert";
import { bytes, type Duration, ms, parseDuration, parseSize, type Size } from "../../src/core/units.ts";

describe("core: texts with units", () => {
  it("may have decimals, and are rounded to whole milliseconds and bytes", () => {
    assert.deepEqual(
      ["0ms", "10.25s", "0.0004s", "1.5m", "12.34h"].map(parseDuration),
      [0, 10_250, 0, 90_000, 44_424_000],
    );
    assert.deepEqual(
      ["10.5kB", "0B", "1.5GB", "0.3kB", "1.25kB"].map(parseSize),
      [10_752, 0, 1_610_612_736, 307, 1280],
    );
  });
  it("are refused with other text before, after or in them", () => {
    for (const text of ["", " 1s", "1s ", "1 s", "-1s", "1.s", ".5s", "1.5.5s", "1S", "x1s", "1sx", "1ms1s"])
      assert.equal(parseDuration(text), undefined, text);
    for (const text of ["", "1", "1b", "1Kb", "1MiB", "x1B", "1Bx", "1.B", "1mB"])
      assert.equal(parseSize(text), undefined, text);
  });
  it("are converted to numbers after validation", () => {
    assert.deepEqual([ms("2s" as Duration), bytes("2kB" as Size)], [2000, 2048]);
  });
});
