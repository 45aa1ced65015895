// The broker of the benchmark: the development broker in its own process, Apache Kafka, or an existing cluster.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { startCluster } from "../test/support/apache-kafka/cluster.ts";

export interface Broker {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Suspends the process, as if its machine did not respond; undefined for an existing cluster. */
  readonly pause?: () => void;
  readonly resume?: () => void;
  stop(): Promise<void>;
}

/**
 * Uses the cluster at `given`. Without it, starts Apache Kafka if `apache` is true, otherwise the development
 * broker.
 */
export async function startBroker(apache: boolean, given: string | undefined): Promise<Broker> {
  if (given) return { name: `Kafka at ${given}`, addresses: given.split(","), stop: async () => {} };
  if (!apache) return devBroker();
  const cluster = await startCluster({ brokers: 1, properties: { "log.retention.check.interval.ms": 5000 } });
  const [broker] = cluster.brokers;
  return {
    name: "Apache Kafka 4.3.1, one broker",
    addresses: cluster.bootstrap,
    pause: () => broker?.pause(),
    resume: () => broker?.resume(),
    stop: () => cluster.stop(),
  };
}

async function devBroker(): Promise<Broker> {
  const child = spawn(process.execPath, ["dist/main.js", "dev-broker", "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    said += chunk;
    if (/\d+\.\d+\.\d+\.\d+:\d+/.test(said)) break;
  }
  return {
    name: "the development broker",
    addresses: [/\d+\.\d+\.\d+\.\d+:\d+/.exec(said)?.[0] ?? ""],
    pause: () => child.kill("SIGSTOP"),
    resume: () => child.kill("SIGCONT"),
    async stop() {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}
