// Measures reading without a group. It runs in its own process: `node bench/read-range.ts TOPIC CHECKOUT BROKER…` reads
// every record of the topic with the source of a checkout, and prints one line of JSON.

import path from "node:path";
import { pathToFileURL } from "node:url";

const [topic = "bench-read", checkout = ".", ...brokers] = process.argv.slice(2);
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const source = async (file: string) =>
  import(pathToFileURL(path.resolve(checkout, "src", "kafka", file)).href).catch(() => ({}));
const { Cluster } = (await source("client/cluster.ts")) as typeof import("../src/kafka/client/cluster.ts");
const { TopicMetadata } = (await source(
  "client/metadata.ts",
)) as typeof import("../src/kafka/client/metadata.ts");
const { readRange } = (await source(
  "consume/read-range.ts",
)) as typeof import("../src/kafka/consume/read-range.ts");
// Earlier checkouts have no budget.
const { ReadBudget } = (await source("consume/read-budget.ts")) as Partial<
  typeof import("../src/kafka/consume/read-budget.ts")
>;

const cluster = new Cluster(
  { brokers, requestTimeoutMs: 5000, connectTimeoutMs: 5000, maxIdleMs: 120_000 },
  quiet,
);
const metadata = new TopicMetadata(cluster, quiet);
cluster.start();
const { partitions } = await metadata.resolve(topic, Date.now() + 10_000);
const readBudget = ReadBudget && new ReadBudget(64 * 2 ** 20, 256 * 2 ** 20);
const perPartition = Number(process.env["RECORDS_PER_PARTITION"]);
await read(perPartition / 4);
const cpu = process.cpuUsage();
const began = performance.now();
const records = await read(perPartition);
const { user, system } = process.cpuUsage(cpu);
const perSecond = records / ((performance.now() - began) / 1000);
process.stdout.write(`${JSON.stringify({ perSecond, microsPerRecord: (user + system) / records })}\n`);
process.exit(0);

async function read(to: number): Promise<number> {
  let count = 0;
  const ranges = partitions.map((_, partition) => ({ topic, partition, from: 0, to }));
  const handler = async (batch: readonly unknown[]): Promise<number> => {
    count += batch.length;
    return batch.length;
  };
  const deps = { cluster, metadata, log: quiet, readBudget } as Parameters<typeof readRange>[0];
  await readRange(deps, ranges, handler, new AbortController().signal);
  return count;
}
