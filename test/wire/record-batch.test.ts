// Compares record batches with those of two other implementations: Apache Kafka's console producer, and
// kafkajs.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gunzipSync, gzipSync } from "node:zlib";
import { TruncatedError } from "../../src/wire/reader.ts";
import { encodeBatch, loneBatchSize, recordSizeBound, type WireRecord } from "../../src/wire/record-batch.ts";
import { readBatches, readRecords } from "../../src/wire/record-batch-reader.ts";
import { wireRecord } from "../support/records.ts";

const require = createRequire(import.meta.url);
const vectors = JSON.parse(readFileSync("test/wire/console-producer.json", "utf8")) as Record<string, string>;
const unpack = (_: number, packed: Buffer): Buffer => gunzipSync(packed);
const record = (value: string | null, extra: Partial<WireRecord> = {}): WireRecord =>
  wireRecord(value, { timestamp: 1000, ...extra });
const text = (bytes: Buffer | null): string | null => bytes?.toString() ?? null;

describe("wire: record batches", () => {
  for (const [codec, base64] of Object.entries(vectors)) {
    it(`reads what Kafka's console producer wrote, compression ${codec}`, () => {
      const records = [...readBatches(Buffer.from(base64, "base64"))].flatMap((batch) => {
        assert.ok(batch.crcValid);
        return readRecords(batch, unpack);
      });
      assert.deepEqual(
        records.map(({ offset, key, value, headers }) => [
          offset,
          text(key),
          text(value),
          headers.map((header) => `${header.key}=${text(header.value)}`),
        ]),
        [
          [0, "k1", "one", ["h1=v1", "h2=é"]],
          [1, null, "two", ["h=x"]],
          [2, "k3", null, ["h=x"]],
        ],
      );
    });
    it(`writes the same bytes for the same records, compression ${codec}`, () => {
      for (const batch of readBatches(Buffer.from(base64, "base64"))) {
        if (batch.compression !== 0) continue;
        const ours = encodeBatch(readRecords(batch), batch);
        // The broker sets offset and leader epoch. From the attributes on, every byte is the producer's.
        assert.deepEqual(ours.subarray(17), batch.bytes.subarray(17));
      }
    });
  }

  it("kafkajs reads what we write, timestamps 40 days apart included", async () => {
    const decode = require("kafkajs/src/protocol/recordBatch/v0/decoder.js");
    const Decoder = require("kafkajs/src/protocol/decoder.js");
    const day = 86_400_000;
    const sent = [
      record("a", {
        key: Buffer.from("k"),
        timestamp: 40 * day,
        headers: [{ key: "h", value: Buffer.from("v") }],
      }),
      record(null, { timestamp: 0 }),
      record("c", { timestamp: 80 * day }),
    ];
    const batch = await decode(new Decoder(encodeBatch(sent)));
    assert.deepEqual(
      batch.records.map((each: { key: Buffer; value: Buffer; timestamp: string }) => [
        text(each.key),
        text(each.value),
        Number(each.timestamp),
      ]),
      sent.map(({ key, value, timestamp }) => [text(key), text(value), timestamp]),
    );
    assert.equal(Number(batch.maxTimestamp), 80 * day);
  });

  it("keeps any records over a round trip, in at most the predicted size", () => {
    for (let round = 0; round < 200; round++) {
      const random = (most: number): number => Math.floor(Math.random() * most);
      const some = (): Buffer | null => (random(4) === 0 ? null : Buffer.alloc(random(300), random(256)));
      const sent = Array.from({ length: 1 + random(80) }, () => ({
        key: some(),
        value: some(),
        headers: Array.from({ length: random(3) }, (_, n) => ({ key: `ü${n}`, value: some() })),
        timestamp: Date.now() - random(2 ** 40),
      }));
      const bytes = encodeBatch(sent, { producerId: 2 ** 40 + 1, epoch: 7, sequence: 2 ** 31 - 1 });
      assert.ok(bytes.length <= sent.reduce((sum, each) => sum + recordSizeBound(each), 61));
      const [batch] = readBatches(bytes);
      assert.ok(batch?.crcValid);
      assert.deepEqual(
        [batch.producerId, batch.epoch, batch.sequence, batch.count],
        [2 ** 40 + 1, 7, 2 ** 31 - 1, sent.length],
      );
      assert.deepEqual(
        readRecords(batch).map(({ offset: _, ...rest }) => rest),
        sent.map(({ key, value, headers, timestamp }) => ({ key, value, headers, timestamp })),
      );
    }
  });

  it("predicts the size of a single record's batch to the byte", () => {
    for (const size of [0, 1, 63, 64, 8191, 8192, 100_000]) {
      const lone = record("x".repeat(size), { key: Buffer.alloc(size % 100) });
      assert.equal(loneBatchSize(lone), encodeBatch([lone]).length);
    }
  });

  it("compresses records only if that makes them smaller", () => {
    const gzip = { attribute: 1, compress: (bytes: Buffer) => gzipSync(bytes) } as const;
    const [small] = readBatches(encodeBatch([record("a".repeat(1000))], undefined, gzip));
    assert.equal(small?.compression, 1);
    assert.deepEqual(small && text(readRecords(small, unpack)[0]?.value ?? null), "a".repeat(1000));
    const noise = Buffer.from(Array.from({ length: 1000 }, () => Math.floor(Math.random() * 256)));
    const [same] = readBatches(encodeBatch([{ ...record(""), value: noise }], undefined, gzip));
    assert.equal(same?.compression, 0);
  });

  it("refuses records that do not match their count, and skips a truncated last batch", () => {
    const bytes = encodeBatch([record("abc"), record("def")]);
    assert.equal([...readBatches(bytes.subarray(0, bytes.length - 1))].length, 0);
    const [batch] = readBatches(bytes);
    assert.ok(batch);
    assert.throws(() => readRecords({ ...batch, count: 3 }), TruncatedError);
    assert.throws(() => readRecords({ ...batch, count: 1 }), TruncatedError);
    assert.throws(() => readRecords({ ...batch, compression: 4 }), TruncatedError);
  });
});
