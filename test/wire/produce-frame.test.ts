// The frame of a Produce request.

import { strict as assert } from "node:assert";
import { encodeRequest } from "../../src/wire/message.ts";
import { Produce } from "../../src/wire/messages/produce.ts";
import { frameOverhead, ProduceFrame } from "../../src/wire/produce-frame.ts";
import { encodeBatch } from "../../src/wire/record-batch.ts";
import { wireRecord } from "../support/records.ts";

describe("wire: produce-frame", () => {
  it("writes a Produce frame as the message layout describes it, byte for byte", () => {
    const [a, b, c] = ["a", "b", "c"].map((value) => encodeBatch([wireRecord(value)]));
    const topics = [
      {
        name: "t1",
        partitions: [
          { partition: 0, records: a as Buffer },
          { partition: 3, records: b as Buffer },
        ],
      },
      { name: "t2", partitions: [{ partition: 1, records: c as Buffer }] },
    ];
    const expected = encodeRequest(
      Produce,
      8,
      { correlationId: 9, clientId: "onramp" },
      { transactionalId: null, acks: -1, timeoutMs: 1500, topics },
    );
    const frame = new ProduceFrame(Buffer.allocUnsafe(frameOverhead(["t1", "t2"], 3) + 300));
    frame.begin(8, 9, "onramp", 1500, 2);
    for (const { name, partitions } of topics) {
      frame.topic(name, partitions.length);
      for (const { partition, records } of partitions) frame.records(partition, () => records);
    }
    assert.deepEqual(frame.finish(), expected);
    const transactional = encodeRequest(
      Produce,
      8,
      { correlationId: 9, clientId: "onramp" },
      { transactionalId: "ns-source-x", acks: -1, timeoutMs: 1500, topics: [] },
    );
    const empty = new ProduceFrame(Buffer.allocUnsafe(frameOverhead([], 0, "ns-source-x")));
    empty.begin(8, 9, "onramp", 1500, 0, "ns-source-x");
    assert.deepEqual(empty.finish(), transactional);
    assert.throws(() => new ProduceFrame(Buffer.alloc(50)).records(0, () => Buffer.alloc(100)), RangeError);
  });
});
