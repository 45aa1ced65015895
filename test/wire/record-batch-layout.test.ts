// The layout of record batches, byte for byte, and their size.

import { strict as assert } from "node:assert";
import { crc32c } from "../../src/wire/crc32c.ts";
import {
  BATCH_OVERHEAD,
  type BatchCompression,
  BatchEncoder,
  encodeBatch,
  loneBatchSize,
  recordSizeBound,
  type WireRecord,
} from "../../src/wire/record-batch.ts";

const record = (value: string | null, extra: Partial<WireRecord> = {}): WireRecord => ({
  key: null,
  value: value === null ? null : Buffer.from(value),
  headers: [],
  timestamp: 1000,
  ...extra,
});
const identity = { producerId: 2 ** 33 + 5, epoch: 7, sequence: 9 };

describe("wire: layout of record batches", () => {
  it("is that of Kafka's message format, magic 2", () => {
    const headers = [
      { key: "h", value: Buffer.from("v") },
      { key: "é", value: null },
    ];
    const batch = encodeBatch(
      [
        record("a", { key: Buffer.from("k"), headers }),
        record("b", { timestamp: 1064 }),
        record(null, { timestamp: 999 }),
      ],
      identity,
    );
    const records = [
      // Length, attributes, timestamp delta, offset delta, key, value, headers.
      `20${"00"}0000${"026b"}${"0261"}04${"02680276"}${"04c3a901"}`,
      `10${"00"}800102${"01"}${"0262"}00`,
      `0c${"00"}0104${"01"}${"01"}00`,
    ].join("");
    const body = [
      "0000", // attributes
      "00000002", // last offset delta
      "00000000000003e8", // base timestamp
      "0000000000000428", // largest timestamp
      "0000000200000005", // producer
      "0007",
      "00000009",
      "00000003", // records
      records,
    ].join("");
    assert.equal(batch.subarray(21).toString("hex"), body);
    const size = 61 + records.length / 2;
    assert.equal(batch.length, size);
    assert.equal(batch.subarray(0, 8).toString("hex"), "0000000000000000");
    assert.deepEqual([batch.readInt32BE(8), batch.readInt32BE(12), batch[16]], [size - 12, -1, 2]);
    assert.equal(batch.readUInt32BE(17), crc32c(Buffer.from(body, "hex")));
  });

  it("has the producer id -1 if none is given", () => {
    const batch = encodeBatch([record("a")]);
    assert.equal(batch.subarray(43, 57).toString("hex"), "ff".repeat(14));
  });

  it("can start anywhere in a buffer; one encoder encodes several batches in sequence", () => {
    const target = Buffer.alloc(1000, 0xee);
    const encoder = new BatchEncoder();
    for (const [at, records] of [
      [10, [record("a"), record("b", { timestamp: 2000 })]],
      [300, [record("c", { timestamp: 5 })]],
    ] as const) {
      encoder.begin(target, at);
      for (const each of records) encoder.add(each);
      const batch = encoder.finish(identity);
      assert.deepEqual(batch, encodeBatch(records, identity));
      assert.deepEqual([batch.buffer, batch.byteOffset], [target.buffer, target.byteOffset + at]);
      assert.deepEqual([target[at - 1], target[at + batch.length]], [0xee, 0xee]);
    }
  });

  it("contains compressed records only if compression makes them smaller", () => {
    const plain = encodeBatch([record("abcdef")]);
    const size = plain.length - BATCH_OVERHEAD;
    const packing = (packed: number): BatchCompression => ({
      attribute: 3,
      compress(records) {
        assert.equal(records.toString("hex"), plain.subarray(BATCH_OVERHEAD).toString("hex"));
        return Buffer.alloc(packed, 0xcc);
      },
    });
    assert.deepEqual(encodeBatch([record("abcdef")], undefined, packing(size)), plain);
    const packed = encodeBatch([record("abcdef")], undefined, packing(size - 1));
    assert.deepEqual(packed.subarray(BATCH_OVERHEAD), Buffer.alloc(size - 1, 0xcc));
    assert.deepEqual([packed.readInt16BE(21), packed.readInt32BE(8)], [3, packed.length - 12]);
    assert.equal(packed.readUInt32BE(17), crc32c(packed, 21));
  });

  it("has a predicted size: exact for a single record, and an upper bound for any position", () => {
    for (const size of [0, 1, 62, 63, 64, 65, 8190, 8191, 8192])
      for (const header of [
        undefined,
        { key: "é".repeat(size), value: null },
        { key: "h", value: Buffer.alloc(size) },
      ])
        for (const key of [null, Buffer.alloc(size)]) {
          const lone = record("x".repeat(size), { key, headers: header ? [header, header] : [] });
          const { length } = encodeBatch([lone]);
          assert.equal(loneBatchSize(lone), length);
          assert.ok(recordSizeBound(lone) >= length - BATCH_OVERHEAD);
          assert.ok(recordSizeBound(lone) <= length - BATCH_OVERHEAD + 56);
        }
    assert.equal(loneBatchSize(record(null)), encodeBatch([record(null)]).length);
  });
});
