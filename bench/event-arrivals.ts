// Notes when records arrive at one reader, in its own process: `fork("event-arrivals.ts", [READER, TOPIC, URL or BROKER…])`
// with READER sse, fetcher, kafkajs or java. Sends "ready", and after each message the arrivals since the last one.

import { spawn } from "node:child_process";
import http from "node:http";
import { createInterface } from "node:readline";
import kafkajs from "kafkajs";
import type { TailListener } from "../src/core/live.ts";
import { Cluster } from "../src/kafka/client/cluster.ts";
import { TopicMetadata } from "../src/kafka/client/metadata.ts";
import { ReadBudget } from "../src/kafka/consume/read-budget.ts";
import { KafkaTopicTails } from "../src/kafka/consume/topic-tails.ts";
import { installKafka } from "../test/support/apache-kafka/install.ts";
import { hrMs } from "../test/support/many-clients.ts";

const [reader = "", topic = "", ...target] = process.argv.slice(2);
const MAX_WAIT_MS = 5000;
/** The readers are suspended for some time. */
const SESSION_MS = 300_000;
let arrivals: [number, number][] = [];

/** Notes the arrival of values with a member `n`. */
function note(text: string): void {
  const now = hrMs();
  for (const [, n] of text.matchAll(/\{"n":(\d+),/g)) arrivals.push([Number(n), now]);
}

const readers: Readonly<Record<string, () => Promise<unknown>>> = { sse, fetcher, kafkajs: consume, java };
await readers[reader]?.();
process.on("message", () => {
  process.send?.(arrivals);
  arrivals = [];
});
process.once("disconnect", () => process.exit(0));
process.send?.("ready");

function sse(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.get(`${target[0]}/topics/${topic}/events`, (response) => {
      response.on("data", (chunk: Buffer) => note(chunk.toString()));
      resolve();
    });
    request.on("error", reject);
  });
}

async function fetcher(): Promise<void> {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const options = { brokers: target, requestTimeoutMs: 5000, connectTimeoutMs: 5000, maxIdleMs: 120_000 };
  const cluster = new Cluster(options, log);
  const metadata = new TopicMetadata(cluster, log);
  cluster.start();
  const readBudget = new ReadBudget(64 * 2 ** 20, 256 * 2 ** 20);
  const listener: TailListener = {
    onRecords: (_, records) => records.forEach(({ value }) => void note(String(value))),
    onStart() {},
    onGap() {},
    onTruncated() {},
    onRecreated() {},
    onDeleted() {},
    onBlocked() {},
  };
  const tails = new KafkaTopicTails({ cluster, metadata, log, readBudget });
  await tails.follow(topic, listener, new AbortController().signal);
}

async function consume(): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: target, logLevel: kafkajs.logLevel.NOTHING });
  const options = {
    groupId: `bench-${topic}`,
    sessionTimeout: SESSION_MS,
    maxWaitTimeInMs: MAX_WAIT_MS,
    minBytes: 1,
  };
  const consumer = client.consumer(options);
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ message }) => note(String(message.value)),
  });
  await joined;
}

async function java(): Promise<void> {
  const libs = await installKafka();
  const args = ["-Xmx256m", "-cp", `${libs}/*`, "org.apache.kafka.tools.consumer.ConsoleConsumer"];
  args.push("--bootstrap-server", target.join(","), "--topic", topic, "--from-beginning");
  args.push("--consumer-property", `fetch.max.wait.ms=${MAX_WAIT_MS}`);
  args.push("--consumer-property", `session.timeout.ms=${SESSION_MS}`);
  const child = spawn("java", args, { stdio: ["ignore", "pipe", "ignore"] });
  process.once("disconnect", () => child.kill());
  createInterface({ input: child.stdout }).on("line", note);
}
