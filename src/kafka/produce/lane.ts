// The lane of one partition: a queue, at most one batch in flight, and its own producer identity. Implements the effect
// of each outcome on the lane (docs/adr/0003).

import type { OnrampError } from "../../core/errors.ts";
import { Backoff } from "../../core/time.ts";
import { KafkaCode } from "../../wire/error-codes.ts";
import type { PartitionAnswer } from "../../wire/messages/produce.ts";
import { isOffset } from "../../wire/reader.ts";
import type { BatchCompression, BatchEncoder } from "../../wire/record-batch.ts";
import { withoutBadRecords } from "./bad-records.ts";
import { Batch } from "./batch.ts";
import type { LaneHost, Loss } from "./lane-host.ts";
import { LaneIdentity } from "./lane-identity.ts";
import { type Outcome, outcomeOfAnswer, reasonOf } from "./outcomes.ts";
import {
  badRecord,
  deniedWrite,
  notWritten,
  refusedByBroker,
  tooLarge,
  unknownOutcome,
} from "./produce-errors.ts";
import type { Segment } from "./segment.ts";
import { SegmentQueue } from "./segment-queue.ts";

const BACKOFF_FIRST_MS = 20;
const BACKOFF_MOST_MS = 500;
/** Error codes of a partition whose replicas lag: the lane is isolated, so that it does not delay other lanes. */
const ISOLATING: readonly number[] = [
  KafkaCode.REQUEST_TIMED_OUT,
  KafkaCode.NOT_ENOUGH_REPLICAS,
  KafkaCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
];

/** Queues, encodes and settles the records of one partition. */
export class Lane {
  readonly topic: string;
  readonly partition: number;
  readonly identity = new LaneIdentity();
  /** True when its batches are sent on a spare connection, until an answer is fast again. */
  isolated = false;
  /** True when the sender has selected the lane for a request that has not ended. */
  reserved = false;
  readonly #host: LaneHost;
  readonly #queue = new SegmentQueue();
  #batch: Batch | undefined;
  readonly #backoff = new Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
  #lastCode: number | undefined;
  #reason: string | undefined;
  #batchLimit = Number.POSITIVE_INFINITY;

  constructor(topic: string, partition: number, host: LaneHost) {
    this.topic = topic;
    this.partition = partition;
    this.#host = host;
  }

  /** True when the lane has no records. */
  get idle(): boolean {
    return this.#batch === undefined && this.#queue.empty;
  }
  /** Bytes of the records that are pending or in flight. */
  get bytes(): number {
    return this.#queue.bytes;
  }
  get backingOff(): boolean {
    return this.#backoff.active;
  }
  /** True when the outcome of the current batch is unknown. */
  get open(): boolean {
    return this.#batch?.open ?? false;
  }
  /** The number of records in the current batch. */
  get batchCount(): number {
    return this.#batch?.count ?? 0;
  }

  push(segment: Segment): void {
    this.#queue.push(segment);
  }

  /** Whether a batch can be sent now. @param now milliseconds, `Date.now` */
  ready(now: number): boolean {
    return !this.reserved && !this.#batch?.inFlight && this.#backoff.ready(now) && !this.idle;
  }

  /**
   * Forms the next batch when there is no current one. First refuses the pending requests whose deadline has passed.
   *
   * @param now milliseconds, `Date.now`
   * @returns the maximum bytes of `encode`; 0 without a batch
   */
  prepare(maxBatchBytes: number, now: number): number {
    if (!this.#batch) {
      this.#queue.expire(now, this.#notWritten);
      const segments = this.#queue.take(Math.min(maxBatchBytes, this.#batchLimit));
      if (segments.length === 0) return 0;
      this.#batch = new Batch(segments);
    }
    return this.#batch.sizeBound;
  }

  /** Encodes the current batch; see `Batch.encode`. */
  encode(encoder: BatchEncoder, target: Buffer, at: number, compression?: BatchCompression): Buffer {
    return this.#currentBatch().encode(encoder, target, at, this.identity.current, compression);
  }

  /**
   * Called with the broker's answer for this partition.
   *
   * @param slow true isolates the lane: the answer was late
   */
  onAnswer(answer: PartitionAnswer, now: number, slow: boolean): void {
    const batch = this.#currentBatch();
    batch.inFlight = false;
    const { errorCode, baseOffset, logAppendTimeMs } = answer;
    const outcome = outcomeOfAnswer(answer);
    if (outcome === "written" || (outcome === "duplicate" && batch.tries > 1 && isOffset(baseOffset))) {
      batch.settleWritten(this.partition, baseOffset, logAppendTimeMs);
      this.identity.advance(batch.count);
      // A limit that was reduced by "split" grows again, because the topic's limit may have been raised.
      this.#batchLimit *= 2;
      this.isolated = slow;
      return this.#finish(batch);
    }
    this.#lastCode = errorCode;
    this.#reason = reasonOf(answer);
    if (ISOLATING.includes(errorCode)) this.isolated = true;
    if (outcome === "open" || outcome === "stale-metadata" || outcome === "later") {
      if (outcome === "open") batch.open = true;
      this.#host.refresh(this.topic);
      if (!batch.open) this.#requeue(batch.segments);
      this.#backoff.next(now);
      return;
    }
    if (batch.open || outcome === "unknown" || outcome === "duplicate") return this.#abandon(batch);
    this.#onRefused(batch, outcome, answer, now);
  }

