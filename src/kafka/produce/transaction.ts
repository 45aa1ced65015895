// Writes the records of one source in transactions (docs/adr/0011). Each transactional id has its own producer and connections, so
// that a slow partition does not delay other sources.

import { elementAt } from "../../core/element.ts";
import { OnrampError } from "../../core/errors.ts";
import type { Log } from "../../core/ports.ts";
import type { PreparedRecord } from "../../core/record.ts";
import { RecordsRefused, type SourceLog, TransactionLost } from "../../core/source-ports.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import type { BatchCompression } from "../../wire/record-batch.ts";
import type { TopicState } from "../client/metadata.ts";
import { denied } from "../client/problems.ts";
import { partitionName } from "../client/topic-partition.ts";
import { namedRecords, outcomeOf } from "./outcomes.ts";
import { badRecord, deniedWrite, refusedByBroker, tooLarge } from "./produce-errors.ts";
import { MAX_BATCH_BYTES } from "./request-encoder.ts";
import { type ProducerIdentity, TransactionCoordinator } from "./transaction-coordinator.ts";
import { type FailedBatch, isDenied, isRecordFault, type Produced } from "./transaction-outcome.ts";
import {
  type PartitionRecords,
  type PlannedBatch,
  planBatches,
  RecordPartitioner,
} from "./transaction-parts.ts";
import { type TransactionRequestDeps, TransactionRequests } from "./transaction-request.ts";

/** The time after which brokers abort an open transaction, in milliseconds. */
const TRANSACTION_TIMEOUT_MS = 30_000;
/** The fraction of the transaction timeout after which Onramp gives up. */
const DEADLINE_FRACTION = 2 / 3;
/** How long `takeOver` and `recover` try, in milliseconds, before they report why they have not succeeded. */
const EPOCH_MS = 5000;

export interface TransactionDeps extends TransactionRequestDeps {
  readonly log: Log;
  readonly compression: BatchCompression | undefined;
  /** The time after which the brokers abort a transaction, in milliseconds. Default: 30 s. */
  readonly transactionTimeoutMs?: number;
}

/** The `SourceLog` that writes to Kafka. */
export class TransactionalProducer implements SourceLog {
  readonly #deps: TransactionDeps;
  readonly #coordinator: TransactionCoordinator;
  readonly #requests: TransactionRequests;
  readonly #partitioner = new RecordPartitioner();
  readonly #timeoutMs: number;
  /**
   * Limits for topics whose broker refused a batch without naming a record. A limit is removed after a commit, unless the broker
   * refused the batch as too large (`isKept`).
   */
  readonly #batchLimits = new Map<string, { readonly bytes: number; readonly isKept: boolean }>();
  #identity: ProducerIdentity | undefined;

  /** @param id the transactional id, in ASCII */
  constructor(deps: TransactionDeps, id: string) {
    this.#deps = deps;
    this.#timeoutMs = deps.transactionTimeoutMs ?? TRANSACTION_TIMEOUT_MS;
    this.#coordinator = new TransactionCoordinator(deps.cluster, id, this.#timeoutMs);
    this.#requests = new TransactionRequests(deps, id);
  }

  async takeOver(confirm: () => Promise<void>, signal: AbortSignal): Promise<void> {
    this.#identity = undefined;
    await this.#adopt(undefined, confirm, signal);
  }

  async recover(confirm: () => Promise<void>, signal: AbortSignal): Promise<void> {
    await this.#adopt(this.#own(), confirm, signal);
  }

