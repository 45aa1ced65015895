// The contract of a kind of source: a generator of batches. The source runner does the rest: ownership, validation,
// transactions, retries, dead letters, metrics.

import type { AdapterKind } from "./adapter.ts";
import { expression, oneOf } from "./options.ts";
import type { ConsumedRecord } from "./ports.ts";
import type { Draft } from "./record.ts";

/** A record that a source asks to write, and its topic. */
export type SourceDraft = Partial<Draft> & Pick<Draft, "value"> & { readonly topic: string };

/** Records and the cursor after them. Kafka commits both in one transaction. */
export interface Batch<Cursor> {
  /**
   * The records, in order. With no records, only the cursor is committed, for example to record that a call counts against a
   * quota, before the call is made.
   */
  readonly drafts: readonly SourceDraft[];
  /** The cursor from which the source continues after the records: any JSON value. */
  readonly cursor: Cursor;
  /**
   * Set when events were lost before the source could read them. The text says what is known about them; it is logged and shown on
   * `/sources`, and the loss is counted.
   */
  readonly lost?: string;
}

/** What a source knows about its progress. */
export interface SourceProgress {
  /** When the source will next do something: milliseconds since 1970. Until then, silence does not count as a hang. */
  readonly nextRunAt?: number | undefined;
  /** The number of records, or of other units, that the source has not read yet. */
  readonly lag?: number | undefined;
  /** The number of calls that the source may still make in the current period. */
  readonly quotaRemaining?: number | undefined;
  /** The number of items that the source may still read within its limits. */
  readonly itemsRemaining?: number | undefined;
  /** What only this kind of source reports, as `/sources` shows it: a JSON object. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  /** The values of the gauges of this kind (see `Source.gauges`), by name; with a label, by its value. */
  readonly gauges?: Readonly<Record<string, number | Readonly<Record<string, number>>>> | undefined;
}

/** A metric of one kind of source. Its first label is `source`. */
export interface SourceGauge {
  readonly name: string;
  readonly help: string;
  /** A further label. */
  readonly label?: string;
}

/**
 * Called by a source to show that it is alive, and to report its progress. A source calls it at least once per `maxSilenceMs`
 * while it waits. A member that is absent keeps its value; a member that is `undefined` removes it.
 */
export type ReportProgress = (progress?: SourceProgress) => void;

/** Reads records that were written. Implemented by `kafka/consume/topic-records.ts`. */
export interface TopicRecords {
  /**
   * Reads all partitions of a topic, from the first record with a timestamp of at least `time` to the end at the time of the call. A
   * topic that does not exist has no records.
   *
   * @param time milliseconds since 1970
   * @throws OperatorError when the topic cannot be read; the reason of `signal`
   */
  since(
    topic: string,
    time: number,
    onRecord: (record: ConsumedRecord) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

/** One configured source. */
export interface Source<Cursor = unknown> {
  /** The topics that it writes to, if the configuration names them. */
  readonly topics: readonly string[];
  /**
   * The version of the format of its cursors. A source does not start from a cursor that a later version wrote.
   * Default: 1.
   */
  readonly cursorVersion?: number;
  /**
   * Sources with the same group run in one process; each receives the cursors of the others in `onTakeover`. Default: a group of its own.
   */
  readonly group?: string;
  /** The metrics that only this kind of source has. */
  readonly gauges?: readonly SourceGauge[];
  /** What remains in another system after the source is removed from the configuration. Default: nothing. */
  readonly holds?: string;
  /** The longest time without a batch and without a report before the source counts as hung, in milliseconds. Default: 60 s. */
  readonly maxSilenceMs?: number;
  /**
   * Called when this process takes over the source, before `run`.
   *
   * @param cursors the last committed cursors by source name: those of the group, and possibly of other sources
   */
  onTakeover?(cursors: ReadonlyMap<string, unknown>): void;
  /**
   * Returns the part of a stored cursor that remains when an operator sets or removes the cursor, such as the calls that count
   * against a quota. Default: nothing.
   */
  carriedOver?(stored: unknown): object | undefined;
  /**
   * Removes what the source holds in another system (see `holds`). Called by `onramp sources forget`, after the cursor was removed.
   *
   * @returns what was removed, for the operator
   * @throws SourceError
   */
  release?(signal: AbortSignal): Promise<string>;
  /** Returns a cursor as `/sources` shows it. Default: unchanged. */
  shown?(cursor: unknown): unknown;
  /**
   * Yields batches without end. When `next()` is called again, Kafka has committed the last batch and its cursor. Called by
   * the source runner when this process owns the source, and again after every failure.
   *
   * @param cursor the last committed cursor; undefined when there is none
   * @param signal aborted when the source must end: the process stops, another process owns the source, or this run failed
   * @param records reads records that were written, for a source that must know them
   * @throws SourceError. Any other error, and a generator that ends, count as `passing`
   */
  run(
    cursor: Cursor | undefined,
    signal: AbortSignal,
    report: ReportProgress,
    records: TopicRecords,
  ): AsyncIterable<Batch<Cursor>>;
}

/** A kind of source. */
export type SourceKind = AdapterKind<Source>;

/**
 * What a failure of a source means:
 * - `passing`: a later attempt may succeed. The source is started again after a wait that grows with each failure.
 * - `blocked`: an operator must act. The message says what to do. The source is started again about once a minute.
 */
export type SourceErrorKind = "passing" | "blocked";

/** A failure of a source. The message is for operators and contains no secret. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly kind: SourceErrorKind;
  /** The pause that the other system asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: SourceErrorKind,
    message: string,
    options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The error for a cursor that does not have the format of the kind, such as one that was set by hand. @param name the source */
export const invalidCursor = (name: string): SourceError =>
  new SourceError(
    "blocked",
    `The cursor of source "${name}" does not have the format of this type of source. Set another one with: onramp sources set ${name} --cursor JSON, or --from-start.`,
  );

/** The options that every source has. */
export const sourceOptions = {
  filter: expression("JSONata over the value. Records for which the result is not true are skipped."),
  tooLarge: oneOf(
    ["dead-letter", "stop"],
    "What happens to a record that is larger than its topic allows. dead-letter: it is written to <topic>.dead-letter; if it is too large there as well, compressed, then without its largest parts (value, headers or key). stop: the source is blocked until the limit of the topic is raised.",
    { default: "dead-letter" },
  ),
};
