// The contract of a sink: what failures mean, and what its options are.

import { strict as assert } from "node:assert";
import { bindingsOf, DeliveryError, failureKindOf, sinkOptions } from "../../src/core/sink.ts";

describe("core: sink", () => {
  it("counts an answer as permanent, as a failure to try again, or as an absence, by its status", () => {
    const statusesOf = (kind: string): number[] =>
      Array.from({ length: 600 }, (_, status) => status).filter(
        (status) => status >= 300 && failureKindOf(status) === kind,
      );
    assert.deepEqual(statusesOf("away"), [429, 502, 503, 504]);
    const answered = statusesOf("answered");
    assert.deepEqual(answered.slice(0, 5), [408, 409, 425, 500, 501]);
    assert.deepEqual([answered.includes(505), answered.includes(599), answered.length], [true, true, 100]);
    assert.equal(statusesOf("permanent").length, 300 - 4 - 100);
    assert.equal(failureKindOf(undefined), "away");
  });
  it("fails with the kind, the pause that the receiver asked for, and the cause", () => {
    const cause = new Error("x");
    const error = new DeliveryError("away", "why", { retryAfterMs: 5, cause });
    assert.deepEqual(
      [error.name, error.message, error.kind, error.retryAfterMs, error.cause],
      ["DeliveryError", "why", "away", 5, cause],
    );
    const plain = new DeliveryError("permanent", "why");
    assert.deepEqual([plain.retryAfterMs, "cause" in plain], [undefined, false]);
  });
  it("shows expressions where a record stands, its key and its headers as text", () => {
    const place = { topic: "t", partition: 1, offset: 2, timestamp: 3 };
    const headers = [
      { key: "h", value: Buffer.from("é") },
      { key: "none", value: null },
      { key: "h", value: Buffer.from("last") },
    ];
    const record = { ...place, key: Buffer.from("ü"), value: Buffer.from("{}"), headers };
    assert.deepEqual(bindingsOf(record), { ...place, key: "ü", headers: { h: "last", none: "" } });
    assert.equal(bindingsOf({ ...record, key: null }).key, null);
  });
  it("is configured with topics; where it starts and when it gives up have defaults", () => {
    const { topics, from, filter, giveUpAfter } = sinkOptions;
    assert.deepEqual(
      [topics.required, topics.schema["minItems"], topics.schema["uniqueItems"]],
      [true, 1, true],
    );
    assert.deepEqual([from.schema["enum"], from.schema["default"]], [["latest", "earliest"], "latest"]);
    assert.equal(filter.required, false);
    assert.equal(giveUpAfter.schema["default"], "10m");
  });
});
