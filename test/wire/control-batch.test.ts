// Transaction markers. The expected bytes are those that Apache Kafka 4.3.1 wrote.

import { strict as assert } from "node:assert";
import { encodeMarker, isAbort } from "../../src/wire/control-batch.ts";
import { TruncatedError } from "../../src/wire/reader.ts";
import { encodeBatch } from "../../src/wire/record-batch.ts";
import { readBatch, readRecords } from "../../src/wire/record-batch-reader.ts";
import { wireRecord } from "../support/records.ts";

const ATTRIBUTES = 21;

describe("wire: control batches", () => {
  for (const [committed, key] of [
    [true, "00000001"],
    [false, "00000000"],
  ] as const)
    it(`encodes ${committed ? "a commit" : "an abort"} marker as Apache Kafka does`, () => {
      const batch = readBatch(encodeMarker({ producerId: 7, epoch: 3, committed }, 1000));
      assert.deepEqual(
        [batch.crcValid, batch.bytes.readInt16BE(ATTRIBUTES), batch.count, batch.sequence],
        [true, 0x30, 1, -1],
      );
      assert.deepEqual([batch.producerId, batch.epoch, batch.maxTimestamp], [7, 3, 1000]);
      const [record] = readRecords(batch);
      assert.equal(record?.key?.toString("hex"), key);
      assert.equal(record?.value?.toString("hex"), "000000000000");
      assert.equal(isAbort(batch), !committed);
    });

  it("refuses a marker whose key ends too early, as any truncated message", () => {
    const marker = { ...wireRecord("v"), key: Buffer.from([0, 0, 0]) };
    const identity = { producerId: 7, epoch: 3, sequence: -1 };
    const batch = readBatch(encodeBatch([marker], { ...identity, transactional: true, control: true }));
    assert.throws(() => isAbort(batch), TruncatedError);
  });

  it("sets the transactional bit of a batch only when the producer asks for it", () => {
    const identity = { producerId: 7, epoch: 3, sequence: 0 };
    const attributes = (transactional?: boolean): number =>
      encodeBatch([wireRecord("v")], {
        ...identity,
        ...(transactional === undefined ? {} : { transactional }),
      }).readInt16BE(ATTRIBUTES);
    assert.deepEqual([attributes(true), attributes(false), attributes()], [0x10, 0, 0]);
  });
});
