// Delivers records again: dead letters to the sinks that gave up on them, or the records of a time range to
// one sink. A gateway may run at the same time.

import { once } from "node:events";
import type { Config } from "../config/load.ts";
import { deadLetterTopic, isIncomplete, readDeadLetter } from "../core/dead-letter.ts";
import { messageOf, OperatorError } from "../core/errors.ts";
import type { ConsumedRecord, Log, RecordHandler } from "../core/ports.ts";
import type { SinkCounts } from "../core/sink-state.ts";
import { systemClock } from "../core/time.ts";
import { EARLIEST, LATEST, listOffsetsOrThrow } from "../kafka/client/list-offsets.ts";
import { Consumer } from "../kafka/consume/consumer.ts";
import { type OffsetRange, readRange } from "../kafka/consume/read-range.ts";
import { RateLimiter } from "../runners/rate-limiter.ts";
import type { SinkRunner } from "../runners/sink-runner.ts";
import { withKafka } from "./kafka.ts";
import { readOriginal } from "./original.ts";
import { createRunner, type SinkDeps } from "./sinks.ts";

const RESOLVE_MS = 10_000;
const POLL_MS = 50;
/** How long a partition may be blocked before the replay of dead letters fails, in milliseconds. */
const BLOCKED_MS = 10_000;

/** The error of a replay that cannot continue. The message contains the reason and the next step. */
export class ReplayError extends OperatorError {
  override readonly name = "ReplayError";
}

/** The result of a replay. */
export interface ReplayReport extends SinkCounts {
  /** Dead letters that were not written by a configured sink, but by a webhook or a removed sink. */
  notReplayed: number;
  /** The names of the sinks that wrote dead letters and are not configured. */
  readonly unknownSinks: Set<string>;
  /** Dead letters without a value (or another part) whose original record no longer exists: `topic/partition, offset n`. */
  readonly lost: string[];
  /** True when the replay was stopped before its end. */
  interrupted: boolean;
}

interface Tools {
  readonly deps: SinkDeps;
  /** @throws ReplayError for a sink that is not configured */
  runner(sink: string): SinkRunner;
}

/**
 * Delivers the dead letters of a topic, up to those that exist at the start, to the sinks that gave up on
 * them.
 *
 * @param topic the original topic
 * @throws ReplayError, OnrampError
 */
export function replayDeadLetters(
  config: Config,
  topic: string,
  log: Log,
  stopping: AbortSignal,
): Promise<ReplayReport> {
  return withTools(config, log, async ({ deps, runner }, report) => {
    const source = deadLetterTopic(topic);
    const ends = new Map(
      (await rangesOf(deps, source, EARLIEST, LATEST)).map(({ partition, to }) => [partition, to]),
    );
    const group = `${config.kafka.namespace}-dead-letter-${topic}`;
    const consumer = new Consumer(deps, { group, topics: [source], from: "earliest" });
    const done = new AbortController();
    let failure: ReplayError | undefined;
    const end = (reason: string): void => {
      failure = new ReplayError(reason);
      done.abort();
    };
    const poll = setInterval(() => {
      const [blocked] = consumer.blockedReasons;
      if (blocked && Date.now() - blocked.since > BLOCKED_MS) end(blocked.message);
      const { positions } = consumer;
      const atEnd = positions.every(({ partition, position }) => position >= (ends.get(partition) ?? 0));
      if (positions.length === ends.size && atEnd) done.abort();
    }, POLL_MS);
    const handler: RecordHandler = async ([record], ended, cancel) => {
      if (!record) return 0;
      // This dead letter was written after the start, perhaps by this replay. It is not delivered.
      if (record.offset >= (ends.get(record.partition) ?? 0)) {
        if (!ended.aborted) await once(ended, "abort");
        throw ended.reason;
      }
      const origin = readDeadLetter(record.headers);
      const { sink } = origin;
      if (sink === undefined || !(sink in config.sinks)) {
        report.notReplayed++;
        if (sink !== undefined) report.unknownSinks.add(sink);
        return 1;
      }
      const place = {
        topic: origin.topic ?? topic,
        partition: origin.partition ?? -1,
        offset: origin.offset ?? -1,
        timestamp: origin.timestamp ?? record.timestamp,
      };
      let original: ConsumedRecord | undefined = { ...record, ...place, headers: origin.headers };
      if (isIncomplete(record.headers))
        original = await readOriginal(deps, place, ended).catch((error: unknown) => {
          // The dead letter is not committed: the next replay reads it again.
          if (!ended.aborted) end(messageOf(error));
          throw error;
        });
      if (!original) {
        report.lost.push(`${place.topic}/${place.partition}, offset ${place.offset}`);
        return 1;
      }
      return runner(sink).handle([original], ended, cancel);
    };
    await consumer.run(handler, AbortSignal.any([stopping, done.signal]));
    clearInterval(poll);
    if (failure) throw failure;
    report.interrupted = !done.signal.aborted;
  });
}

