// Measures the producer (`kafka/produce/producer.ts`) without HTTP. It runs in its own process, so that the CPU time of
// the process is that of the producer: `node bench/accumulator.ts TOPIC BROKER…` prints one line of JSON per load.

import type { AcceptedRecord } from "../src/core/record.ts";
import { Cluster } from "../src/kafka/client/cluster.ts";
import { TopicMetadata } from "../src/kafka/client/metadata.ts";
import { Producer } from "../src/kafka/produce/producer.ts";
import { order } from "./bodies.ts";

const [topic = "bench", ...brokers] = process.argv.slice(2);
const SECONDS = 3;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const cluster = new Cluster(
  { brokers, requestTimeoutMs: 1500, connectTimeoutMs: 5000, maxIdleMs: 120_000 },
  quiet,
);
const metadata = new TopicMetadata(cluster, quiet);
const options = { compression: undefined, lingerMs: 0, laneBytes: 32 * 1024 * 1024 };
const producer = new Producer(cluster, metadata, options, quiet, {
  countBatch() {},
  countSuspectedLoss() {},
});
cluster.start();
producer.start();
while (producer.fault !== undefined) await new Promise((resolve) => setTimeout(resolve, 10));

const value = Buffer.from(order());
for (const [size, inFlight] of [
  [1, 64],
  [10, 32],
  [100, 8],
  [1000, 4],
] as const) {
  await work(size, inFlight, 1);
  const cpu = process.cpuUsage();
  const began = performance.now();
  const records = await work(size, inFlight, SECONDS);
  const { user, system } = process.cpuUsage(cpu);
  const perSecond = records / ((performance.now() - began) / 1000);
  process.stdout.write(
    `${JSON.stringify({ size, inFlight, perSecond, microsPerRecord: (user + system) / records })}\n`,
  );
}
process.exit(0);

/**
 * Sends requests of `size` records, `inFlight` of them at a time.
 *
 * @returns the number of acknowledged records
 */
async function work(size: number, inFlight: number, seconds: number): Promise<number> {
  const end = Date.now() + seconds * 1000;
  let acknowledged = 0;
  const loop = async (): Promise<void> => {
    while (Date.now() < end) {
      const timestamp = Date.now();
      const records = Array.from({ length: size }, () => ({ key: null, value, headers: [], timestamp }));
      const receipts = await producer.append(topic, records as readonly object[] as AcceptedRecord[], {
        deadline: timestamp + 5000,
      });
      if (receipts.errors) throw receipts.errors.find((error) => error !== undefined);
      acknowledged += receipts.count;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
  return acknowledged;
}
