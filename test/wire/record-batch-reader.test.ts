// Reads record batches, and refuses invalid ones.

import { strict as assert } from "node:assert";
import { TruncatedError } from "../../src/wire/reader.ts";
import { encodeBatch, type WireRecord } from "../../src/wire/record-batch.ts";
import { type Batch, readBatches, readRecords } from "../../src/wire/record-batch-reader.ts";

const record = (value: string | null, extra: Partial<WireRecord> = {}): WireRecord => ({
  key: null,
  value: value === null ? null : Buffer.from(value),
  headers: [],
  timestamp: 1000,
  ...extra,
});
const one = (bytes: Buffer): Batch => {
  const [batch, ...others] = readBatches(bytes);
  assert.ok(batch && others.length === 0);
  return batch;
};
/** A batch whose records are these bytes. */
const batchOf = (hex: string, count: number): Batch => ({
  ...one(encodeBatch([record("a")])),
  bytes: Buffer.concat([Buffer.alloc(61), Buffer.from(hex, "hex")]),
  count,
});

describe("wire: record batch reader", () => {
  it("reads the header of a batch", () => {
    const bytes = encodeBatch([record("a"), record("b", { timestamp: 1064 })], {
      producerId: 5,
      epoch: 6,
      sequence: 7,
    });
    bytes.writeBigInt64BE(40n, 0);
    bytes.writeInt32BE(3, 12);
    assert.deepEqual(one(bytes), {
      bytes,
      baseOffset: 40,
      leaderEpoch: 3,
      magic: 2,
      crcValid: true,
      compression: 0,
      logAppendTime: false,
      transactional: false,
      control: false,
      lastOffsetDelta: 1,
      baseTimestamp: 1000,
      maxTimestamp: 1064,
      producerId: 5,
      epoch: 6,
      sequence: 7,
      count: 2,
    });
  });

  it("reads each attribute from its own bits", () => {
    const attributes = (bits: number) => {
      const bytes = encodeBatch([record("a")]);
      bytes.writeInt16BE(bits, 21);
      const { compression, logAppendTime, transactional, control, crcValid } = one(bytes);
      assert.equal(crcValid, bits === 0);
      return [compression, logAppendTime, transactional, control];
    };
    assert.deepEqual(attributes(0), [0, false, false, false]);
    assert.deepEqual(attributes(4), [4, false, false, false]);
    assert.deepEqual(attributes(8), [0, true, false, false]);
    assert.deepEqual(attributes(16), [0, false, true, false]);
    assert.deepEqual(attributes(32), [0, false, false, true]);
    assert.deepEqual(attributes(0x40 + 8 + 3), [3, true, false, false]);
  });

  it("detects a change of the checksum or of any byte that it covers", () => {
    const bytes = encodeBatch([record("abc")]);
    for (let at = 17; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.equal(one(changed).crcValid, false, `byte ${at}`);
    }
  });

  it("reads batches in sequence, up to one that is truncated or impossible", () => {
    const [a, b] = [encodeBatch([record("a")]), encodeBatch([record("bb")])];
    const lengths = (log: Buffer): number[] => [...readBatches(log)].map(({ bytes }) => bytes.length);
    assert.deepEqual(lengths(Buffer.concat([a, b])), [a.length, b.length]);
    for (const cut of [1, 11, 12, 60, 61, b.length - 1])
      assert.deepEqual(lengths(Buffer.concat([a, b.subarray(0, cut)])), [a.length], `cut at ${cut}`);
    const small = Buffer.alloc(100);
    small.writeInt32BE(48, 8);
    assert.deepEqual(lengths(Buffer.concat([a, small])), [a.length]);
    small.writeInt32BE(49, 8);
    assert.deepEqual([lengths(small), lengths(small.subarray(0, 61))], [[61], [61]]);
    small.writeInt32BE(-12, 8);
    assert.deepEqual(lengths(small), []);
  });

  it("calculates the offset and timestamp of records from those of the batch", () => {
    const batch = one(encodeBatch([record("a"), record("b", { timestamp: 900 }), record(null)]));
    const placed = readRecords({ ...batch, baseOffset: 40, baseTimestamp: 5000 });
    assert.deepEqual(
      placed.map(({ offset, timestamp, key, value, headers }) => [offset, timestamp, key, value, headers]),
      [
        [40, 5000, null, Buffer.from("a"), []],
        [41, 4900, null, Buffer.from("b"), []],
        [42, 5000, null, null, []],
      ],
    );
    const appended = readRecords({ ...batch, logAppendTime: true, maxTimestamp: 7777 });
    assert.deepEqual(
      appended.map(({ timestamp }) => timestamp),
      [7777, 7777, 7777],
    );
  });

  it("reads headers with and without a value, and a name that is null as empty", () => {
    const headers = [
      { key: "é", value: Buffer.from("v") },
      { key: "none", value: null },
      { key: "", value: Buffer.alloc(0) },
    ];
    const [placed] = readRecords(one(encodeBatch([record("a", { headers })])));
    assert.deepEqual(placed?.headers, headers);
    const [unnamed] = readRecords(batchOf(`12${"00"}0000${"01"}${"01"}02${"01"}${"0276"}`, 1));
    assert.deepEqual(unnamed?.headers, [{ key: "", value: Buffer.from("v") }]);
  });

  it("decompresses a batch with its codec, and refuses it without a decompressor", () => {
    const bytes = encodeBatch([record("abc")]);
    const batch = {
      ...one(bytes),
      compression: 3,
      bytes: Buffer.concat([bytes.subarray(0, 61), Buffer.from("zip")]),
    };
    const [unpacked] = readRecords(batch, (compression, packed) => {
      assert.deepEqual([compression, packed.toString()], [3, "zip"]);
      return bytes.subarray(61);
    });
    assert.equal(unpacked?.value?.toString(), "abc");
    assert.throws(() => readRecords(batch), /a batch has compression 3, and no decompressor is given/);
  });

  it("refuses records with a wrong length, and bytes after the last record", () => {
    const lengths = { short: "0a", exact: "0c", long: "0e" };
    const body = `${"00"}0000${"01"}${"01"}00`;
    assert.equal(readRecords(batchOf(lengths.exact + body, 1)).length, 1);
    for (const length of [lengths.short, lengths.long])
      assert.throws(() => readRecords(batchOf(length + body, 1)), /record 0 ends at 7, not at [68]/);
    assert.throws(
      () => readRecords(batchOf(`${lengths.exact}${body}ffff`, 1)),
      /2 bytes follow the last record/,
    );
    assert.throws(() => readRecords(batchOf(lengths.exact + body, 2)), TruncatedError);
    // The key is longer than the remaining bytes.
    assert.throws(() => readRecords(batchOf(`0c${"00"}0000${"7e"}${"01"}00`, 1)), TruncatedError);
  });
});
