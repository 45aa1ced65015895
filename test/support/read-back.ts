// Reads the records of a partition with our own requests: no group, no cache.

import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { AbortedTransactions } from "../../src/kafka/consume/aborted-transactions.ts";
import { NO_ID } from "../../src/wire/codec.ts";
import { Metadata } from "../../src/wire/messages/cluster.ts";
import { Fetch } from "../../src/wire/messages/fetch.ts";
import { type PlacedRecord, readBatches, readRecords } from "../../src/wire/record-batch-reader.ts";
import { metadataOf, openConnection } from "./broker.ts";

/** All records of a partition from `from` on, also those of open and aborted transactions, and their markers. */
export function readPartition(
  brokers: readonly string[],
  topic: string,
  partition = 0,
  from = 0,
): Promise<PlacedRecord[]> {
  return readAll(brokers, topic, partition, from, 0);
}

/** The committed records of a partition, as a reader with `isolation.level=read_committed` gets them. */
export function readCommitted(
  brokers: readonly string[],
  topic: string,
  partition = 0,
): Promise<PlacedRecord[]> {
  return readAll(brokers, topic, partition, 0, 1);
}

/** The metadata can name the leader of a new partition before it serves the partition. */
const [NOT_LEADER, LEADER_MS] = [6, 5000];

async function readAll(
  brokers: readonly string[],
  topic: string,
  partition: number,
  from: number,
  isolationLevel: 0 | 1,
): Promise<PlacedRecord[]> {
  const connection = await openConnection(await leaderOf(brokers, topic, partition));
  const records: PlacedRecord[] = [];
  const deadline = Date.now() + LEADER_MS;
  try {
    for (let offset = from; ; ) {
      const request = { ...fetchRequest(topic, partition, offset), isolationLevel };
      const answer = await connection.request(Fetch, 11, request, 10_000);
      const part = answer.topics[0]?.partitions[0];
      if (part?.errorCode === NOT_LEADER && Date.now() < deadline) {
        await delay(20);
        continue;
      }
      if (part?.errorCode !== 0)
        throw new Error(`fetch of ${topic}/${partition} at ${offset}: error ${part?.errorCode}`);
      const before = offset;
      const aborted = new AbortedTransactions(part.abortedTransactions ?? []);
      for (const batch of readBatches(part.records ?? Buffer.alloc(0))) {
        if (!batch.crcValid) throw new Error(`bad CRC at ${batch.baseOffset}`);
        const isLeftOut = isolationLevel === 1 && aborted.leavesOut(batch);
        for (const record of isLeftOut ? [] : readRecords(batch, (_, packed) => gunzipSync(packed)))
          if (record.offset >= offset) records.push(record);
        offset = batch.baseOffset + batch.lastOffsetDelta + 1;
      }
      const end = isolationLevel === 1 ? part.lastStableOffset : part.highWatermark;
      if (offset === before || offset >= end) return records;
    }
  } finally {
    connection.close();
  }
}

/** The values of a partition's records, as text. */
export async function readValues(
  brokers: readonly string[],
  topic: string,
  partition = 0,
): Promise<(string | undefined)[]> {
  return (await readPartition(brokers, topic, partition)).map(({ value }) => value?.toString());
}

/** The values of the committed records of a partition, as text. */
export async function committedValues(
  brokers: readonly string[],
  topic: string,
  partition = 0,
): Promise<string[]> {
  return (await readCommitted(brokers, topic, partition)).map(({ value }) => value?.toString() ?? "null");
}

/** A record's headers as text, by name. */
export function headersOf(record: PlacedRecord | undefined): Record<string, string | undefined> {
  return Object.fromEntries((record?.headers ?? []).map(({ key, value }) => [key, value?.toString()]));
}

/** How long a partition may need until all of its records can be read, after its leader died or restarted. */
const SETTLE_MS = 30_000;

/**
 * The records of all partitions of a topic, partition by partition.
 *
 * @param through by partition, an offset that must be readable. A broker that was killed serves the high watermark
 *   of its last checkpoint for up to half a second after it came back (seen on 4.3.1: 0 where 6266 was true), so an
 *   end before that offset does not count until the broker has had time to settle
 */
export async function readTopic(
  brokers: readonly string[],
  topic: string,
  partitions: number,
  through: ReadonlyMap<number, number> = new Map(),
): Promise<PlacedRecord[][]> {
  const deadline = Date.now() + SETTLE_MS;
  return Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      for (;;) {
        try {
          const records = await readPartition(brokers, topic, partition);
          const end = records.at(-1)?.offset ?? -1;
          if (end >= (through.get(partition) ?? -1) || Date.now() > deadline) return records;
        } catch (error) {
          if (Date.now() > deadline) throw error;
        }
        await delay(50);
      }
    }),
  );
}

export function fetchRequest(
  topic: string,
  partition: number,
  fetchOffset: number,
  extra: {
    maxWaitMs?: number;
    minBytes?: number;
    maxBytes?: number;
    topicId?: string;
    lastFetchedEpoch?: number;
  } = {},
) {
  return {
    replicaId: -1,
    maxWaitMs: extra.maxWaitMs ?? 0,
    minBytes: extra.minBytes ?? 0,
    maxBytes: extra.maxBytes ?? 50_000_000,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [
      {
        name: topic,
        topicId: extra.topicId ?? NO_ID,
        partitions: [
          {
            partition,
            currentLeaderEpoch: -1,
            fetchOffset,
            lastFetchedEpoch: extra.lastFetchedEpoch ?? -1,
            logStartOffset: -1,
            partitionMaxBytes: extra.maxBytes ?? 50_000_000,
          },
        ],
      },
    ],
    forgotten: [],
    rackId: "",
  };
}

/** `host:port` of a partition's leader. */
export async function leaderOf(
  brokers: readonly string[],
  topic: string,
  partition: number,
): Promise<string> {
  for (const broker of brokers) {
    const connection = await openConnection(broker).catch(() => undefined);
    if (!connection) continue;
    const answer = await connection
      .request(Metadata, 7, metadataOf([topic]), 5000)
      .finally(() => connection.close());
    const leader = answer.topics[0]?.partitions.find((each) => each.partition === partition)?.leader;
    const node = answer.brokers.find((each) => each.nodeId === leader);
    if (node) return `${node.host}:${node.port}`;
  }
  throw new Error(`no leader for ${topic}/${partition}`);
}
