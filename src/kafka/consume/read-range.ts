// Reads ranges of partitions without a consumer group, and does not commit offsets.

import { once, setMaxListeners } from "node:events";
import { OperatorError } from "../../core/errors.ts";
import type { RecordHandler } from "../../core/ports.ts";
import { untilAborted } from "../../core/time.ts";
import type { TopicPartition } from "../client/topic-partition.ts";
import { Fetcher, type FetcherDeps } from "./fetcher.ts";
import { PartitionReader } from "./partition-reader.ts";
import { describeFault, isLost, type PositionFault } from "./position-fault.ts";

/** How long a partition may be blocked before the read fails, in milliseconds. */
const FAULT_TIMEOUT_MS = 10_000;
/** How long a topic may be missing before the read fails, in milliseconds: new metadata takes time to reach all brokers. */
const MISSING_TOPIC_MS = 2000;

/** The offsets of a partition from `from` to `to` (exclusive). */
export interface OffsetRange extends TopicPartition {
  readonly from: number;
  readonly to: number;
  /** Fetches also if the range is empty, so that a missing ACL is noticed. Default: false. */
  readonly alwaysFetch?: boolean;
  /** The leader epoch of the record before `from`, and the id of its topic: with them a lost position is detected. */
  readonly epoch?: number;
  readonly topicId?: string | undefined;
}

/** A `RecordHandler` with another parameter. @param epoch the leader epoch of the last record */
export type RangeRecordHandler = (
  ...args: [...Parameters<RecordHandler>, epoch: number]
) => ReturnType<RecordHandler>;

/** A range that cannot be read to its end. The message says why, and what to do. */
export class RangeUnreadable extends OperatorError {
  override readonly name = "RangeUnreadable";
  readonly fault: PositionFault;
  readonly partition: number;
  /** The offset that could not be read. */
  readonly offset: number;

  constructor(
    fault: PositionFault,
    { partition, offset }: { partition: number; offset: number },
    message: string,
  ) {
    super(message);
    this.fault = fault;
    this.partition = partition;
    this.offset = offset;
  }

  get reason(): PositionFault["reason"] {
    return this.fault.reason;
  }
}

/** The maximum wait of a Fetch request, in milliseconds. Short, because a range waits only for open transactions. */
const WAIT_MS = 100;

let reads = 0;

/**
 * Reads all ranges at once, each in order, and resolves after the last record. Waits for open transactions. When `stopping`
 * is aborted, running handler calls are cancelled at once.
 *
 * @throws what the handler throws; the reason of `stopping`; RangeUnreadable at once for a lost position, a missing ACL or
 * an unreadable batch, after 2 s for a missing topic, 5 s for a partition that ends before `to`, `patienceMs` for other faults
 * (default: 10 s)
 */
export async function readRange(
  deps: Omit<FetcherDeps, "channel">,
  ranges: readonly OffsetRange[],
  handler: RangeRecordHandler,
  stopping: AbortSignal,
  patienceMs = FAULT_TIMEOUT_MS,
): Promise<void> {
  const fetcher = new Fetcher({ ...deps, channel: `read-range-${reads++}`, waitMs: WAIT_MS });
  const finished = new AbortController();
  const cancel = AbortSignal.any([stopping, finished.signal]);
  // Every partition adds a listener.
  setMaxListeners(0, cancel);
  try {
    await Promise.all(ranges.map((range) => readOne(fetcher, range, handler, cancel, patienceMs)));
  } finally {
    finished.abort();
    fetcher.stop();
  }
}

async function readOne(
  fetcher: Fetcher,
  { topic, partition, from, to, alwaysFetch = false, epoch = -1, topicId }: OffsetRange,
  handler: RangeRecordHandler,
  cancel: AbortSignal,
  patienceMs: number,
): Promise<void> {
  const reader = new PartitionReader(topic, partition, { offset: from, epoch, topicId });
  const failed = new AbortController();
  const signal = AbortSignal.any([cancel, failed.signal]);
  const fail = (fault: PositionFault): void =>
    failed.abort(
      new RangeUnreadable(fault, placeOf(reader), describeFault(reader, reader.position.offset, fault)),
    );
  let patience: NodeJS.Timeout | undefined;
  reader.onFault = (fault) => {
    if (fault !== undefined && isLost(fault)) return fail(fault);
    if (fault === undefined) clearTimeout(patience);
    if (fault === undefined) patience = undefined;
    else patience ??= setTimeout(() => fail(reader.fault ?? fault), patienceFor(fault, patienceMs));
  };
  let early: NodeJS.Timeout | undefined;
  const reachedEnd = new AbortController();
  reader.onEnd = (highWatermark) => {
    reachedEnd.abort();
    if (highWatermark >= to) clearTimeout(early);
    // A broker that has just started serves an earlier end for a moment.
    else early ??= setTimeout(() => failed.abort(endsEarly(reader, highWatermark, to)), FAULT_TIMEOUT_MS / 2);
  };
  fetcher.add(reader);
  try {
    while (reader.position.offset < to) {
      await reader.ready(signal, to);
      signal.throwIfAborted();
      const records = reader.records.filter(({ offset }) => offset < to);
      // All fetched records are after the range.
      if (records.length === 0 && reader.records.length > 0) return;
      if (records.length > 0) reader.take(await handler(records, signal, signal, reader.fetchFrom.epoch));
    }
    if (alwaysFetch && from >= to) await untilAborted(once(reachedEnd.signal, "abort"), signal);
  } finally {
    clearTimeout(patience);
    clearTimeout(early);
    reader.onFault = () => {};
    fetcher.remove(reader);
  }
}

const patienceFor = ({ reason }: PositionFault, patienceMs: number): number =>
  reason === "unauthorized" || reason === "unreadable"
    ? 0
    : reason === "deleted"
      ? MISSING_TOPIC_MS
      : patienceMs;

const placeOf = ({ partition, position }: PartitionReader) => ({ partition, offset: position.offset });

const endsEarly = (reader: PartitionReader, end: number, to: number): RangeUnreadable => {
  const { topic, partition } = reader;
  return new RangeUnreadable(
    { reason: "out-of-range" },
    placeOf(reader),
    `${topic}/${partition} ends at offset ${end}, before the end ${to} of the range: the partition lost records, or the topic was recreated. Run the command again.`,
  );
};
