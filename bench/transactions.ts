// Measures the transactions of a source: batches that are prepared and committed as the source runner does it, without a
// source. It runs in its own process: `node bench/transactions.ts TOPIC BROKER…` prints one line of JSON per load.

import { randomUUID } from "node:crypto";
import { createIngest } from "../src/core/ingest.ts";
import type { SourceDraft } from "../src/core/source.ts";
import { Cluster } from "../src/kafka/client/cluster.ts";
import { TopicMetadata } from "../src/kafka/client/metadata.ts";
import { TransactionalProducer } from "../src/kafka/produce/transaction.ts";
import { SourceCommitter } from "../src/runners/source-committer.ts";
import { SourceHealth } from "../src/runners/source-health.ts";
import { KafkaCode } from "../src/wire/error-codes.ts";
import { Produce } from "../src/wire/messages/produce.ts";
import { encodeBatch } from "../src/wire/record-batch.ts";
import { createTopic, openConnection } from "../test/support/broker.ts";
import { RawTransactions } from "../test/support/transactions.ts";
import { order } from "./bodies.ts";
import { median } from "./report.ts";

const [topic = "bench", ...brokers] = process.argv.slice(2);
const SECONDS = 4;
/** The number of transactions of one record, ours and raw ones in turn. */
const SINGLES = 500;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const cluster = new Cluster(
  { brokers, requestTimeoutMs: 5000, connectTimeoutMs: 5000, maxIdleMs: 120_000 },
  quiet,
);
const metadata = new TopicMetadata(cluster, quiet);
cluster.start();
const state = await createTopic(brokers, { config: { "cleanup.policy": "compact" } });
const transactions = new TransactionalProducer(
  { cluster, metadata, log: quiet, compression: undefined },
  `bench-${randomUUID()}`,
);
const meter = { countAppended() {}, countRefused() {} };
const records = { append: async () => Promise.reject(new Error("a source does not append")) };
const ingest = createIngest({ records, topics: new Map(), namespace: "bench", meter });
const committer = new SourceCommitter(
  {
    name: "bench",
    type: "bench",
    cursorVersion: 1,
    holds: undefined,
    filter: undefined,
    tooLarge: "stop",
    stateTopic: state,
    partition: 0,
    partitions: 16,
  },
  { transactions, ingest, topics: { ensure: async () => {} }, log: quiet },
  new SourceHealth("bench", quiet, Date.now),
);
await transactions.takeOver(async () => {}, new AbortController().signal);

const value = Buffer.from(order());
let cursor = 0;
async function commit(size: number): Promise<void> {
  const drafts = Array.from({ length: size }, (): SourceDraft => ({ topic, value }));
  await committer.commit({ drafts, cursor: { offset: ++cursor } });
}

const until = Date.now() + 1500;
while (Date.now() < until) await commit(1000);
const cpu = process.cpuUsage();
const began = performance.now();
let written = 0;
while (performance.now() - began < SECONDS * 1000) {
  await commit(1000);
  written += 1000;
}
const { user, system } = process.cpuUsage(cpu);
report({
  size: 1000,
  perSecond: written / ((performance.now() - began) / 1000),
  microsPerRecord: (user + system) / written,
});

const connection = await openConnection(brokers[0] ?? "");
const raw = new RawTransactions(connection);
const own = await raw.init();
const ours: number[] = [];
const theirs: number[] = [];
for (let n = 0; n < SINGLES; n++) {
  ours.push(await timed(() => commit(1)));
  theirs.push(await rawTransaction(n));
}
report({ size: 1, ours: median(ours), sum: median(theirs) });
process.exit(0);

/**
 * The sum of the times of the three requests of one transaction, sent one after the other, without the answers "not yet" of the
 * coordinator.
 */
async function rawTransaction(sequence: number): Promise<number> {
  const { producerId, producerEpoch } = own;
  const identity = { producerId, epoch: producerEpoch, sequence, transactional: true };
  const record = { key: Buffer.from("bench"), value, headers: [], timestamp: Date.now() };
  const partitions = [{ partition: 0, records: encodeBatch([record], identity) }];
  const both = [topic, state];
  const produce = {
    transactionalId: raw.id,
    acks: -1,
    timeoutMs: 5000,
    topics: both.map((name) => ({ name, partitions })),
  };
  let sum = 0;
  let code = 0;
  let took: number;
  do {
    took = await timed(async () => {
      const added = await raw.addAll(
        own,
        both.map((name) => ({ name, partitions: [0] })),
      );
      code = Object.values(added)[0] ?? 0;
    });
  } while (code === KafkaCode.CONCURRENT_TRANSACTIONS);
  sum += took;
  sum += await timed(() => connection.request(Produce, 8, produce, 5000));
  sum += await timed(() => raw.endOnce(own, true));
  return sum;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

function report(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
