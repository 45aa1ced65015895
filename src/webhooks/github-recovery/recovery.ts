// The source that recovers missed deliveries: checks the delivery log at an interval, and requests failed deliveries again.

import type { AdapterContext } from "../../core/adapter.ts";
import { hashOf, isKnownIds, KnownIds } from "../../core/known-ids.ts";
import type { ConsumedRecord } from "../../core/ports.ts";
import {
  type Batch,
  invalidCursor,
  type ReportProgress,
  type Source,
  type TopicRecords,
} from "../../core/source.ts";
import { ms } from "../../core/units.ts";
import type { Recovery } from "../../core/webhook.ts";
import { type Attempt, GithubAnswered, HookApi, type RecoverOptions, RedeliveryRefused } from "./hook-api.ts";
import { findMissed, type Missed, type MissedRules, type Progress, type Requests } from "./missed.ts";

interface Cursor {
  /** All deliveries before this time are settled (milliseconds since 1970). */
  readonly until?: number;
  /** The requests by GUID, of deliveries that are not settled. */
  readonly requests?: Readonly<Record<string, Requests>>;
  /** The hashes of the GUIDs that are settled although no attempt succeeded. */
  readonly settled?: string;
  /** The last deliveries that could not be recovered. */
  readonly lost?: readonly string[];
}

/** Attempts may appear in the log later than others with a later time. In milliseconds. */
const OVERLAP_MS = 600_000;
const MAX_SETTLED = 20_000;
const MAX_LOST = 20;
/** Reading the topics takes several requests without a report. */
const SILENCE_MS = 300_000;

/** @param rules the topics of the webhook @throws Error for options that do not fit together */
export function createRecovery(
  options: RecoverOptions,
  topicOf: MissedRules["topicOf"],
  context: AdapterContext,
): Recovery {
  const api = new HookApi(options, context);
  const { events } = options;
  for (const name of ["interval", "window"] as const)
    if (ms(options[name]) < 1) throw new Error(`recover: ${name} must be at least 1ms`);
  const rules: MissedRules = {
    topicOf,
    isWanted: (event) => (events ? events.includes(event) : event !== "ping"),
  };
  const plan = { api, rules, context, intervalMs: ms(options.interval), windowMs: ms(options.window) };
  const source: Source<Cursor> = {
    topics: [],
    maxSilenceMs: SILENCE_MS,
    shown: (cursor) => {
      const { settled, requests = {}, ...rest } = cursor as Cursor;
      return { ...rest, settled: new KnownIds(settled).size, requested: Object.keys(requests).length };
    },
    run: (cursor, signal, report, records) => {
      if (cursor !== undefined && !isCursor(cursor)) throw invalidCursor(context.name);
      return recover(plan, cursor ?? {}, signal, report, records);
    },
  };
  return {
    source: source as Source,
    async missed(records, signal) {
      const attempts = await readLog(plan, context.now() - plan.windowMs, signal, () => {});
      const progress: Progress = { requests: new Map(), settled: new KnownIds() };
      const period = { now: context.now(), from: context.now() - plan.windowMs };
      return findMissed(attempts, rules, progress, records, period, signal);
    },
  };
}

interface Plan {
  readonly api: HookApi;
  readonly rules: MissedRules;
  readonly context: AdapterContext;
  readonly intervalMs: number;
  readonly windowMs: number;
}

async function* recover(
  plan: Plan,
  start: Cursor,
  signal: AbortSignal,
  report: ReportProgress,
  records: TopicRecords,
): AsyncGenerator<Batch<Cursor>, never> {
  const { context, intervalMs } = plan;
  let cursor = start;
  for (;;) {
    const nextRunAt = context.now() + intervalMs;
    cursor = yield* check(plan, cursor, signal, report, records);
    report({ nextRunAt });
    await context.sleep(Math.max(0, nextRunAt - context.now()), signal);
  }
}

