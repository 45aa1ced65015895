// Record batches against two others who write and read them: Apache Kafka's console producer, and kafkajs.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gunzipSync, gzipSync } from "node:zlib";
import { crc32c } from "../../src/wire/crc32c.ts";
import { FrameSplitter } from "../../src/wire/frame.ts";
import { encodeRequest } from "../../src/wire/message.ts";
import { Produce } from "../../src/wire/messages/produce.ts";
import { frameOverhead, ProduceFrame } from "../../src/wire/produce-frame.ts";
import { Reader, TruncatedError } from "../../src/wire/reader.ts";
import { encodeBatch, loneBatchSize, recordSizeBound, type WireRecord } from "../../src/wire/record-batch.ts";
import { readBatches, readRecords } from "../../src/wire/record-batch-reader.ts";
import { varintSize, varlongSize, writeVarint, writeVarlong } from "../../src/wire/varint.ts";
import { Writer } from "../../src/wire/writer.ts";

const require = createRequire(import.meta.url);
const vectors = JSON.parse(readFileSync("test/wire/console-producer.json", "utf8")) as Record<string, string>;
const unpack = (_: number, packed: Buffer): Buffer => gunzipSync(packed);
const record = (value: string | null, extra: Partial<WireRecord> = {}): WireRecord => ({
  key: null,
  value: value === null ? null : Buffer.from(value),
  headers: [],
  timestamp: 1000,
  ...extra,
});
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
        // Offset and leader epoch are the broker's; from the attributes on every byte is the producer's.
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

  it("keeps any records over a round trip, in at most the bytes that were foretold", () => {
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

  it("foretells a lone record's batch to the byte", () => {
    for (const size of [0, 1, 63, 64, 8191, 8192, 100_000]) {
      const lone = record("x".repeat(size), { key: Buffer.alloc(size % 100) });
      assert.equal(loneBatchSize(lone), encodeBatch([lone]).length);
    }
  });

  it("packs what shrinks and leaves alone what does not", () => {
    const gzip = { attribute: 1, compress: (bytes: Buffer) => gzipSync(bytes) } as const;
    const [small] = readBatches(encodeBatch([record("a".repeat(1000))], undefined, gzip));
    assert.equal(small?.compression, 1);
    assert.deepEqual(small && text(readRecords(small, unpack)[0]?.value ?? null), "a".repeat(1000));
    const noise = Buffer.from(Array.from({ length: 1000 }, () => Math.floor(Math.random() * 256)));
    const [same] = readBatches(encodeBatch([{ ...record(""), value: noise }], undefined, gzip));
    assert.equal(same?.compression, 0);
  });

  it("refuses records that do not add up, and skips a last batch that is cut off", () => {
    const bytes = encodeBatch([record("abc"), record("def")]);
    assert.equal([...readBatches(bytes.subarray(0, bytes.length - 1))].length, 0);
    const [batch] = readBatches(bytes);
    assert.ok(batch);
    assert.throws(() => readRecords({ ...batch, count: 3 }), TruncatedError);
    assert.throws(() => readRecords({ ...batch, count: 1 }), TruncatedError);
    assert.throws(() => readRecords({ ...batch, compression: 4 }), TruncatedError);
  });
});

describe("wire: primitives and frames", () => {
  it("computes CRC-32C as RFC 3720 does, at any length and place", () => {
    assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
    assert.equal(crc32c(Buffer.from("xx123456789yy"), 2, 11), 0xe3069283);
  });

  it("keeps varints and varlongs over a round trip, in the size foretold", () => {
    for (const value of [
      0,
      1,
      -1,
      63,
      64,
      -64,
      -65,
      8191,
      8192,
      2 ** 20,
      2 ** 27,
      2 ** 30 - 1,
      -(2 ** 30),
      2 ** 31 - 1,
      -(2 ** 31),
    ]) {
      const target = Buffer.alloc(10);
      assert.equal(writeVarint(target, 0, value), varintSize(value));
      assert.equal(new Reader(target).varint(), value);
    }
    for (const value of [0, 2 ** 31, -(2 ** 31) - 1, 2 ** 40, -(2 ** 45), 2 ** 51]) {
      const target = Buffer.alloc(10);
      assert.equal(writeVarlong(target, 0, value), varlongSize(value));
      assert.equal(new Reader(target).varlong(), value);
    }
  });

  it("keeps 64-bit numbers, strings and nulls, compact or not", () => {
    for (const flexible of [false, true]) {
      const writer = Object.assign(new Writer(1), { flexible });
      for (const value of [0, -1, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 32, -(2 ** 32) - 5]) writer.int64(value);
      writer.string("é".repeat(200));
      writer.string(null);
      writer.nullableBytes(null);
      writer.boolean(true);
      const reader = Object.assign(new Reader(writer.bytes), { flexible });
      for (const value of [0, -1, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 32, -(2 ** 32) - 5])
        assert.equal(reader.int64(), value);
      assert.deepEqual(
        [
          reader.nullableString(),
          reader.nullableString(),
          reader.nullableBytes(),
          reader.boolean(),
          reader.remaining,
        ],
        ["é".repeat(200), null, null, true, 0],
      );
      assert.throws(() => reader.int8(), TruncatedError);
    }
  });

  it("cuts frames out of a stream wherever it is split", () => {
    const frame = (body: string): Buffer =>
      Buffer.concat([Buffer.from([0, 0, 0, body.length]), Buffer.from(body)]);
    const stream = Buffer.concat([frame("first"), frame("second!"), frame("last")]);
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        const splitter = new FrameSplitter(100);
        const frames = [
          stream.subarray(0, first),
          stream.subarray(first, second),
          stream.subarray(second),
        ].flatMap((chunk) => splitter.push(chunk));
        assert.deepEqual(frames.map(String), ["first", "second!", "last"]);
      }
    }
    assert.throws(() => new FrameSplitter(100).push(Buffer.from([0, 0, 1, 0])), RangeError);
    assert.throws(() => new FrameSplitter(100).push(Buffer.from([0, 0, 0, 0])), RangeError);
  });

  it("a Produce frame is what the message layout says, byte for byte", () => {
    const [a, b, c] = ["a", "b", "c"].map((value) => encodeBatch([record(value)]));
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
    frame.begin(9, "onramp", 1500, 2);
    for (const { name, partitions } of topics) {
      frame.topic(name, partitions.length);
      for (const { partition, records } of partitions) frame.records(partition, () => records);
    }
    assert.deepEqual(frame.finish(), expected);
    assert.throws(() => new ProduceFrame(Buffer.alloc(50)).records(0, () => Buffer.alloc(100)), RangeError);
  });
});
