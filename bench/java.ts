// Runs Java's `kafka-producer-perf-test`, the benchmark that Kafka itself ships.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { installKafka } from "../test/support/apache-kafka/install.ts";
import { cpuSeconds } from "../test/support/process.ts";
import { ORDER_BYTES } from "./bodies.ts";

export interface PerfTest {
  readonly perSecond: number;
  readonly microsPerRecord: number;
}

/** Whether the tools that the perf test needs are installed. */
export const havePerfTest = ["java", "mvn"].every(
  (tool) => spawnSync(tool, ["-version"], { stdio: "ignore" }).error === undefined,
);

/**
 * Sends records with acks=all. Measures from the first report of the perf test (after 5 s) to the last, so
 * that the start and the warm-up of the JVM do not count.
 */
export async function perfTest(
  brokers: readonly string[],
  topic: string,
  records: number,
): Promise<PerfTest> {
  const libs = await installKafka();
  const args = ["-cp", `${libs}/*`, "org.apache.kafka.tools.ProducerPerformance", "--topic", topic];
  args.push("--num-records", String(records), "--record-size", String(ORDER_BYTES), "--throughput", "-1");
  args.push("--producer-props", `bootstrap.servers=${brokers.join(",")}`, "acks=all");
  const child = spawn("java", ["-Xmx512m", ...args], { stdio: ["ignore", "pipe", "ignore"] });
  const gone = once(child, "exit");
  const reports: { records: number; at: number; cpu: number }[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const count = /^(\d+) records sent, .*max latency\.$/.exec(line)?.[1];
    if (count !== undefined)
      reports.push({ records: Number(count), at: performance.now(), cpu: cpuSeconds(child.pid) });
  }
  await gone;
  const [first, ...rest] = reports;
  const last = rest.at(-1);
  if (!first || !last) throw new Error("the perf test was too short: increase the number of records");
  const sent = rest.reduce((sum, report) => sum + report.records, 0);
  return {
    perSecond: sent / ((last.at - first.at) / 1000),
    microsPerRecord: ((last.cpu - first.cpu) / sent) * 1e6,
  };
}
