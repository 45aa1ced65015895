// Reads the original of a dead letter that lacks a part of its record, because its topic refused the whole record as too
// large.

import { OnrampError } from "../core/errors.ts";
import type { ConsumedRecord } from "../core/ports.ts";
import { EARLIEST, LATEST, listOffsetsOrThrow } from "../kafka/client/list-offsets.ts";
import { readRange } from "../kafka/consume/read-range.ts";
import type { SinkDeps } from "./sinks.ts";

const RESOLVE_MS = 10_000;

/**
 * @returns the record at the place, or undefined when it no longer exists: retention or compaction deleted it, or the topic
 *   was deleted or recreated (then another record, with another timestamp, may have the same offset)
 * @throws OnrampError, RangeUnreadable and errors of the broker when the record may exist but cannot be read now; the
 *   reason of `stopping`
 */
export async function readOriginal(
  deps: SinkDeps,
  {
    topic,
    partition,
    offset,
    timestamp,
  }: Pick<ConsumedRecord, "topic" | "partition" | "offset" | "timestamp">,
  stopping: AbortSignal,
): Promise<ConsumedRecord | undefined> {
  const partitions = await partitionsOf(deps, topic);
  if (partition < 0 || partition >= partitions) return undefined;
  const place = { topic, partition };
  const [starts, ends] = [
    await listOffsetsOrThrow(deps, [place], () => EARLIEST),
    await listOffsetsOrThrow(deps, [place], () => LATEST),
  ];
  if (offset < (starts.get(place)?.offset ?? 0) || offset >= (ends.get(place)?.offset ?? 0)) return undefined;
  let found: ConsumedRecord | undefined;
  const range = { ...place, from: offset, to: offset + 1 };
  await readRange(
    deps,
    [range],
    async (records) => {
      found = records.find((record) => record.offset === offset && record.timestamp === timestamp);
      return records.length;
    },
    stopping,
  );
  return found;
}

/** @returns the number of partitions; 0 for a topic that does not exist */
async function partitionsOf({ metadata }: SinkDeps, topic: string): Promise<number> {
  try {
    return (await metadata.resolve(topic, Date.now() + RESOLVE_MS)).partitions.length;
  } catch (error) {
    if (error instanceof OnrampError && error.code === 40401) return 0;
    throw error;
  }
}