/**
 * Delivers the records of a sink's topics from one time to another. Does not change the committed offsets of
 * the sink.
 *
 * @param range times in milliseconds since 1970; without `to`, the range ends at the current end of the
 *   topics
 * @throws ReplayError, OnrampError
 */
export function replaySink(
  config: Config,
  sink: string,
  { from, to }: { readonly from: number; readonly to: number | undefined },
  log: Log,
  stopping: AbortSignal,
): Promise<ReplayReport> {
  return withTools(config, log, async ({ deps, runner }, report) => {
    const { handle } = runner(sink);
    const { topics } = config.sinks[sink] ?? { topics: [] };
    const ranges = await Promise.all(topics.map((topic) => rangesOf(deps, topic, from, to ?? LATEST)));
    try {
      await readRange(deps, ranges.flat(), handle, stopping);
    } catch (error) {
      if (!stopping.aborted) throw error;
      report.interrupted = true;
    }
  });
}

/** @throws OnrampError, BrokerRefused, BrokerGone; Error for a partition without leader */
async function rangesOf(deps: SinkDeps, topic: string, from: number, to: number): Promise<OffsetRange[]> {
  const { partitions } = await deps.metadata.resolve(topic, Date.now() + RESOLVE_MS);
  const own = partitions.map((_, partition) => ({ topic, partition }));
  const [starts, ends] = [
    await listOffsetsOrThrow(deps, own, () => from),
    await listOffsetsOrThrow(deps, own, () => to),
  ];
  return own.map((each) => ({
    ...each,
    from: starts.get(each)?.offset ?? 0,
    to: ends.get(each)?.offset ?? 0,
  }));
}

function withTools(
  config: Config,
  log: Log,
  work: (tools: Tools, report: ReplayReport) => Promise<void>,
): Promise<ReplayReport> {
  return withKafka(config, log, async (kafka) => {
    const deps = { ...kafka, log, clock: systemClock, limiter: new RateLimiter(systemClock) };
    const runners = new Map<string, SinkRunner>();
    const runner = (name: string): SinkRunner => {
      const found = runners.get(name) ?? createRunner(sinkNamed(config, name), deps);
      runners.set(name, found);
      return found;
    };
    const report: ReplayReport = {
      ...{ delivered: 0, failed: 0, deadLettered: 0, skipped: 0 },
      notReplayed: 0,
      unknownSinks: new Set(),
      lost: [],
      interrupted: false,
    };
    await work({ deps, runner }, report);
    for (const { counts } of runners.values())
      for (const key of ["delivered", "failed", "deadLettered", "skipped"] as const)
        report[key] += counts[key];
    return report;
  });
}

function sinkNamed({ compiled }: Config, name: string) {
  const found = compiled.sinks.get(name);
  if (found) return found;
  const names = [...compiled.sinks.keys()].join(", ") || "none";
  throw new ReplayError(`No sink "${name}" is configured. The configured sinks are: ${names}.`);
}
