// Measures the time from the receipt of a record to its event, and to consumers of Kafka. One reader runs at a time: the others
// are suspended, so that they do not compete for the machine.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createTopic } from "../test/support/broker.ts";
import { hrMs, ManyClients } from "../test/support/many-clients.ts";
import { eventValue } from "../test/support/record-rate.ts";
import { havePerfTest } from "./java.ts";
import { median, show, table } from "./report.ts";
import { plainGateway, type Server } from "./servers.ts";
import { percentile } from "./times.ts";

const RATE = 50;
const IDLE_TOPICS = 100;
const [WARM_UP, RECORDS] = [100, 500];

/** The readers that are compared, by their names in `event-arrivals.ts`. */
const READERS = {
  sse: "stream of events",
  fetcher: "Onramp's own reader",
  kafkajs: "kafkajs's consumer",
  ...(havePerfTest ? { java: "Java's console consumer" } : {}),
} as const;
type Reader = keyof typeof READERS;

/** The times from receipt to arrival of one round, in milliseconds, sorted. */
type Times = Readonly<Record<Reader, readonly number[]>>;

/** Measures in interleaved rounds, without idle topics and with 100 that have a stream each. */
export async function eventLatency(brokers: readonly string[], rounds: number): Promise<string> {
  const places = [await Place.open(brokers, 0), await Place.open(brokers, IDLE_TOPICS)];
  try {
    const samples = places.map((): Times[] => []);
    for (let round = 0; round < rounds; round++)
      for (const [at, place] of places.entries()) samples[at]?.push(await place.measure());
    return report(samples);
  } finally {
    for (const place of places) await place.close();
  }
}

/** A gateway, and the readers of one topic. */
class Place {
  readonly #topic: string;
  readonly #gateway: Server;
  readonly #idle: ManyClients;
  readonly #readers = new Map<Reader, ChildProcess>();
  readonly #agent = new http.Agent({ keepAlive: true });

  private constructor(topic: string, gateway: Server, idle: ManyClients) {
    this.#topic = topic;
    this.#gateway = gateway;
    this.#idle = idle;
  }

  static async open(brokers: readonly string[], idleTopics: number): Promise<Place> {
    const topic = await createTopic([...brokers]);
    const gateway = await plainGateway(brokers);
    const idle = new ManyClients();
    const paths: string[] = [];
    for (let n = 0; n < idleTopics; n++) paths.push(`/topics/${await createTopic([...brokers])}/events`);
    await idle.open({ url: gateway.url, paths, count: idleTopics });
    const place = new Place(topic, gateway, idle);
    for (const reader of Object.keys(READERS) as Reader[]) {
      const target = reader === "sse" ? [gateway.url] : brokers;
      const child = fork(path.join(import.meta.dirname, "event-arrivals.ts"), [reader, topic, ...target], {
        execArgv: ["--import", "ts-blank-space/register"],
        // With a process group of its own, a reader is suspended together with its JVM.
        detached: true,
      });
      place.#readers.set(reader, child);
      await once(child, "message");
    }
    await place.#produce(WARM_UP);
    for (const reader of place.#readers.values()) signal(reader, "SIGSTOP");
    return place;
  }

  async measure(): Promise<Times> {
    const times: Partial<Record<Reader, number[]>> = {};
    for (const [reader, child] of this.#readers) {
      signal(child, "SIGCONT");
      await this.#produce(WARM_UP);
      const receipts = await this.#produce(RECORDS);
      child.send("report");
      const [arrivals] = (await once(child, "message")) as [[number, number][]];
      signal(child, "SIGSTOP");
      const arrivedAt = new Map(arrivals);
      const own = [...receipts].map(([n, at]) => (arrivedAt.get(n) ?? Number.NaN) - at);
      if (own.some(Number.isNaN)) throw new Error(`${READERS[reader]} did not receive every record`);
      times[reader] = own.sort((a, b) => a - b);
    }
    return times as Times;
  }

  async close(): Promise<void> {
    for (const child of this.#readers.values()) {
      signal(child, "SIGCONT");
      child.disconnect();
    }
    this.#agent.destroy();
    await this.#idle.stop();
    await this.#gateway.stop();
  }

  #sent = 0;

  /** Posts records, and waits a second for their events. @returns when each receipt arrived, by the number of the record */
  async #produce(count: number): Promise<Map<number, number>> {
    const receipts = new Map<number, number>();
    const began = performance.now();
    const posts: Promise<void>[] = [];
    for (let at = 0; at < count; at++) {
      await delay(Math.max(0, began + (at * 1000) / RATE - performance.now()));
      const n = this.#sent++;
      posts.push(this.#post(n).then((receivedAt) => void receipts.set(n, receivedAt)));
    }
    await Promise.all(posts);
    await delay(1000);
    return receipts;
  }

  #post(n: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json" };
      const url = `${this.#gateway.url}/topics/${this.#topic}`;
      const request = http.request(url, { method: "POST", agent: this.#agent, headers }, (response) => {
        const receivedAt = hrMs();
        if (response.statusCode === 200) response.resume().once("end", () => resolve(receivedAt));
        else reject(new Error(`the gateway answered ${response.statusCode}`));
      });
      request.on("error", reject).end(eventValue(n));
    });
  }
}

/** Sends a signal to a reader and its JVM. */
const signal = (reader: ChildProcess, name: NodeJS.Signals): boolean =>
  process.kill(-(reader.pid ?? 0), name);

function report([alone = [], beside = []]: readonly Times[][]): string {
  const rows = [alone, beside].flatMap((samples, at) =>
    (Object.keys(READERS) as Reader[]).map((reader) => {
      const of = (value: (times: readonly number[]) => number): number =>
        median(samples.map((times) => value(times[reader])));
      const above = (other: Reader | undefined): string =>
        other === undefined
          ? ""
          : show(
              median(samples.map((times) => percentile(times.sse, 0.99) - percentile(times[other], 0.99))),
              2,
            );
      return [
        `${READERS[reader]}${at === 1 ? `, ${IDLE_TOPICS} idle topics` : ""}`,
        show(
          of((times) => percentile(times, 0.5)),
          2,
        ),
        show(
          of((times) => percentile(times, 0.99)),
          2,
        ),
        above(reader === "sse" ? undefined : reader),
        reader === "sse" ? "" : "≤ 3 ms",
      ];
    }),
  );
  const head = [`receipt to arrival, ${RATE} records/s`, "p50 ms", "p99 ms", "p99 of the stream above it"];
  return table([...head, "target"], rows);
}