  /** Called when a request with a batch of this lane could not be sent or got no answer. */
  onLost(now: number, loss: Loss): void {
    this.#reason = loss.reason;
    this.#lastCode = undefined;
    if (loss.timedOut) this.isolated = true;
    const batch = this.#batch;
    if (batch) {
      batch.inFlight = false;
      if (loss.sent) batch.open = true;
      if (!batch.open) this.#requeue(batch.segments);
    }
    this.#host.refresh(this.topic);
    this.#backoff.next(now);
  }

  /** Answers the callers whose deadline has passed: not written, or outcome unknown. */
  expire(now: number): void {
    this.#queue.expire(now, this.#notWritten);
    const batch = this.#batch;
    if (!batch) {
      if (this.#queue.empty) this.#clearFailure();
      return;
    }
    batch.expire(now, () => unknownOutcome(this.topic, this.partition, this.#reason));
    if (batch.open && !batch.inFlight && batch.answered) this.#abandon(batch);
  }

  readonly #notWritten = (): OnrampError =>
    notWritten(this.topic, this.partition, this.#lastCode === KafkaCode.NOT_ENOUGH_REPLICAS, this.#reason);

  /** Stores why the lane cannot send; shown if its records are not written in time. */
  wait(reason: string): void {
    this.#reason = reason;
  }

  /** Fails the records in the queue, which were not sent. The current batch continues. */
  failQueued(error: OnrampError): void {
    this.#queue.fail(error);
    if (this.idle) this.#clearFailure();
  }

  /** Handles the refusal of a batch that is not open: it was certainly not written. */
  #onRefused(batch: Batch, outcome: Outcome, answer: PartitionAnswer, now: number): void {
    const reason = this.#reason ?? "";
    switch (outcome) {
      case "split":
        if (batch.count === 1) return this.#fail(batch, tooLarge(this.topic, reason));
        this.#batchLimit = Math.max(1, Math.floor(batch.sizeBound / 2));
        return this.#requeue(batch.segments);
      case "bad-records":
        return this.#onBadRecords(batch, answer);
      case "denied":
        return this.#fail(batch, deniedWrite(this.topic, answer.errorCode));
      case "refused":
        return this.#fail(batch, refusedByBroker(this.topic, reason));
      default:
        if (answer.errorCode !== KafkaCode.INVALID_PRODUCER_EPOCH)
          this.#host.reportSuspectedLoss(this.topic, this.partition, answer.errorCode);
        this.#nextEpoch();
        this.#requeue(batch.segments);
        this.#backoff.next(now);
    }
  }

  #onBadRecords(batch: Batch, answer: PartitionAnswer): void {
    const errorOf = (message?: string | null) => badRecord(this.topic, message ?? this.#reason);
    const again = withoutBadRecords(batch, answer, errorOf);
    if (again) this.#requeue(again);
    else this.#fail(batch, errorOf());
  }

  /** Puts segments that were not written back at the head of the queue. Their sequence numbers stay unused. */
  #requeue(segments: readonly Segment[]): void {
    this.#queue.giveBack(segments);
    this.#batch = undefined;
  }

  /** Fails a batch whose outcome stays unknown. The broker refuses it if it arrives later, because its epoch is old. */
  #abandon(batch: Batch): void {
    this.#nextEpoch();
    this.#fail(batch, unknownOutcome(this.topic, this.partition, this.#reason));
  }

  #fail(batch: Batch, error: OnrampError): void {
    batch.settleFailed(error);
    this.#finish(batch);
  }

  #finish(batch: Batch): void {
    this.#queue.release(batch.segments);
    this.#batch = undefined;
    this.#clearFailure();
  }

  /** Clears the last error and its backoff. */
  #clearFailure(): void {
    this.#backoff.reset();
    this.#reason = undefined;
    this.#lastCode = undefined;
  }

  #nextEpoch(): void {
    const used = this.identity.nextEpoch();
    if (used !== undefined) this.#host.renewProducerId(used);
  }

  #currentBatch(): Batch {
    if (!this.#batch) throw new Error(`the lane of ${this.topic}/${this.partition} has no current batch`);
    return this.#batch;
  }
}
