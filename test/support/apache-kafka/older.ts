// One broker of an older Apache Kafka, with ZooKeeper, on free ports of 127.0.0.1.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Metadata } from "../../../src/wire/messages/cluster.ts";
import { metadataOf, openConnection } from "../broker.ts";
import { freePort, untilListening } from "../net.ts";
import { until } from "../until.ts";
import { installKafka } from "./install.ts";

/** A running broker. */
export interface OlderKafka {
  /** `host:port`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts the broker; the caller stops it. */
export async function startOlderKafka(version: string): Promise<OlderKafka> {
  const libs = await installKafka(version);
  const dir = mkdtempSync(path.join(tmpdir(), "onramp-kafka-"));
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.reverse()) await each();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    return { address: await startBoth(libs, dir, stops), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startBoth(libs: string, dir: string, stops: (() => Promise<unknown>)[]): Promise<string> {
  const [zookeeper, broker] = [await freePort(), await freePort()];
  const data = path.join(dir, "zookeeper");
  const server = ["org.apache.zookeeper.server.ZooKeeperServerMain", `${zookeeper}`, data];
  stops.push(await startJava(libs, dir, server, zookeeper));
  const properties = {
    "broker.id": 1,
    "zookeeper.connect": `127.0.0.1:${zookeeper}`,
    listeners: `PLAINTEXT://127.0.0.1:${broker}`,
    "log.dirs": path.join(dir, "data"),
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "group.min.session.timeout.ms": 1000,
    "group.initial.rebalance.delay.ms": 0,
  };
  const file = path.join(dir, "server.properties");
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`);
  writeFileSync(file, lines.join("\n"));
  stops.push(await startJava(libs, dir, ["kafka.Kafka", file], broker));
  const address = `127.0.0.1:${broker}`;
  await until(() => isRegistered(address), 60_000);
  return address;
}

/** A broker lists itself once the controller has registered it; before that, it cannot host partitions. */
async function isRegistered(address: string): Promise<boolean> {
  const connection = await openConnection(address).catch(() => undefined);
  const answer = await connection?.request(Metadata, 7, metadataOf(null), 5000).catch(() => undefined);
  connection?.close();
  return (answer?.brokers.length ?? 0) > 0;
}

/** @returns a function that ends the process */
async function startJava(
  libs: string,
  dir: string,
  args: readonly string[],
  port: number,
): Promise<() => Promise<unknown>> {
  const log = openSync(path.join(dir, `${port}.log`), "a");
  const options = ["-Xmx512m", "-Dzookeeper.admin.enableServer=false", "-cp", `${libs}/*`];
  const child = spawn("java", [...options, ...args], { stdio: ["ignore", log, log] });
  closeSync(log);
  const exited = once(child, "exit");
  await untilListening(port, () => child.exitCode ?? undefined);
  return () => {
    child.kill("SIGKILL");
    return exited;
  };
}
