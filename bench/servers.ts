// The servers that the benchmark starts.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { writeConfig } from "../test/support/gateway.ts";
import { launch } from "../test/support/process.ts";
import { orderSchema } from "./bodies.ts";

/** A server under load. */
export interface Server {
  readonly url: string;
  /** The process whose CPU time and memory are measured; undefined if it is not known. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

export const LOADER = ["--import", "ts-blank-space/register"];

/** Starts a file of this folder that prints `listening PORT`. */
export async function serve(file: string): Promise<Server> {
  const child = spawn(process.execPath, [...LOADER, path.join(import.meta.dirname, file)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    said += chunk;
    if (said.includes("\n")) break;
  }
  return {
    url: `http://127.0.0.1:${said.trim().split(" ")[1]}`,
    pid: child.pid,
    stop: () => end(child),
  };
}

/**
 * Starts a built gateway with two topics: `bench`, and `checked`, which has a schema.
 *
 * @param checkout the folder of the checkout whose build is started
 */
export async function gateway(
  brokers: readonly string[],
  auth?: { hash: string },
  checkout = ".",
): Promise<Server> {
  // The benchmark writes tens of gigabytes: the broker deletes old records while it runs.
  const retention = { "segment.bytes": "100000000", "retention.bytes": "300000000" };
  const topic = { partitions: 6, config: { ...retention, "file.delete.delay.ms": "1000" } };
  const config = writeConfig({
    kafka: { brokers, createTopics: true },
    http: auth ? { host: "127.0.0.1", auth: { tokens: { bench: { ...auth, produce: ["*"] } } } } : {},
    topics: { bench: topic, checked: { ...topic, schema: "order.json" } },
    stop: { drain: "0ms" },
    files: { "order.json": JSON.stringify(orderSchema) },
  });
  return startGateway(config, checkout);
}

/** Starts a built gateway on topics that exist. */
export function plainGateway(brokers: readonly string[]): Promise<Server> {
  return startGateway(writeConfig({ kafka: { brokers, createTopics: true }, stop: { drain: "0ms" } }));
}

async function startGateway(config: string, checkout = "."): Promise<Server> {
  const main = path.resolve(checkout, "dist", "main.js");
  const started = await launch(["start", "--config", config], {}, main);
  return {
    url: started.apiUrl,
    pid: started.child.pid,
    stop: async () => {
      await started.end();
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}
