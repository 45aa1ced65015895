// A record with very many headers: decoded, they would take a hundred times the memory of their bytes.

import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import { FetchedRecords, type Part } from "../../../src/kafka/consume/fetched-records.ts";

import { ReadBudget } from "../../../src/kafka/consume/read-budget.ts";
import { encodeBatch } from "../../../src/wire/record-batch.ts";
import { Writer } from "../../../src/wire/writer.ts";
import { wireRecord } from "../../support/records.ts";

const MB = 1024 * 1024;

/** A batch, compressed, of a record without headers, and one with `count` headers of 2 bytes, which have no key and no value. */
function batchWithHeaders(count: number): Buffer {
  const content = Buffer.concat([record(0, 0), record(1, count)]);
  const placeholders = [wireRecord("x".repeat(MB)), wireRecord("")];
  return encodeBatch(placeholders, undefined, { attribute: 1, compress: () => gzipSync(content) });
}

function record(offset: number, headers: number): Buffer {
  const start = new Writer();
  start.int8(0);
  start.varlong(0);
  start.varint(offset);
  start.varint(-1);
  start.varint(-1);
  start.varint(headers);
  const length = new Writer();
  length.varint(start.bytes.length + 2 * headers);
  return Buffer.concat([length.bytes, start.bytes, Buffer.alloc(2 * headers)]);
}

function fetched(batch: Buffer): FetchedRecords {
  const share = new ReadBudget(64 * MB, 256 * MB).share(() => {});
  return new FetchedRecords({ topic: "t", partition: 0 }, 0, batch, [], share);
}
const never = new AbortController().signal;
const next = (records: FetchedRecords): Promise<Part | undefined> => records.next(never);

describe("kafka: a record with many headers", () => {
  it("is read with 100,000 headers", async () => {
    const records = fetched(batchWithHeaders(100_000));
    const counts: number[] = [];
    for (let part = await next(records); part; part = await next(records))
      counts.push(...part.records.map(({ headers }) => headers.length));
    assert.deepEqual(counts, [0, 100_000]);
    records.release();
  });

  it("is refused with more than 100,000 headers, after the records before it were read, and takes little memory", async () => {
    const records = fetched(batchWithHeaders(20_000_000));
    const first = await next(records);
    assert.deepEqual(
      first?.records.map(({ offset }) => offset),
      [0],
    );
    const before = process.memoryUsage().heapUsed;
    await assert.rejects(
      next(records),
      /the record at offset 1 has 20000000 headers, and Onramp reads at most 100000 per record/,
    );
    assert.ok(process.memoryUsage().heapUsed - before < 16 * MB, "the headers were decoded");
    records.release();
  });
});
