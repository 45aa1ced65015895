// Sends the requests of one transactional id to its coordinator, and maps each answer to its effect (docs/adr/0011). Only
// one request is sent at a time.

import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../core/errors.ts";
import { OwnershipUnknown, TransactionLost } from "../../core/source-ports.ts";
import { Backoff } from "../../core/time.ts";
import type { Api } from "../../wire/codec.ts";
import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import { InitProducerId } from "../../wire/messages/cluster.ts";
import { AddPartitionsToTxn, EndTxn } from "../../wire/messages/transaction.ts";
import type { Cluster } from "../client/cluster.ts";
import { Coordinator, coordinatorMoved } from "../client/coordinator.ts";
import { BrokerGone, BrokerRefused } from "../client/errors.ts";
import { unknownTopic } from "../client/problems.ts";
import { groupBy, type TopicPartition } from "../client/topic-partition.ts";
import { deniedTransaction, deniedWrite, refusedTransaction, unusableKafka } from "./produce-errors.ts";

const REQUEST_MS = 5000;
/**
 * A request is repeated while the coordinator still writes the markers of the last transaction. The first and the longest wait, in
 * milliseconds.
 */
const [RETRY_FIRST_MS, RETRY_MAX_MS] = [2, 100];

/** The producer id and the epoch of the current owner. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}
const NO_IDENTITY: ProducerIdentity = { producerId: -1, producerEpoch: -1 };

/**
 * Codes that report a fenced producer. They do not prove that there is another owner: the only owner also gets them after its
 * transaction timed out.
 */
const FENCED: readonly number[] = [KafkaCode.INVALID_PRODUCER_EPOCH, KafkaCode.PRODUCER_FENCED];

/** Whether the same request may succeed later. */
const isTemporary = (code: number): boolean =>
  code === KafkaCode.CONCURRENT_TRANSACTIONS || coordinatorMoved(code);

/** The coordinator of one transactional id. */
export class TransactionCoordinator {
  readonly #id: string;
  readonly #timeoutMs: number;
  readonly #coordinator: Coordinator;

  /** @param timeoutMs the time after which brokers abort a transaction, in milliseconds */
  constructor(cluster: Cluster, id: string, timeoutMs: number) {
    this.#id = id;
    this.#timeoutMs = timeoutMs;
    this.#coordinator = new Coordinator(cluster, { key: id, keyType: 1 });
  }

