// Produces records to Kafka directly at a rate, each in a batch of its own: the gateway that is measured only reads.

import type { Connection } from "../../src/kafka/client/connection.ts";
import { Produce } from "../../src/wire/messages/produce.ts";
import { encodeBatch } from "../../src/wire/record-batch.ts";
import { openConnection, produceOf } from "./broker.ts";
import { hrMs } from "./many-clients.ts";
import { leaderOf } from "./read-back.ts";

const VALUE_BYTES = 255;

/** A value of exactly 255 bytes, with the time at which it is sent. */
export function eventValue(n: number): string {
  const start = `{"n":${n},"at":${hrMs().toFixed(3)},"note":"`;
  return `${start}${"x".repeat(VALUE_BYTES - start.length - 2)}"}`;
}

/** Produces to one topic. */
export class RecordRate {
  readonly #topic: string;
  readonly #connections: readonly Connection[];
  readonly #keys: number | undefined;
  #running: Promise<void> | undefined;
  #stopping = false;

  private constructor(topic: string, connections: readonly Connection[], keys: number | undefined) {
    this.#topic = topic;
    this.#keys = keys;
    this.#connections = connections;
  }

  /** @param keys the records have the keys `k0` to `k<keys - 1>` in turn; a multiple of the number of partitions */
  static async open(
    brokers: readonly string[],
    topic: string,
    partitions: number,
    keys?: number,
  ): Promise<RecordRate> {
    const connections: Connection[] = [];
    for (let partition = 0; partition < partitions; partition++)
      connections.push(await openConnection(await leaderOf(brokers, topic, partition)));
    return new RecordRate(topic, connections, keys);
  }

  /** Begins to produce. @param rate records per second */
  start(rate: number): void {
    this.#stopping = false;
    this.#running = this.#produce(rate);
  }

  /** Stops to produce, and waits for the answers. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async close(): Promise<void> {
    await this.stop();
    for (const connection of this.#connections) connection.close();
  }

  async #produce(rate: number): Promise<void> {
    const began = performance.now();
    const pending = new Set<Promise<unknown>>();
    for (let n = 0; !this.#stopping; n++) {
      const wait = began + (n * 1000) / rate - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const sent = this.#send(n).finally(() => pending.delete(sent));
      pending.add(sent);
    }
    await Promise.all(pending);
  }

  async #send(n: number): Promise<void> {
    const partition = n % this.#connections.length;
    const value = Buffer.from(eventValue(n));
    const key = this.#keys === undefined ? null : Buffer.from(`k${n % this.#keys}`);
    const batch = encodeBatch([{ key, value, headers: [], timestamp: Date.now() }]);
    const answer = await this.#connections[partition]?.request(
      Produce,
      8,
      produceOf(this.#topic, batch, { partition }),
      10_000,
    );
    if (answer?.topics[0]?.partitions[0]?.errorCode !== 0)
      throw new Error(`Kafka refused a record of ${this.#topic}`);
  }
}
