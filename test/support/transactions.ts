// A transactional producer that sends raw requests and returns the broker's answers.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Connection } from "../../src/kafka/client/connection.ts";
import { KafkaCode } from "../../src/wire/error-codes.ts";
import { InitProducerId } from "../../src/wire/messages/cluster.ts";
import { Fetch } from "../../src/wire/messages/fetch.ts";
import { type PartitionAnswer, Produce } from "../../src/wire/messages/produce.ts";
import { AddPartitionsToTxn, EndTxn } from "../../src/wire/messages/transaction.ts";
import { type BatchIdentity, encodeBatch, type WireRecord } from "../../src/wire/record-batch.ts";
import { readBatches } from "../../src/wire/record-batch-reader.ts";
import { produceOf } from "./broker.ts";
import { fetchRequest } from "./read-back.ts";
import { wireRecord } from "./records.ts";

/** The codes of a coordinator that is not ready yet, or still writes the markers of the last transaction. */
const NOT_YET: readonly number[] = [
  KafkaCode.COORDINATOR_LOAD_IN_PROGRESS,
  KafkaCode.COORDINATOR_NOT_AVAILABLE,
  KafkaCode.NOT_COORDINATOR,
  KafkaCode.CONCURRENT_TRANSACTIONS,
];
const TIMEOUT_MS = 10_000;

export interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}
/** The identity in the request of a producer that takes over. */
export const NO_IDENTITY: Identity = { producerId: -1, producerEpoch: -1 };

/** Sends the request again while the coordinator is not ready, or still writes markers. */
export async function settled<T>(ask: () => Promise<T>, codeOf: (answer: T) => number): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (!NOT_YET.includes(codeOf(answer))) return answer;
    await delay(5);
  }
}

const itself = (code: number): number => code;

/** The requests of one transactional id. */
export class RawTransactions {
  readonly id: string;
  readonly #connection: Connection;

  constructor(connection: Connection, id = `x-${randomUUID()}`) {
    this.#connection = connection;
    this.id = id;
  }

  /** One InitProducerId request. @param own default: the caller takes over */
  async initOnce(own = NO_IDENTITY, { version = 4, timeoutMs = 60_000 } = {}) {
    const body = { transactionalId: this.id, transactionTimeoutMs: timeoutMs, ...own };
    const answer = await this.#connection.request(InitProducerId, version, body, TIMEOUT_MS);
    const { errorCode, producerId, producerEpoch } = answer;
    return { errorCode, producerId, producerEpoch };
  }

  /** As `initOnce`, repeated until the coordinator is ready. */
  init(own = NO_IDENTITY, options: { version?: number; timeoutMs?: number } = {}) {
    return settled(
      () => this.initOnce(own, options),
      ({ errorCode }) => errorCode,
    );
  }

  /** One AddPartitionsToTxn request. @returns the error code per topic and partition, such as `{ "t/0": 0 }` */
  async addAll(
    own: Identity,
    topics: readonly { readonly name: string; readonly partitions: number[] }[],
    version = 3,
  ): Promise<Record<string, number>> {
    const body = { transactionalId: this.id, ...own, topics: [...topics] };
    const answer = await this.#connection.request(AddPartitionsToTxn, version, body, TIMEOUT_MS);
    return Object.fromEntries(
      answer.topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partition, errorCode }) => [`${name}/${partition}`, errorCode] as const),
      ),
    );
  }

  /** Adds partition 0 of a topic. @returns the error code */
  async addOnce(own: Identity, topic: string, version = 3): Promise<number> {
    return (await this.addAll(own, [{ name: topic, partitions: [0] }], version))[`${topic}/0`] ?? -1;
  }

  add(own: Identity, topic: string, version = 3): Promise<number> {
    return settled(() => this.addOnce(own, topic, version), itself);
  }

  /** One EndTxn request. @returns the error code */
  async endOnce(own: Identity, committed: boolean, version = 3): Promise<number> {
    const body = { transactionalId: this.id, ...own, committed };
    return (await this.#connection.request(EndTxn, version, body, TIMEOUT_MS)).errorCode;
  }

  end(own: Identity, committed: boolean, version = 3): Promise<number> {
    return settled(() => this.endOnce(own, committed, version), itself);
  }

  /**
   * Produces one record to partition 0.
   *
   * @param more other fields of the batch and of the request
   */
  async produce(
    { producerId, producerEpoch }: Identity,
    topic: string,
    sequence: number,
    value: string,
    {
      transactionalId = this.id,
      record = {},
      ...more
    }: Partial<BatchIdentity> & {
      transactionalId?: string | null;
      record?: Partial<WireRecord>;
    } = {},
  ): Promise<PartitionAnswer> {
    const identity = { producerId, epoch: producerEpoch, sequence, transactional: true, ...more };
    const records = encodeBatch([wireRecord(value, record)], identity);
    const body = { ...produceOf(topic, records), transactionalId };
    const answer = await this.#connection.request(Produce, 8, body, TIMEOUT_MS);
    return answer.topics[0]?.partitions[0] as PartitionAnswer;
  }

  /** Runs a transaction with one record in partition 0 of a topic. @throws Error when the broker refuses a request */
  async run(own: Identity, topic: string, sequence: number, value: string, committed: boolean) {
    const key = Buffer.from(value);
    const codes = [
      await this.add(own, topic),
      (await this.produce(own, topic, sequence, value, { record: { key } })).errorCode,
      await this.end(own, committed),
    ];
    if (codes.some((code) => code !== KafkaCode.NONE)) throw new Error(`a transaction failed: ${codes}`);
  }
}

/** Fetches partition 0 of a topic with an isolation level. */
export async function fetchIsolated(
  connection: Connection,
  topic: string,
  isolationLevel: number,
  { offset = 0, maxWaitMs = 0, minBytes = 0 } = {},
) {
  const request = { ...fetchRequest(topic, 0, offset, { maxWaitMs, minBytes }), isolationLevel };
  const answer = await connection.request(Fetch, 11, request, TIMEOUT_MS + maxWaitMs);
  const part = answer.topics[0]?.partitions[0];
  if (!part) throw new Error(`the answer has no partition of ${topic}`);
  return { ...part, batches: [...readBatches(part.records ?? Buffer.alloc(0))] };
}