/** Checks the log once. */
async function* check(
  plan: Plan,
  cursor: Cursor,
  signal: AbortSignal,
  report: ReportProgress,
  records: TopicRecords,
): AsyncGenerator<Batch<Cursor>, Cursor> {
  const { api, rules, context, windowMs } = plan;
  const now = context.now();
  const from = Math.max(now - windowMs, (cursor.until ?? 0) - OVERLAP_MS);
  const attempts = await readLog(plan, from, signal, report);
  const settled = new KnownIds(cursor.settled);
  const requests = new Map(Object.entries(cursor.requests ?? {}));
  const reading: TopicRecords = {
    since: (topic, time, onRecord, cancel) => records.since(topic, time, reporting(onRecord, report), cancel),
  };
  const period = { now, from: now - windowMs };
  const missed = await findMissed(attempts, rules, { requests, settled }, reading, period, signal);
  const open = missed.filter(({ verdict }) => verdict === "redeliver" || verdict === "wait");
  report({ lag: open.length });
  const isOpen = new Set(open.map(({ guid }) => guid));
  const unavailable: string[] = [];
  for (const guid of requests.keys()) if (!isOpen.has(guid)) requests.delete(guid);
  const cursorNow = (more: Partial<Cursor> = {}): Cursor => ({
    ...cursor,
    requests: Object.fromEntries(requests),
    settled: settled.toString(),
    ...more,
  });
  for (const delivery of open) {
    if (delivery.verdict === "wait") continue;
    // Committed before the request, so that a delivery is never requested too often.
    const count = (requests.get(delivery.guid)?.count ?? 0) + 1;
    requests.set(delivery.guid, { count, lastAt: context.now() });
    yield { drafts: [], cursor: cursorNow() };
    try {
      await api.redeliver(delivery.latest, signal);
    } catch (error) {
      if (!(error instanceof RedeliveryRefused)) {
        if (error instanceof GithubAnswered && !signal.aborted) {
          // GitHub answered that it has not delivered it again, so the request does not count.
          requests.set(delivery.guid, { count: count - 1, lastAt: context.now() });
          yield { drafts: [], cursor: cursorNow() };
        }
        throw error;
      }
      isOpen.delete(delivery.guid);
      requests.delete(delivery.guid);
      unavailable.push(`${delivery.guid} (${delivery.event}: ${error.message} to the request)`);
    }
    report();
  }
  const given = missed.filter(({ verdict }) => verdict === "refused" || verdict === "failed");
  const lost = [...given.map(textOf), ...unavailable];
  for (const { guid } of missed) if (!isOpen.has(guid)) settled.add(hashOf(guid));
  settled.keepNewest(MAX_SETTLED);
  const newest = Math.max(from, ...attempts.map(({ at }) => at));
  const next = cursorNow({
    until: Math.min(newest, ...open.filter(({ guid }) => isOpen.has(guid)).map(({ at }) => at)),
    ...(lost.length === 0 ? {} : { lost: [...(cursor.lost ?? []), ...lost].slice(-MAX_LOST) }),
  });
  if (JSON.stringify(next) !== JSON.stringify(cursor))
    yield { drafts: [], cursor: next, ...(lost.length === 0 ? {} : { lost: lostText(lost) }) };
  return next;
}

/** Reports while a topic is read, once per second. */
function reporting(onRecord: (record: ConsumedRecord) => void, report: ReportProgress) {
  let reportedAt = 0;
  return (record: ConsumedRecord): void => {
    if (Date.now() - reportedAt > 1000) {
      reportedAt = Date.now();
      report();
    }
    onRecord(record);
  };
}

/** Reads the attempts since a time. @param from milliseconds since 1970 */
async function readLog(
  { api }: Plan,
  from: number,
  signal: AbortSignal,
  report: ReportProgress,
): Promise<Attempt[]> {
  const all: Attempt[] = [];
  for await (const page of api.attempts(signal)) {
    report();
    all.push(...page.filter(({ at }) => at >= from));
    if (page.every(({ at }) => at < from)) break;
  }
  return all;
}

const textOf = ({ guid, event, at, latest, verdict }: Missed): string =>
  `${guid} (${event}, ${new Date(at).toISOString()}: ${
    verdict === "refused"
      ? "Onramp refused its content, with 413 or 422"
      : `three more attempts failed, the last with ${latest.status === 0 ? "no answer" : latest.status}`
  })`;

const lostText = (lost: readonly string[]): string =>
  `deliveries of GitHub that were not recovered (${lost.length}): ${lost.slice(0, MAX_LOST).join(", ")}${lost.length > MAX_LOST ? `, and ${lost.length - MAX_LOST} more` : ""}. Correct the cause, then redeliver them under "Recent deliveries" of the hook; GitHub keeps them for three days`;

function isCursor(value: unknown): value is Cursor {
  if (typeof value !== "object" || value === null) return false;
  const { until, requests, settled } = value as Partial<Cursor>;
  return (
    ["undefined", "number"].includes(typeof until) &&
    ["undefined", "object"].includes(typeof requests) &&
    isKnownIds(settled)
  );
}
