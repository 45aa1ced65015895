// One topic-partition on its way out: a queue, at most one batch in flight, an identity of its own.
// What each answer of a broker does to it is the table of outcomes (docs/adr/0003), and stands here alone.

import type { OnrampError } from "../../core/errors.ts";
import { Backoff } from "../../core/time.ts";
import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import type { PartitionAnswer } from "../../wire/messages/produce.ts";
import type { BatchCompression, BatchEncoder } from "../../wire/record-batch.ts";
import { Batch } from "./batch.ts";
import type { LaneHost, Loss } from "./lane-host.ts";
import { LaneIdentity } from "./lane-identity.ts";
import { type Outcome, outcomeOf } from "./outcomes.ts";
import {
  badRecord,
  deniedWrite,
  notWritten,
  refusedByBroker,
  tooLarge,
  unknownOutcome,
} from "./produce-errors.ts";
import { type Segment, settleFailed } from "./segment.ts";
import { SegmentQueue } from "./segment-queue.ts";

const BACKOFF_FIRST_MS = 20;
const BACKOFF_MOST_MS = 500;
/** Answers that tell of a partition whose replicas lag: it must hold up nobody else. */
const SLOW: readonly number[] = [
  KafkaCode.REQUEST_TIMED_OUT,
  KafkaCode.NOT_ENOUGH_REPLICAS,
  KafkaCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
];

/** The lane of one partition. */
export class Lane {
  readonly topic: string;
  readonly partition: number;
  readonly identity = new LaneIdentity();
  /** Sent apart from the others, on connections of its own, until an answer comes in time. */
  isolated = false;
  /** Chosen by the sender, which waits for its connection. */
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

  get idle(): boolean {
    return this.#batch === undefined && this.#queue.empty;
  }
  /** Bytes queued and in flight. */
  get bytes(): number {
    return this.#queue.bytes;
  }
  get backingOff(): boolean {
    return this.#backoff.active;
  }
  /** The batch in hand is of unknown outcome. */
  get open(): boolean {
    return this.#batch?.open ?? false;
  }
  /** Records in the batch in hand. */
  get batchCount(): number {
    return this.#batch?.count ?? 0;
  }

  push(segment: Segment): void {
    this.#queue.push(segment);
  }

  ready(now: number): boolean {
    return !this.reserved && !this.#batch?.inFlight && this.#backoff.ready(now) && !this.idle;
  }

  /** Bytes that `encode` will need at most; 0 when nothing waits. Forms the next batch where none is in hand. */
  prepare(maxBatchBytes: number): number {
    if (!this.#batch) {
      const segments = this.#queue.take(Math.min(maxBatchBytes, this.#batchLimit));
      if (segments.length === 0) return 0;
      this.#batch = new Batch(segments);
    }
    return this.#batch.sizeBound;
  }

  /** Writes the prepared batch at `at`, or returns the bytes of its earlier tries. */
  encode(encoder: BatchEncoder, target: Buffer, at: number, compression?: BatchCompression): Buffer {
    return this.#current().encode(encoder, target, at, this.identity.current, compression);
  }

  /** The broker answered for this partition. @param slow it took so long that others must not wait for it again */
  settle(answer: PartitionAnswer, now: number, slow: boolean): void {
    const batch = this.#current();
    batch.inFlight = false;
    const { errorCode, baseOffset, errorMessage, logAppendTimeMs } = answer;
    const outcome = outcomeOf(errorCode, baseOffset);
    const known = outcome === "duplicate" && batch.tries > 1 && baseOffset >= 0;
    if (outcome === "written" || known) {
      batch.settleWritten(this.partition, baseOffset, logAppendTimeMs);
      this.identity.advance(batch.count);
      // A limit that a refusal halved grows back: the topic's own may have been raised.
      this.#batchLimit *= 2;
      this.isolated = slow;
      return this.#finish(batch);
    }
    this.#lastCode = errorCode;
    this.#reason = `${kafkaErrorName(errorCode)}${errorMessage ? ` (${errorMessage})` : ""}`;
    if (SLOW.includes(errorCode)) this.isolated = true;
    if (outcome === "open" || outcome === "elsewhere" || outcome === "later") {
      if (outcome === "open") batch.open = true;
      this.#host.refresh(this.topic);
      if (!batch.open) this.#giveBack(batch.segments);
      this.#backoff.next(now);
      return;
    }
    if (batch.open || outcome === "unknown" || outcome === "duplicate") return this.#abandon(batch);
    this.#refuse(batch, outcome, answer, now);
  }