  /**
   * Requests a new epoch, which aborts an open transaction and fences requests with earlier epochs.
   *
   * @param own the identity of this process, to recover; undefined to fence every other owner
   * @param deadline milliseconds (`Date.now`), as in all methods of this class
   * @param before called before each request
   * @throws OwnershipUnknown, only with `own`; TransactionLost at the deadline; OnrampError 40301, 50001; what `before` throws
   */
  async newEpoch(
    own: ProducerIdentity | undefined,
    deadline: number,
    before: () => Promise<void> = async () => {},
  ): Promise<ProducerIdentity> {
    const body = {
      transactionalId: this.#id,
      transactionTimeoutMs: this.#timeoutMs,
      ...(own ?? NO_IDENTITY),
    };
    const answer = await this.#settled(
      "InitProducerId",
      async () => {
        await before();
        return this.#ask(InitProducerId, body);
      },
      ({ errorCode }) => errorCode,
      { deadline, repeatable: true },
    );
    const { errorCode, producerId, producerEpoch } = answer;
    if (errorCode === KafkaCode.NONE) return { producerId, producerEpoch };
    if (own && (FENCED.includes(errorCode) || errorCode === KafkaCode.INVALID_PRODUCER_ID_MAPPING))
      throw new OwnershipUnknown(`InitProducerId of ${this.#id}: ${kafkaErrorName(errorCode)}`);
    throw this.errorOf("InitProducerId", errorCode);
  }

  /** Adds partitions to the transaction, which begins if none is open. @throws as `SourceLog.commit` */
  async add(own: ProducerIdentity, partitions: readonly TopicPartition[], deadline: number): Promise<void> {
    const topics = groupBy(partitions, ({ topic }) => topic).map(([name, parts]) => ({
      name,
      partitions: parts.map(({ partition }) => partition),
    }));
    const body = { transactionalId: this.#id, ...own, topics };
    const answer = await this.#settled(
      "AddPartitionsToTxn",
      () => this.#ask(AddPartitionsToTxn, body),
      ({ topics: added }) => codeOf(added.flatMap(({ partitions: parts }) => parts)),
      { deadline },
    );
    for (const { name, partitions: parts } of answer.topics) {
      const code = codeOf(parts);
      if (code === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION) throw unknownTopic(name);
      if (code === KafkaCode.TOPIC_AUTHORIZATION_FAILED) throw deniedWrite(name, code);
    }
    const code = codeOf(answer.topics.flatMap(({ partitions: parts }) => parts));
    if (code !== KafkaCode.NONE) throw this.errorOf("AddPartitionsToTxn", code);
  }

  /** Commits or aborts the transaction. @throws as `SourceLog.commit` */
  async end(own: ProducerIdentity, committed: boolean, deadline: number): Promise<void> {
    const { errorCode } = await this.#settled(
      "EndTxn",
      () => this.#end(own, committed),
      (answer) => answer.errorCode,
      { deadline },
    );
    if (errorCode !== KafkaCode.NONE) throw this.errorOf("EndTxn", errorCode);
  }

  /**
   * Asks, between transactions, whether the identity is still valid. Sends EndTxn(abort), which has no effect without an open
   * transaction.
   *
   * @throws TransactionLost when the identity is not valid, or when a request that was sent got no answer: it could arrive late and
   * abort the next transaction; OwnershipUnknown
   */
  async check(own: ProducerIdentity): Promise<void> {
    const code = await this.#end(own, false).then(
      ({ errorCode }) => errorCode,
      (error: unknown) => {
        if (wasSent(error)) throw this.#lost("EndTxn", messageOf(error));
        return KafkaCode.NONE;
      },
    );
    if (coordinatorMoved(code)) this.#coordinator.forget();
    if (code !== KafkaCode.NONE && code !== KafkaCode.INVALID_TXN_STATE && !isTemporary(code))
      throw this.errorOf("EndTxn", code);
  }

  /** Returns the error for the error code of an answer. Its class decides what the owner does next. */
  errorOf(request: string, code: number): Error {
    if (code === KafkaCode.INVALID_PRODUCER_ID_MAPPING)
      return new OwnershipUnknown(`${request} of ${this.#id}: ${kafkaErrorName(code)}`);
    if (code === KafkaCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED) return deniedTransaction(this.#id);
    if (code === KafkaCode.INVALID_TRANSACTION_TIMEOUT)
      return refusedTransaction(
        this.#id,
        `transaction.max.timeout.ms of the brokers is lower than ${this.#timeoutMs} ms; raise it`,
      );
    return this.#lost(request, kafkaErrorName(code));
  }

  close(): void {
    this.#coordinator.close();
  }

  #end(own: ProducerIdentity, committed: boolean) {
    return this.#ask(EndTxn, { transactionalId: this.#id, ...own, committed });
  }

  #ask<Q, R>(api: Api<Q, R>, body: Q): Promise<R> {
    return this.#coordinator.ask(api, body, REQUEST_MS);
  }

  /**
   * Sends a request until its answer is final. A request without an answer is sent again only if it did not reach the
   * coordinator, or is `repeatable`: after any other lost answer, nothing more may be sent under this epoch.
   */
  async #settled<R>(
    request: string,
    send: () => Promise<R>,
    codeOfAnswer: (answer: R) => number,
    { deadline, repeatable = false }: { deadline: number; repeatable?: boolean },
  ): Promise<R> {
    const backoff = new Backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
    let reason: string;
    do {
      try {
        const answer = await send();
        const code = codeOfAnswer(answer);
        if (!isTemporary(code)) return answer;
        if (coordinatorMoved(code)) this.#coordinator.forget();
        reason = kafkaErrorName(code);
      } catch (error) {
        reason = messageOf(error);
        if (wasSent(error) ? !repeatable : !isUnreachable(error)) throw this.#failure(request, error);
      }
      await delay(backoff.next(Date.now()));
    } while (Date.now() < deadline);
    throw this.#lost(request, reason);
  }

  #failure(request: string, error: unknown): unknown {
    if (error instanceof BrokerGone) return this.#lost(request, messageOf(error));
    if (!(error instanceof BrokerRefused)) return error;
    if (error.code === KafkaCode.UNSUPPORTED_VERSION) return unusableKafka(error.message);
    if (error.code === KafkaCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED) return deniedTransaction(this.#id);
    return refusedTransaction(this.#id, error.message);
  }

  #lost(request: string, reason: string): TransactionLost {
    return new TransactionLost(`${request} of ${this.#id}: ${reason}`);
  }
}

/** Whether a request may have reached the broker, and was not answered. */
const wasSent = (error: unknown): boolean => error instanceof BrokerGone && error.sent;
/** Whether the broker or the coordinator could not be reached. */
const isUnreachable = (error: unknown): boolean =>
  error instanceof BrokerGone || (error instanceof BrokerRefused && error.retriable);

/** Returns the first error code of the partitions. Kafka adds all of them or none; the others have OPERATION_NOT_ATTEMPTED. */
function codeOf(partitions: readonly { readonly errorCode: number }[]): number {
  const codes = partitions.map(({ errorCode }) => errorCode).filter((code) => code !== KafkaCode.NONE);
  return codes.find((code) => code !== KafkaCode.OPERATION_NOT_ATTEMPTED) ?? codes[0] ?? KafkaCode.NONE;
}
