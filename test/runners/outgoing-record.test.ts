// Records for sinks.

import { strict as assert } from "node:assert";
import { outgoingRecord } from "../../src/runners/outgoing-record.ts";

describe("runners: outgoing record", () => {
  const record = (value: Buffer | null) => ({
    topic: "t",
    partition: 1,
    offset: 2,
    timestamp: 3,
    key: Buffer.from("k"),
    value,
    headers: [{ key: "h", value: null }],
  });
  const parsed = (value: Buffer | null): unknown => outgoingRecord(record(value)).parsed;

  it("has the value as parsed JSON, and the other fields unchanged", () => {
    const value = Buffer.from('{"id":[1,null]}');
    assert.deepEqual(outgoingRecord(record(value)), { ...record(value), parsed: { id: [1, null] } });
  });
  it("has other values as text, bytes that are not UTF-8 as Base64, a tombstone as undefined", () => {
    assert.equal(parsed(Buffer.from("{née")), "{née");
    assert.equal(parsed(Buffer.from([0xff, 0xfe])), "//4=");
    assert.equal(parsed(null), undefined);
    assert.equal(parsed(Buffer.from("null")), null);
  });
  it("has the numbers that JavaScript would round as strings", () => {
    assert.deepEqual(parsed(Buffer.from('{"id":9007199254740993,"n":[1.0]}')), {
      id: "9007199254740993",
      n: [1],
    });
  });
});
