// One request on its way into the lanes: what the topic would refuse of it, and its share for each partition.

import { elementAt } from "../../core/element.ts";
import { type ErrorCode, type ErrorDetail, OnrampError } from "../../core/errors.ts";
import type { AcceptedRecord } from "../../core/record.ts";
import { loneBatchSize, recordSizeBound } from "../../wire/record-batch.ts";
import type { TopicState } from "../client/metadata.ts";
import { largerThan, noSuchPartition } from "./produce-errors.ts";
import { type Pending, type Segment, sizeOf } from "./segment.ts";

export interface Fault extends ErrorDetail {
  readonly index: number;
  readonly error_code: ErrorCode;
}

/** What the topic would refuse of a request, before anything is written; `most` faults are enough. */
export function faultsOf(
  topic: TopicState,
  records: readonly AcceptedRecord[],
  partitions: readonly number[],
  most: number,
): Fault[] {
  const now = Date.now();
  const { maxMessageBytes, timestampAfterMaxMs, timestampBeforeMaxMs, compacted } = topic.limits;
  const faults: Fault[] = [];
  records.forEach((record, index) => {
    const partition = partitions[index] as number;
    const fail = (error_code: ErrorCode, message: string): void => {
      if (faults.length < most) faults.push({ index, error_code, message });
    };
    if (partition >= topic.partitions.length)
      fail(40402, noSuchPartition(topic.name, partition, topic.partitions.length).message);
    if (compacted && record.key === null)
      fail(40001, `Topic "${topic.name}" is compacted, so every record needs a key.`);
    if (record.timestamp > now + timestampAfterMaxMs) {
      fail(
        40001,
        `The timestamp lies more than ${timestampAfterMaxMs} ms ahead of now (message.timestamp.after.max.ms of topic "${topic.name}").`,
      );
    }
    if (record.timestamp < now - timestampBeforeMaxMs) {
      fail(
        40001,
        `The timestamp lies more than ${timestampBeforeMaxMs} ms back (message.timestamp.before.max.ms of topic "${topic.name}").`,
      );
    }
    if (recordSizeBound(record) + 61 > maxMessageBytes && loneBatchSize(record) > maxMessageBytes) {
      fail(41301, largerThan(topic.name, loneBatchSize(record), maxMessageBytes).message);
    }
  });
  return faults;
}

/** The failure of a whole request for its first fault. */
export function asOne(faults: readonly Fault[], records: number): OnrampError {
  const first = faults[0] as Fault;
  const message =
    records === 1
      ? first.message
      : `Some of the ${records} records cannot be appended; nothing was written. Record ${first.index}: ${first.message}`;
  return new OnrampError(first.error_code, message, records === 1 ? {} : { errors: faults });
}

/** A request's records, partition by partition, each run as one segment. */
export function segmentsOf(
  records: readonly AcceptedRecord[],
  partitions: readonly number[],
  pending: Pending,
  deadline: number,
): Map<number, Segment> {
  const segments = new Map<number, Segment>();
  const first = partitions[0] as number;
  const segment = (of: readonly AcceptedRecord[], places?: readonly number[]): Segment => ({
    pending,
    records: of,
    places,
    from: 0,
    to: of.length,
    size: sizeOf(of, 0, of.length),
    deadline,
    alone: false,
    answered: false,
  });
  if (partitions.every((partition) => partition === first)) return segments.set(first, segment(records));
  const places = new Map<number, number[]>();
  partitions.forEach((partition, index) => {
    const list = places.get(partition);
    if (list) list.push(index);
    else places.set(partition, [index]);
  });
  for (const [partition, list] of places)
    segments.set(
      partition,
      segment(
        list.map((place) => elementAt(records, place)),
        list,
      ),
    );
  return segments;
}
