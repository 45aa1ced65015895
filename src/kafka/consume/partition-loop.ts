// Reads one assigned partition until the session ends: passes its records to the handler and commits the
// position after them. A failure to read or commit does not affect the other partitions.

import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../core/errors.ts";
import type { Log, RecordHandler } from "../../core/ports.ts";
import { Backoff } from "../../core/time.ts";
import { KafkaCode, kafkaErrorName } from "../../wire/error-codes.ts";
import type { ListOffsetsDeps } from "../client/list-offsets.ts";
import type { BlockedReasons } from "./blocked-reasons.ts";
import type { Committer, UncommittedPositions } from "./committer.ts";
import { continueAt } from "./continue-at.ts";
import { CoordinatorLost, Rebalance } from "./group-member.ts";
import type { PartitionReader } from "./partition-reader.ts";
import {
  describeFault,
  isLost,
  type LostPosition,
  type PositionFault,
  SHOWN_AFTER_MS,
} from "./position-fault.ts";

const LOST_SHOWN_AFTER_MS = 3000;

export interface PartitionLoopDeps {
  readonly group: string;
  readonly committer: Committer;
  readonly uncommitted: UncommittedPositions;
  readonly blockedReasons: BlockedReasons;
  readonly offsets: ListOffsetsDeps;
  readonly log: Log;
  readonly handler: RecordHandler;
}

/** Reads one assigned partition. Created by `Session`; `run` is called once. */
export class PartitionLoop {
  readonly reader: PartitionReader;
  readonly #deps: PartitionLoopDeps;
  readonly #name: string;
  #committed: number;
  #busy = false;

  /** @param committed the committed offset; the reader may begin after it */
  constructor(reader: PartitionReader, committed: number, deps: PartitionLoopDeps) {
    this.reader = reader;
    this.#committed = committed;
    this.#deps = deps;
    this.#name = `${reader.topic}/${reader.partition}`;
    reader.onFault = (fault) => this.#onFault(fault);
  }

  /**
   * Reads until `stopping` is aborted. Retries after a failure to read or to commit.
   *
   * @throws Rebalance; the error of the handler
   */
  async run(stopping: AbortSignal, cancel: AbortSignal): Promise<void> {
    const { reader } = this;
    try {
      if (reader.position.offset !== this.#committed) await this.#commit(cancel);
      while (!stopping.aborted) {
        await reader.ready(stopping);
        this.#busy = true;
        if (reader.lostPosition) await this.#continue(reader.lostPosition, stopping, cancel);
        else if (reader.records.length > 0) {
          reader.take(await this.#deps.handler(reader.records, stopping, cancel));
          this.#deps.uncommitted.note(reader, this.#committed, reader.position);
          await this.#commit(cancel);
        }
        this.#busy = false;
      }
    } catch (error) {
      if (!stopping.aborted) throw error;
    } finally {
      reader.onFault = () => {};
    }
  }

  /**
   * Commits a position that moved past control records or aborted transactions, so that the group has no lag. A failure
   * does not matter: the next commit includes the position.
   */
  async commitIdle(): Promise<void> {
    const { position } = this.reader;
    if (this.#busy || this.reader.lostPosition || position.offset === this.#committed) return;
    this.#busy = true;
    const code = await this.#deps.committer
      .commit(this.reader, position)
      .catch(() => KafkaCode.UNKNOWN_SERVER_ERROR);
    if (code === KafkaCode.NONE) this.#committed = position.offset;
    this.#busy = false;
  }

  /** Commits the position. Retries until `cancel`: without the commit, the records would be handled again. */
  async #commit(cancel: AbortSignal): Promise<void> {
    const { reader } = this;
    const { committer, uncommitted, blockedReasons } = this.#deps;
    const key = `commit:${this.#name}`;
    const subject = { topic: reader.topic, partition: reader.partition };
    const backoff = new Backoff(200, 5000);
    for (;;) {
      try {
        const code = await committer.commit(reader, reader.position);
        if (code === KafkaCode.NONE) break;
        const message = commitProblem(this.#name, reader.topic, code);
        blockedReasons.raise(key, { ...subject, kind: `commit ${code}` }, message, { afterMs: 1000 });
      } catch (error) {
        if (error instanceof Rebalance || cancel.aborted) throw error;
        const message = `The offset of ${this.#name} can't be committed: ${messageOf(error)}. Onramp retries.`;
        const afterMs = error instanceof CoordinatorLost ? 4000 : 1000;
        blockedReasons.raise(key, { ...subject, kind: "commit" }, message, { afterMs });
      }
      await delay(backoff.next(Date.now()), undefined, { signal: cancel });
    }
    this.#committed = reader.position.offset;
    uncommitted.clear(reader);
    blockedReasons.clear(key);
  }

  /** Decides where to continue after a lost position. */
  async #continue(fault: LostPosition, stopping: AbortSignal, cancel: AbortSignal): Promise<void> {
    const { reader } = this;
    const { offsets, group, log, blockedReasons } = this.#deps;
    const key = `lost:${this.#name}`;
    const backoff = new Backoff(200, 2000);
    for (;;) {
      try {
        const { position, event } = await continueAt(offsets, reader, fault);
        const { topic, partition } = reader;
        log.warn({ group, topic, partition, from: reader.position.offset, to: position.offset }, event);
        blockedReasons.clear(key);
        reader.seek(position);
        return await this.#commit(cancel);
      } catch (error) {
        if (error instanceof Rebalance) throw error;
        stopping.throwIfAborted();
        const message = `${describeFault(reader, reader.position.offset, fault)} The offset at which to continue can't be determined: ${messageOf(error)}. Onramp retries.`;
        const subject = { kind: fault.reason, topic: reader.topic, partition: reader.partition };
        blockedReasons.raise(key, subject, message, { afterMs: LOST_SHOWN_AFTER_MS });
        offsets.metadata.refresh([reader.topic]);
        await delay(backoff.next(Date.now()), undefined, { signal: stopping });
      }
    }
  }

  #onFault(fault: PositionFault | undefined): void {
    const { blockedReasons } = this.#deps;
    const key = `read:${this.#name}`;
    if (fault === undefined || isLost(fault)) return blockedReasons.clear(key);
    const { topic, partition, position } = this.reader;
    const message = describeFault(this.reader, position.offset, fault);
    blockedReasons.raise(key, { kind: fault.reason, topic, partition }, message, {
      afterMs: SHOWN_AFTER_MS[fault.reason],
    });
  }
}

function commitProblem(name: string, topic: string, code: number): string {
  const refused = `The offset of ${name} can't be committed (${kafkaErrorName(code)}).`;
  const next =
    code === KafkaCode.TOPIC_AUTHORIZATION_FAILED
      ? ` Give Onramp's user the ACL "Read" on topic "${topic}".`
      : code === KafkaCode.GROUP_AUTHORIZATION_FAILED
        ? ` Give Onramp's user the ACL "Read" on the consumer group.`
        : " Check the topic and the consumer group with kafka-consumer-groups --describe.";
  return `${refused}${next} Onramp retries; the partition makes no progress until the commit succeeds.`;
}
