// The contract of a sink: what failures mean, and what its options are.

import { strict as assert } from "node:assert";
import { bindingsOf } from "../../src/core/bindings.ts";
import { DeliveryError, failureKindOf, sinkOptions } from "../../src/core/sink.ts";

describe("core: sink", () => {
  it("maps the status of a response to permanent, answered or away", () => {
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
  it("reports an error with its kind, the pause that the receiver asked for, and the cause", () => {
    const cause = new Error("x");
    const error = new DeliveryError("away", "why", { retryAfterMs: 5, cause });
    assert.deepEqual(
      [error.name, error.message, error.kind, error.retryAfterMs, error.cause],
      ["DeliveryError", "why", "away", 5, cause],
    );
    const plain = new DeliveryError("permanent", "why");
    assert.deepEqual([plain.retryAfterMs, "cause" in plain], [undefined, false]);
  });
  it("gives expressions the topic, partition and offset of a record, and its key and headers as text", () => {
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
  it("gives expressions bytes that are not UTF-8 as Base64, so that different bytes are different texts", () => {
    const place = { topic: "t", partition: 1, offset: 2, timestamp: 3, value: null };
    const of = (byte: number) => {
      const bytes = Buffer.from([byte]);
      return bindingsOf({ ...place, key: bytes, headers: [{ key: "h", value: bytes }] });
    };
    assert.deepEqual([of(0xfe).key, of(0xff).key, of(0xff).headers], ["/g==", "/w==", { h: "/w==" }]);
  });
  it("requires topics; from and giveUpAfter have defaults", () => {
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
