// Measures the time from COMMIT in PostgreSQL to the moment when a consumer with read_committed has the record.

import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { Fetch } from "../src/wire/messages/fetch.ts";
import { readBatches, readRecords } from "../src/wire/record-batch-reader.ts";
import { openConnection } from "../test/support/broker.ts";
import { fetchRequest, leaderOf } from "../test/support/read-back.ts";
import { until } from "../test/support/until.ts";
import type { Database } from "./postgres-database.ts";
import {
  type BenchSource,
  createSourceTopic,
  type Place,
  startSources,
  untilPrepared,
} from "./postgres-gateway.ts";

/** Transactions per second, each of one row. */
export const RATE = 100;
const [WARM_UP_SECONDS, SECONDS] = [5, 20];

/** @returns the times of the transactions after a warm-up, in milliseconds, sorted */
export async function commitToReadable(
  database: Database,
  place: Place,
  source: BenchSource,
): Promise<number[]> {
  const topic = await createSourceTopic(place, source);
  const gateway = await startSources(place, [source]);
  try {
    await untilPrepared(gateway, source.name);
    const [stop, readable] = [new AbortController(), new Map<number, number>()];
    const reading = consume(place.brokers, topic, readable, stop.signal);
    // A failure is thrown below.
    reading.catch(() => stop.abort());
    const committed = await insertAt(RATE, (WARM_UP_SECONDS + SECONDS) * RATE, (id) =>
      database.insertOne(source.table, id),
    );
    await until(() => readable.size >= committed.size || stop.signal.aborted, 30_000);
    stop.abort();
    await reading;
    const times = [...committed].map(([id, at]) => (readable.get(id) ?? Number.NaN) - at);
    return times.slice(WARM_UP_SECONDS * RATE).sort((a, b) => a - b);
  } finally {
    await gateway.end();
  }
}

/** Inserts rows at a rate. @returns when each insert was committed, by id */
async function insertAt(
  rate: number,
  count: number,
  insert: (id: number) => Promise<void>,
): Promise<Map<number, number>> {
  const committed = new Map<number, number>();
  const began = performance.now();
  for (let id = 1; id <= count; id++) {
    await delay(Math.max(0, began + (id * 1000) / rate - performance.now()));
    await insert(id);
    committed.set(id, performance.now());
  }
  return committed;
}

/** Reads the committed records of a topic, and stores when each key was first read. */
async function consume(
  brokers: readonly string[],
  topic: string,
  readable: Map<number, number>,
  stop: AbortSignal,
): Promise<void> {
  const connection = await openConnection(await leaderOf(brokers, topic, 0));
  try {
    for (let offset = 0; !stop.aborted; ) {
      const request = fetchRequest(topic, 0, offset, { maxWaitMs: 250, minBytes: 1 });
      const answer = await connection.request(Fetch, 11, { ...request, isolationLevel: 1 }, 10_000);
      const at = performance.now();
      const part = answer.topics[0]?.partitions[0];
      if (part?.errorCode !== 0) throw new Error(`reading ${topic}: error ${part?.errorCode}`);
      for (const batch of readBatches(part.records ?? Buffer.alloc(0))) {
        const next = batch.baseOffset + batch.lastOffsetDelta + 1;
        const records = batch.control ? [] : readRecords(batch, (_, packed) => gunzipSync(packed));
        for (const { key } of records) {
          const { id } = JSON.parse(key?.toString() ?? "{}");
          if (!readable.has(id)) readable.set(id, at);
        }
        offset = Math.max(offset, next);
      }
    }
  } finally {
    connection.close();
  }
}
