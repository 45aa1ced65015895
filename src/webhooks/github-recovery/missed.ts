// Finds the deliveries that failed, and what to do about each.

import { deadLetterTopic } from "../../core/dead-letter.ts";
import { hashOf, type KnownIds } from "../../core/known-ids.ts";
import type { TopicRecords } from "../../core/source.ts";
import type { Attempt } from "./hook-api.ts";

/** How long the result of an attempt may take to appear in the log, in milliseconds; until then it does not count as failed. */
const SETTLE_MS = 60_000;
/** The maximum difference between GitHub's clock and the timestamps of records, in milliseconds. */
const CLOCKS_MS = 300_000;
/** The maximum number of requests per delivery. */
export const MAX_REQUESTS = 3;
/** Statuses with which Onramp refuses a delivery for its content. */
const REFUSED = [413, 422];

/**
 * What happens to a failed delivery:
 * - `redeliver`: it is requested again
 * - `wait`: an attempt, or a request, is younger than a minute
 * - `written`: the topic or its dead letters contain it: only the answer was lost
 * - `refused`: Onramp refused its content, and would refuse it again
 * - `failed`: it was requested three times, and no attempt succeeded
 */
export type Verdict = "redeliver" | "wait" | "written" | "refused" | "failed";

/** A delivery of which no attempt succeeded. */
export interface Missed {
  readonly guid: string;
  readonly event: string;
  /** The first attempt, in milliseconds since 1970. */
  readonly at: number;
  readonly latest: Attempt;
  readonly verdict: Verdict;
}

/** The requests for one delivery. */
export interface Requests {
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly lastAt: number;
}

export interface MissedRules {
  /** Whether the event is recovered. */
  isWanted(event: string): boolean;
  /** The topic of an event. */
  topicOf(event: string): string;
}

/** What is known about earlier checks. */
export interface Progress {
  /** The requests by GUID. */
  readonly requests: ReadonlyMap<string, Requests>;
  /** The deliveries that are settled although no attempt succeeded. */
  readonly settled: KnownIds;
}

/**
 * Returns the deliveries that no attempt delivered, from the oldest to the newest. Those that are settled are left out.
 *
 * @param attempts of the delivery log, the newest first
 * @param from the start of the window of the recovery, in milliseconds since 1970
 * @throws what `records` throws; the reason of `signal`
 */
export async function findMissed(
  attempts: readonly Attempt[],
  { isWanted, topicOf }: MissedRules,
  { requests, settled }: Progress,
  records: TopicRecords,
  { now, from }: { readonly now: number; readonly from: number },
  signal: AbortSignal,
): Promise<Missed[]> {
  const failed = [...groupByGuid(attempts)]
    .filter(
      ([guid, own]) => !own.some(({ status }) => status >= 200 && status < 300) && !settled.has(hashOf(guid)),
    )
    .map(([guid, own]) => {
      const sorted = own.sort((a, b) => a.at - b.at);
      return { guid, all: sorted, first: sorted[0] as Attempt, latest: sorted.at(-1) as Attempt };
    })
    .filter(({ first }) => isWanted(first.event))
    .sort((a, b) => a.first.at - b.first.at);
  const isYoung = ({ guid, latest }: { guid: string; latest: Attempt }): boolean =>
    now - Math.max(latest.at, requests.get(guid)?.lastAt ?? 0) < SETTLE_MS;
  const old = failed.filter((each) => !isYoung(each));
  const written = await writtenOf(
    old.map(({ guid, first }) => ({
      guid,
      // The first attempt may be older than the part of the log that was read.
      at: first.isRedelivery ? from : first.at,
      topic: topicOf(first.event),
    })),
    records,
    signal,
  );
  return failed.map((each): Missed => {
    const { guid, all, first, latest } = each;
    const verdict = isYoung(each)
      ? "wait"
      : written.has(guid)
        ? "written"
        : all.some(({ status }) => REFUSED.includes(status))
          ? "refused"
          : (requests.get(guid)?.count ?? 0) >= MAX_REQUESTS
            ? "failed"
            : "redeliver";
    return { guid, event: first.event, at: first.at, latest, verdict };
  });
}

function groupByGuid(attempts: readonly Attempt[]): Map<string, Attempt[]> {
  const groups = new Map<string, Attempt[]>();
  for (const attempt of attempts.toReversed()) {
    const group = groups.get(attempt.guid);
    if (group) group.push(attempt);
    else groups.set(attempt.guid, [attempt]);
  }
  return groups;
}

/** Returns the GUIDs that the topics or their dead letters contain. */
async function writtenOf(
  deliveries: readonly { readonly guid: string; readonly at: number; readonly topic: string }[],
  records: TopicRecords,
  signal: AbortSignal,
): Promise<Set<string>> {
  const wanted = new Set(deliveries.map(({ guid }) => guid));
  const found = new Set<string>();
  for (const topic of new Set(deliveries.map((delivery) => delivery.topic))) {
    const since =
      Math.min(...deliveries.filter((each) => each.topic === topic).map(({ at }) => at)) - CLOCKS_MS;
    for (const name of [topic, deadLetterTopic(topic)])
      await records.since(
        name,
        since,
        ({ headers }) => {
          const id = headers.find(({ key }) => key === "ce_id")?.value?.toString("utf8");
          if (id !== undefined && wanted.has(id)) found.add(id);
        },
        signal,
      );
  }
  return found;
}
