// The outcome of a batch by the answer to Produce.

import { strict as assert } from "node:assert";
import { type Outcome, outcomeOf } from "../../../src/kafka/produce/outcomes.ts";

describe("kafka: outcomes", () => {
  const byCode: Readonly<Partial<Record<Outcome, readonly number[]>>> = {
    written: [0],
    duplicate: [46],
    open: [7, 20, 56],
    "stale-metadata": [5, 9],
    later: [2, 19],
    split: [10, 18],
    "bad-records": [32, 44, 87],
    denied: [29, 31, 53],
    refused: [42, 43, 76],
    sequence: [45, 47, 59],
  };
  for (const [outcome, codes] of Object.entries(byCode))
    it(`${codes.join(", ")}: ${outcome}, wherever the base offset points`, () => {
      for (const code of codes)
        for (const baseOffset of [-1, 0, 5]) assert.equal(outcomeOf(code, baseOffset), outcome);
    });

  it("3 and 6 without a base offset: the records are not written, and the leader has moved", () => {
    assert.deepEqual([outcomeOf(3, -1), outcomeOf(6, -1)], ["stale-metadata", "stale-metadata"]);
  });
  it("3 and 6 with a base offset: the records are in a log whose leader has changed", () => {
    assert.deepEqual([outcomeOf(3, 0), outcomeOf(6, 7)], ["open", "open"]);
  });
  it("a code that is not in the table: the outcome is unknown", () => {
    assert.deepEqual([outcomeOf(-1, -1), outcomeOf(999, 0)], ["unknown", "unknown"]);
  });
});
