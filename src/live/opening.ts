// Checks positions, and finds the places at which a stream begins.

import { OnrampError } from "../core/errors.ts";
import {
  FROM_FIRST,
  offsetForTime,
  type PartitionOffset,
  type StreamRequest,
  type TopicTails,
} from "../core/live.ts";
import type { Hub } from "./hub.ts";
import { type LogDeps, lastRecords } from "./last-records.ts";
import { hasId, Place, topicKey } from "./place.ts";
import type { DecodedPosition } from "./position.ts";

/**
 * Checks that a position belongs to the topics and the partition of a request.
 *
 * @throws OnrampError 40001
 */
export function checkPosition(position: DecodedPosition, { topics, partition }: StreamRequest): void {
  const names = new Set(topics.map((topic) => topicKey(topic, undefined).name));
  const own = position.filter(({ key }) => names.has(key.name));
  if (own.length === 0)
    throw new OnrampError(
      40001,
      "The position belongs to a stream of other topics. Use it with the topics of its stream, or start with `from`.",
    );
  for (const place of own)
    if (place.isSingle ? place.first !== partition : partition !== undefined && !place.includes(partition))
      throw new OnrampError(
        40001,
        "The position belongs to a stream with another ?partition=. Use the same partition, or start with `from`.",
      );
}

/**
 * Finds where a stream begins in each topic; undefined: at the place of its feed.
 *
 * @throws OnrampError 40402 when a topic does not have the partition
 */
export async function findPlaces(
  deps: LogDeps,
  hubs: readonly Hub[],
  request: StreamRequest,
  position: DecodedPosition | undefined,
): Promise<(Place | undefined)[]> {
  const { partition, start } = request;
  const sentFor = ({ head }: Hub): Place | undefined =>
    position?.find(({ key }) => key.name === head.key.name);
  await Promise.all(hubs.map((hub) => checkCurrent(deps.tails, hub, partition, sentFor(hub))));
  return Promise.all(
    hubs.map(async (hub) => {
      const sent = sentFor(hub);
      if (sent) return resumed(sent.clone(partition), hub);
      if (start.at === "latest") return undefined;
      const partitions = partition === undefined ? hub.head.partitions : [partition];
      const starts = await startsOf(deps, hub, partitions, start.at);
      return new Place(hub.head.key, starts, partition);
    }),
  );
}

/**
 * Checks that the hub knows the topic and the partition. A client may come from a replica that noticed sooner that the topic
 * was recreated, or got partitions.
 *
 * @throws OnrampError 40402; 50301 when the hub will know them soon
 */
async function checkCurrent(
  tails: TopicTails,
  { topic, head, partitionCount }: Hub,
  partition: number | undefined,
  sent: Place | undefined,
): Promise<void> {
  const isOther = sent !== undefined && sent.key.id !== head.key.id && hasId(sent.key) && hasId(head.key);
  const isMissing = partition !== undefined && partition >= partitionCount;
  if (!isOther && !isMissing) return;
  const current = await tails.current(topic);
  if (
    !current ||
    (isOther && topicKey(topic, current.id).id !== head.key.id) ||
    (isMissing && partition < current.partitionCount)
  )
    throw new OnrampError(
      50301,
      `Topic "${topic}" has changed, and this process will notice it within seconds. Try again.`,
      { retryAfter: 5 },
    );
  if (isMissing)
    throw new OnrampError(
      40402,
      `Topic "${topic}" has ${partitionCount} partitions; there is no partition ${partition}.`,
    );
}

function resumed(place: Place, { head }: Hub): Place {
  if (!hasId(place.key) || !hasId(head.key)) place.key = head.key;
  return place;
}

async function startsOf(
  deps: LogDeps,
  hub: Hub,
  partitions: readonly number[],
  at: Exclude<StreamRequest["start"]["at"], "latest">,
): Promise<PartitionOffset[]> {
  if (typeof at === "object" && "last" in at) return lastRecords(deps, hub, partitions, at.last);
  const time = at === "earliest" ? at : at.time;
  const found = await deps.tails.offsets(hub.topic, partitions, time);
  const later = at === "earliest" ? FROM_FIRST : { offset: offsetForTime(at.time), epoch: -1 };
  return partitions.map((each) => {
    const offset = found.get(each)?.offset;
    return offset === undefined ? later : { offset, epoch: -1 };
  });
}
