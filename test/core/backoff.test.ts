// Backoff: the wait grows with each failure.

import { strict as assert } from "node:assert";
import { Backoff } from "../../src/core/time.ts";

describe("core: backoff", () => {
  it("waits longer after each failure, up to the maximum, and starts again after a reset", () => {
    const backoff = new Backoff(100, 1000);
    for (const wait of [100, 200, 400, 800, 1000, 1000]) {
      backoff.next(0);
      assert.ok(!backoff.ready(wait / 2 - 1) && backoff.ready(wait));
    }
    backoff.reset();
    assert.ok(backoff.ready(0) && !backoff.active);
  });
});
