// The part of the report about reading: without a group, and by a webhook sink; this build, and that of another checkout.

import { execFile } from "node:child_process";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { createTopic, produceWithKafkajs } from "../test/support/broker.ts";
import { writeConfig } from "../test/support/gateway.ts";
import { cpuSeconds, launch } from "../test/support/process.ts";
import { order } from "./bodies.ts";
import { median, show, table } from "./report.ts";
import { LOADER, serve } from "./servers.ts";

const PARTITIONS = 12;
/** The records per partition that are read without a group, and by the sink. */
const READ = 50_000;
const DELIVERED = 2500;
const CHUNK = 2500;

interface Measured {
  readonly perSecond: number;
  readonly microsPerRecord: number;
}

/** @param checkouts the folders whose builds are measured, by name */
export async function readingTable(
  brokers: string[],
  rounds: number,
  checkouts: Readonly<Record<string, string>>,
): Promise<string> {
  const topic = await preload(brokers, READ);
  const few = await preload(brokers, DELIVERED);
  const samples = new Map<string, Measured[]>();
  for (let round = 0; round < rounds; round++)
    for (const [name, checkout] of Object.entries(checkouts)) {
      add(samples, `reading without a group${name}`, await readAlone(brokers, topic, checkout));
      add(samples, `webhook sink on ${PARTITIONS} partitions${name}`, await deliver(brokers, few, checkout));
    }
  const rows = [...samples].map(([name, of]) => [
    name,
    show(median(of.map(({ perSecond }) => perSecond))),
    show(median(of.map(({ microsPerRecord }) => microsPerRecord)), 2),
    name === "reading without a group" ? "≤ 2.5 µs" : "",
  ]);
  return table(["", "records/s", "CPU µs/record", "target"], rows);
}

function add(samples: Map<string, Measured[]>, name: string, sample: Measured): void {
  samples.set(name, [...(samples.get(name) ?? []), sample]);
}

/** Creates a topic with this number of records per partition. */
async function preload(brokers: string[], perPartition: number): Promise<string> {
  const topic = await createTopic(
    brokers,
    { partitions: PARTITIONS },
    `bench-read-${perPartition}-${Date.now()}`,
  );
  const value = order();
  for (let partition = 0; partition < PARTITIONS; partition++)
    for (let sent = 0; sent < perPartition; sent += CHUNK) {
      const length = Math.min(CHUNK, perPartition - sent);
      await produceWithKafkajs(
        brokers,
        topic,
        Array.from({ length }, () => ({ value, partition })),
      );
    }
  return topic;
}

async function readAlone(brokers: readonly string[], topic: string, checkout: string): Promise<Measured> {
  const script = path.join(import.meta.dirname, "read-range.ts");
  const env = { ...process.env, RECORDS_PER_PARTITION: String(READ) };
  const args = [...LOADER, script, topic, checkout, ...brokers];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return JSON.parse(stdout) as Measured;
}

async function deliver(brokers: readonly string[], topic: string, checkout: string): Promise<Measured> {
  const receiver = await serve("receiver.ts");
  const sink = { type: "webhook", url: receiver.url, topics: [topic], from: "earliest" };
  const config = writeConfig({
    kafka: { brokers, createTopics: true, namespace: `bench-${Date.now()}` },
    http: {},
    sinks: { out: { ...sink, allowAddresses: ["127.0.0.1/32"] } },
    stop: { drain: "0ms" },
  });
  const main = path.resolve(checkout, "dist", "main.js");
  const gateway = await launch(["start", "--config", config], {}, main);
  const wanted = PARTITIONS * DELIVERED;
  const before = cpuSeconds(gateway.child.pid);
  let result = { count: 0, first: 0, last: 0 };
  const delivered = async (): Promise<number> => {
    const state = (await (await fetch(`${gateway.adminUrl}/sinks`)).json()) as { delivered: number }[];
    return state[0]?.delivered ?? 0;
  };
  while ((await delivered()) < wanted) await delay(50);
  const used = cpuSeconds(gateway.child.pid) - before;
  result = (await (await fetch(receiver.url)).json()) as typeof result;
  await gateway.end();
  await receiver.stop();
  return {
    perSecond: result.count / ((result.last - result.first) / 1000),
    microsPerRecord: (used / result.count) * 1e6,
  };
}