  /** No answer came. */
  onLost(now: number, loss: Loss): void {
    this.#reason = loss.reason;
    this.#lastCode = undefined;
    if (loss.timedOut) this.isolated = true;
    const batch = this.#batch;
    if (batch) {
      batch.inFlight = false;
      if (loss.sent) batch.open = true;
      if (!batch.open) this.#giveBack(batch.segments);
    }
    this.#host.refresh(this.topic);
    this.#backoff.next(now);
  }

  /** Answers whoever waits past its deadline with what is known. */
  expire(now: number): void {
    this.#queue.expire(now, () =>
      notWritten(this.topic, this.partition, this.#lastCode === KafkaCode.NOT_ENOUGH_REPLICAS, this.#reason),
    );
    const batch = this.#batch;
    if (!batch) {
      if (this.#queue.empty) this.#calm();
      return;
    }
    batch.expire(now, () => unknownOutcome(this.topic, this.partition, this.#reason));
    if (batch.open && !batch.inFlight && batch.answered) this.#abandon(batch);
  }

  /** Fails what waits in the queue; nothing of it was sent. A batch in hand goes on. */
  failQueued(error: OnrampError): void {
    this.#queue.fail(error);
    if (this.idle) this.#calm();
  }

  /** Not written, and not open: the broker said why. */
  #refuse(batch: Batch, outcome: Outcome, answer: PartitionAnswer, now: number): void {
    const reason = this.#reason ?? "";
    switch (outcome) {
      case "split":
        if (batch.count === 1) return this.#fail(batch, tooLarge(this.topic, reason));
        this.#batchLimit = Math.max(1, Math.floor(batch.sizeBound / 2));
        return this.#giveBack(batch.segments);
      case "records":
        return this.#refuseRecords(batch, answer);
      case "denied":
        return this.#fail(batch, deniedWrite(this.topic, answer.errorCode));
      case "refused":
        return this.#fail(batch, refusedByBroker(this.topic, reason));
      default:
        if (answer.errorCode !== KafkaCode.INVALID_PRODUCER_EPOCH)
          this.#host.suspectLoss(this.topic, this.partition, answer.errorCode);
        this.#nextEpoch();
        this.#giveBack(batch.segments);
        this.#backoff.next(now);
    }
  }

  /** Fails the records that the broker names, or tells requests apart where it names none. */
  #refuseRecords(batch: Batch, answer: PartitionAnswer): void {
    const named = answer.recordErrors.filter(({ batchIndex }) => batchIndex < batch.count);
    const reasons = new Map(named.map(({ batchIndex, message }) => [batchIndex, message]));
    if (reasons.size === 0 || answer.errorCode === KafkaCode.POLICY_VIOLATION) {
      if (batch.segments.length === 1) return this.#fail(batch, badRecord(this.topic, this.#reason));
      return this.#giveBack(batch.isolated());
    }
    const singles = batch.singles();
    singles.forEach((single, index) => {
      if (reasons.has(index)) settleFailed(single, badRecord(this.topic, reasons.get(index) ?? this.#reason));
    });
    this.#giveBack(singles);
  }

  /** Not written: back to the head of the queue; the sequence stays unused. */
  #giveBack(segments: readonly Segment[]): void {
    this.#queue.giveBack(segments);
    this.#batch = undefined;
  }

  /** Of unknown outcome for good: the next epoch makes the broker refuse it, should it still arrive. */
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
    this.#calm();
  }

  /** Nothing is wrong any more, as far as is known. */
  #calm(): void {
    this.#backoff.reset();
    this.#reason = undefined;
    this.#lastCode = undefined;
  }

  #nextEpoch(): void {
    const used = this.identity.nextEpoch();
    if (used !== undefined) this.#host.renewProducerId(used);
  }

  #current(): Batch {
    if (!this.#batch) throw new Error(`the lane of ${this.topic}/${this.partition} has no batch in hand`);
    return this.#batch;
  }
}
