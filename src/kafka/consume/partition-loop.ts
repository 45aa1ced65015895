// Reads one assigned partition until the session ends: passes its records to the handler and commits the
// offset after them. A failure to read or commit does not affect the other partitions.

import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../core/errors.ts";
import type { Log, RecordHandler } from "../../core/ports.ts";
import { Backoff } from "../../core/time.ts";
import { EARLIEST, offsetAt } from "../client/list-offsets.ts";
import { type GroupMember, Rebalance } from "./group-member.ts";
import type { PartitionReader } from "./partition-reader.ts";

/** The pause after a failure to read a partition, in milliseconds. */
const UNREADABLE_MS = 10_000;

export interface PartitionLoopDeps {
  readonly group: string;
  readonly member: GroupMember;
  readonly offsets: Parameters<typeof offsetAt>[0];
  readonly log: Log;
  readonly handler: RecordHandler;
}

/** Reads one partition. */
export class PartitionLoop {
  readonly reader: PartitionReader;
  readonly #deps: PartitionLoopDeps;
  #trouble: string | undefined;

  constructor(reader: PartitionReader, deps: PartitionLoopDeps) {
    this.reader = reader;
    this.#deps = deps;
  }

  /** Why the partition can't be read or its offset committed; undefined when there is no failure. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * Reads until `stopping` is aborted. Retries after a failure to read or to commit.
   *
   * @throws Rebalance, BrokerGone, BrokerRefused; the error of the handler
   */
  async run(stopping: AbortSignal, cancel: AbortSignal): Promise<void> {
    const { reader } = this;
    while (!stopping.aborted) {
      try {
        await reader.ready(stopping).catch((error: unknown) => this.#onUnreadable(error, stopping));
        if (reader.outOfRange) await this.#seekToStart();
        else if (reader.records.length > 0) {
          reader.take(await this.#deps.handler(reader.records, stopping, cancel));
          await this.#commit(stopping);
        }
      } catch (error) {
        if (!stopping.aborted) throw error;
      }
    }
  }

  /**
   * Commits the position. Retries until `stopping`: without the commit, the records would be handled again.
   */
  async #commit(stopping: AbortSignal): Promise<void> {
    const { reader } = this;
    const { member, group, log } = this.#deps;
    const backoff = new Backoff(200, 10_000);
    for (;;) {
      try {
        await member.commit(new Map([[reader, reader.position]]));
        this.#trouble = undefined;
        return;
      } catch (error) {
        if (error instanceof Rebalance || stopping.aborted) throw error;
        const reason = messageOf(error);
        this.#trouble = reason;
        log.warn({ group, reason }, "offset not committed; it will be tried again");
        await delay(backoff.next(Date.now()), undefined, { signal: stopping });
      }
    }
  }

  /** Reports a partition that can't be read, and prepares a retry after a pause. */
  async #onUnreadable(error: unknown, stopping: AbortSignal): Promise<void> {
    stopping.throwIfAborted();
    const { topic, partition, position } = this.reader;
    const { group, log } = this.#deps;
    const reason = messageOf(error);
    this.#trouble = `${topic}/${partition} can't be read at offset ${position}: ${reason}`;
    log.error(
      { group, topic, partition, offset: position, reason },
      "a partition can't be read; it will be tried again, and others go on",
    );
    await delay(UNREADABLE_MS, undefined, { signal: stopping });
    this.reader.seek(position);
  }

  /** Called when the reader's offset does not exist: retention removed it, or the topic was truncated or recreated. */
  async #seekToStart(): Promise<void> {
    const { reader } = this;
    const { offsets, group, log } = this.#deps;
    const start = await offsetAt(offsets, reader, EARLIEST);
    const { topic, partition, position } = reader;
    log.warn(
      { group, topic, partition, from: position, to: start },
      position < start
        ? "records were removed by retention before they were read"
        : "the partition ends before what was read already: truncated, or recreated; reading it from its start",
    );
    reader.seek(start);
  }
}
