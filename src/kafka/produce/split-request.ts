// Prepares one request for the lanes: checks its records against the limits of the topic, and splits them by partition.

import { elementAt } from "../../core/element.ts";
import type { ErrorCode } from "../../core/errors.ts";
import type { AcceptedRecord } from "../../core/record.ts";
import type { RecordFault } from "../../core/record-fault.ts";
import { BATCH_OVERHEAD, loneBatchSize, recordSizeBound } from "../../wire/record-batch.ts";
import type { TopicState } from "../client/metadata.ts";
import { largerThanLimit, noSuchPartition } from "./produce-errors.ts";
import { type Pending, type Segment, sizeOf } from "./segment.ts";

/**
 * Returns the faults of the records, before anything is written. A record may have several.
 *
 * @param most the maximum number of faults
 * @param compressed whether the batches are compressed
 */
export function faultsOf(
  topic: TopicState,
  records: readonly AcceptedRecord[],
  partitions: readonly number[],
  { most, compressed }: { readonly most: number; readonly compressed: boolean },
): RecordFault[] {
  const now = Date.now();
  const { maxMessageBytes, timestampAfterMaxMs, timestampBeforeMaxMs, compacted } = topic.limits;
  const count = topic.partitions.length;
  const [earliest, latest] = [now - timestampBeforeMaxMs, now + timestampAfterMaxMs];
  const faults: RecordFault[] = [];
  for (let index = 0; index < records.length && faults.length < most; index++) {
    const record = elementAt(records, index);
    const partition = elementAt(partitions, index);
    const { timestamp } = record;
    const needsKey = compacted && record.key === null;
    // With compression, only the broker can compare the size, which is that of the compressed batch.
    const mayBeLarge = !compressed && recordSizeBound(record) + BATCH_OVERHEAD > maxMessageBytes;
    // Almost every record: no closure and no object per record.
    if (partition < count && !needsKey && timestamp >= earliest && timestamp <= latest && !mayBeLarge)
      continue;
    const fail = (error_code: ErrorCode, message: string): void => {
      if (faults.length < most) faults.push({ index, error_code, message });
    };
    if (partition >= count) fail(40402, noSuchPartition(topic.name, partition, count).message);
    if (needsKey) fail(40001, `Topic "${topic.name}" is compacted, so every record needs a key.`);
    if (timestamp > latest)
      fail(
        40001,
        `The timestamp is more than ${timestampAfterMaxMs} ms in the future (message.timestamp.after.max.ms of topic "${topic.name}").`,
      );
    if (timestamp < earliest)
      fail(
        40001,
        `The timestamp is more than ${timestampBeforeMaxMs} ms in the past (message.timestamp.before.max.ms of topic "${topic.name}").`,
      );
    if (mayBeLarge && loneBatchSize(record) > maxMessageBytes)
      fail(41301, largerThanLimit(topic.name, loneBatchSize(record), maxMessageBytes).message);
  }
  return faults;
}

/**
 * Splits the records of a request into one segment per partition.
 *
 * @param compress whether the segments get compressed batches of their own
 * @returns the segments by partition
 */
export function segmentsOf(
  records: readonly AcceptedRecord[],
  partitions: readonly number[],
  pending: Pending,
  { deadline, compress }: { readonly deadline: number; readonly compress: boolean },
): Map<number, Segment> {
  const segments = new Map<number, Segment>();
  const first = partitions[0] as number;
  const segment = (own: readonly AcceptedRecord[], places?: readonly number[]): Segment => ({
    pending,
    records: own,
    places,
    from: 0,
    to: own.length,
    size: sizeOf(own, 0, own.length),
    deadline,
    alone: compress,
    compress,
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