  async #adopt(
    own: ProducerIdentity | undefined,
    confirm: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const before = async (): Promise<void> => {
      signal.throwIfAborted();
      await confirm();
    };
    this.#identity = await this.#coordinator.newEpoch(own, Date.now() + EPOCH_MS, before);
    this.#requests.reset();
  }

  async commit(records: readonly PreparedRecord[]): Promise<number> {
    const own = this.#own();
    const deadline = Date.now() + DEADLINE_FRACTION * this.#timeoutMs;
    const { parts, batches } = await this.#place(records, deadline);
    await this.#coordinator.add(own, parts, deadline);
    const produced = await this.#requests.send(own, batches, records, deadline);
    if (produced.failed.length > 0) throw await this.#failure(own, produced, deadline);
    await this.#coordinator.end(own, true, deadline);
    for (const [topic, { isKept }] of this.#batchLimits) if (!isKept) this.#batchLimits.delete(topic);
    const last = parts.find(({ indexes }) => indexes.at(-1) === records.length - 1) as PartitionRecords;
    return produced.lastOffsets.get(partitionName(last)) ?? -1;
  }

  async check(): Promise<void> {
    await this.#coordinator.check(this.#own());
  }

  close(): void {
    this.#coordinator.close();
  }

  #own(): ProducerIdentity {
    if (!this.#identity) throw new TransactionLost("this process has not taken over the source");
    return this.#identity;
  }

  /**
   * Selects partitions and batches, before the transaction begins.
   *
   * @throws RecordsRefused for records that their topics would refuse; OnrampError 40401, 40301, 50301
   */
  async #place(records: readonly PreparedRecord[], deadline: number) {
    const { metadata, compression } = this.#deps;
    const states = new Map<string, TopicState>();
    for (const topic of new Set(records.map((each) => each.topic)))
      states.set(topic, metadata.get(topic) ?? (await this.#resolve(topic, deadline)));
    // Partitions may have been added, so the metadata is refreshed before a record is refused.
    for (const { topic, record } of records)
      if ((record.partition ?? 0) >= (states.get(topic)?.partitions.length ?? 0))
        states.set(topic, await this.#resolve(topic, deadline));
    const stateOf = (topic: string): TopicState => states.get(topic) as TopicState;
    const { parts, faults } = await this.#partitioner.assign(records, stateOf, compression !== undefined);
    if (faults.size > 0) throw new RecordsRefused(faults);
    const limitOf = (topic: string): number =>
      Math.min(stateOf(topic).limits.maxMessageBytes, this.#batchLimits.get(topic)?.bytes ?? MAX_BATCH_BYTES);
    const batches: PlannedBatch[] = [];
    for (const part of parts)
      batches.push(...(await planBatches(part, records, limitOf(part.topic), compression)));
    const leaderless = parts.find(
      ({ topic, partition }) => (stateOf(topic).partitions[partition]?.leader ?? -1) < 0,
    );
    if (leaderless) {
      metadata.refresh([leaderless.topic]);
      throw new TransactionLost(
        `${partitionName(leaderless)} has no leader; check the brokers that have its replicas`,
      );
    }
    if (Date.now() >= deadline) throw new TransactionLost("the records could not be prepared in time");
    return { parts, batches };
  }

  /** @throws as `TopicMetadata.resolve`, but the error names the ACL "Write", which implies "Describe" */
  async #resolve(topic: string, deadline: number): Promise<TopicState> {
    return this.#deps.metadata.resolve(topic, deadline).catch((error: unknown) => {
      throw error instanceof OnrampError && error.code === 40301 ? denied(topic, "Write") : error;
    });
  }

  /** Returns the error of a transaction in which batches were not written. */
  async #failure(own: ProducerIdentity, { failed }: Produced, deadline: number): Promise<unknown> {
    const other = failed.find((refusal) => !isRecordFault(refusal));
    if (other) return this.#errorOf(other);
    // The metadata may have an old limit of the topic.
    this.#deps.metadata.refresh([...new Set(failed.map(({ batch }) => batch.topic))]);
    await this.#coordinator.end(own, false, deadline);
    const faults = new Map<number, OnrampError>();
    for (const refusal of failed)
      for (const [index, error] of this.#faultsIn(refusal)) faults.set(index, error);
    return new RecordsRefused(faults);
  }

  #errorOf(failure: FailedBatch): Error {
    const { batch, answer, reason } = failure;
    const { topic } = batch;
    if (!answer) return new TransactionLost(reason);
    const { errorCode } = answer;
    if (isDenied(failure)) return deniedWrite(topic, errorCode);
    if (outcomeOf(errorCode, -1) === "refused") return refusedByBroker(topic, reason);
    if (errorCode === KafkaCode.INVALID_PRODUCER_ID_MAPPING || outcomeOf(errorCode, -1) === "denied")
      return this.#coordinator.errorOf("Produce", errorCode);
    if (errorCode === KafkaCode.NOT_ENOUGH_REPLICAS)
      return new TransactionLost(
        `${reason}: fewer in-sync replicas than min.insync.replicas; check the brokers`,
      );
    return new TransactionLost(reason);
  }

  /**
   * Returns the records that the broker refused: those that it names, or the only record of the batch. If the broker names none,
   * returns an empty list; the next transaction then has batches of half the size, until the refused batch has one record.
   */
  #faultsIn({ batch, answer, reason }: FailedBatch): [index: number, error: OnrampError][] {
    const { topic, indexes } = batch;
    const isSize = answer !== undefined && outcomeOf(answer.errorCode, -1) === "split";
    const errorOf = (detail: string): OnrampError => (isSize ? tooLarge : badRecord)(topic, detail);
    const named = answer ? namedRecords(answer, indexes.length) : new Map<number, string>();
    if (named.size > 0)
      return [...named].map(([index, message]) => [elementAt(indexes, index), errorOf(message ?? reason)]);
    if (indexes.length === 1) return [[elementAt(indexes, 0), errorOf(reason)]];
    this.#batchLimits.set(topic, { bytes: Math.floor(batch.size / 2), isKept: isSize });
    return [];
  }
}
