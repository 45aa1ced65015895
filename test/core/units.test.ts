// Durations and sizes.

import { strict as assert } from "node:assert";
import { parseDuration, parseSize } from "../../src/core/units.ts";

describe("core: units", () => {
  it("parses durations and sizes", () => {
    assert.deepEqual(["500ms", "1.5s", "2m", "1h", "7d", "5", "s"].map(parseDuration), [
      500,
      1500,
      120_000,
      3_600_000,
      604_800_000,
      undefined,
      undefined,
    ]);
    assert.deepEqual(["1B", "2kB", "1MB", "1GB", "1KB"].map(parseSize), [
      1,
      2048,
      1_048_576,
      1_073_741_824,
      undefined,
    ]);
  });
});
