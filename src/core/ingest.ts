// Accepts drafts: applies the rules of the topic, sets timestamps, and appends. Drafts become records here
// and nowhere else. Independent of Kafka and HTTP.

import { deadLetterDrafts, deadLetterHeaders, deadLetterTopic } from "./dead-letter.ts";
import { elementAt } from "./element.ts";
import { type ErrorDetail, MOST_DETAILS, OnrampError } from "./errors.ts";
import type { AppendOptions, ConsumedRecord, Meter, RecordLog } from "./ports.ts";
import { type PreparedBatch, type PrepareOptions, prepareBatch, type TopicDraft } from "./prepare.ts";
import { type AcceptedRecord, type Draft, Receipts } from "./record.ts";
import { type RecordFault, requestError } from "./record-fault.ts";
import { yieldToEventLoop } from "./time.ts";
import { type RulesByTopic, type TopicRules, unwritableReason } from "./topics.ts";
import { checkAll, problemOf, requireJson, schemaProblem } from "./validate.ts";

export interface IngestDeps {
  readonly records: RecordLog;
  readonly topics: RulesByTopic;
  /** `kafka.namespace`; clients cannot write to the state topic of the namespace. */
  readonly namespace: string;
  readonly meter: Meter;
}

export interface AcceptOptions extends Omit<AppendOptions, "onBadRecord"> {
  /**
   * The effect of a bad record. Default: the whole request fails and nothing is written. `continue`: only the
   * bad record fails; all others are appended. `stop`: the records before the first bad record are appended,
   * and the receipts end with the bad record.
   */
  readonly onBadRecord?: "continue" | "stop";
  /** With `onBadRecord`: fails for a topic that does not exist even if no record is valid. Default: false. */
  readonly checksTopic?: boolean;
  /**
   * With `onBadRecord`: the time for the append in milliseconds, from the moment when the drafts are valid. Replaces
   * `deadline`: a stream of lines has none, however long its expressions take.
   */
  readonly appendMs?: number;
  /**
   * The name of the webhook that received the records. When a record violates the schema, or its key cannot
   * be computed, the records of the request are written to `<topic>.dead-letter`. Default: the request fails.
   */
  readonly deadLetterFor?: string;
}

/** Accepts drafts for a topic. */
export interface Ingest {
  /**
   * Validates the drafts of one request, sets missing timestamps, and appends the records in order. Called by
   * `http/`, once per request or per group of NDJSON lines. Changes the drafts; the caller must not use them
   * afterwards.
   *
   * @returns one outcome per record: the caller reads `Receipts.errors`, or calls `Receipts.orThrow`
   * @throws OnrampError when the whole request failed and nothing was written: the caller responds with this
   *   error
   */
  accept(topic: string, drafts: readonly Draft[], options: AcceptOptions): Promise<Receipts>;
  /**
   * Writes a record that a sink could not deliver to `<topic>.dead-letter`. Called by the sink
   * runner, for each attempt to write the dead letter. If the topic refuses the record as too large, its largest
   * parts are omitted; headers say which.
   *
   * @throws OnrampError when Kafka has not acknowledged the dead letter: the caller keeps the record and
   *   tries again
   */
  deadLetter(record: ConsumedRecord, failure: SinkFailure): Promise<void>;
  /** Prepares the batch of a source for a transaction; see `prepareBatch`. Called by the source runner, once per batch. */
  prepare(drafts: readonly TopicDraft[], options: PrepareOptions): Promise<PreparedBatch>;
}

/** The reason why a sink gave up on a record. */
export interface SinkFailure {
  readonly sink: string;
  readonly reason: string;
  readonly attempts: number;
  /** The time by which the dead letter must be written (milliseconds, `Date.now`). */
  readonly deadline: number;
}

const NO_RULES: TopicRules = { schema: undefined, key: undefined, tombstones: true };

export function createIngest({ records, topics, namespace, meter }: IngestDeps): Ingest {
  return {
    async accept(topic, drafts, options) {
      const started = performance.now();
      try {
        const reserved = unwritableReason(topic, namespace);
        if (reserved) throw new OnrampError(40301, `${reserved} Choose another topic.`);
        const rules = topics.get(topic) ?? NO_RULES;
        if (options.onBadRecord) {
          const receipts = await acceptEach(records, topic, drafts, rules, options);
          meter.countAppended(topic, receipts, (performance.now() - started) / 1000);
          return receipts;
        }
        requireSizes(records, topic, drafts);
        // Awaited only if there are rules: each await on the hot path has a measurable cost.
        let violations: ErrorDetail[] | undefined;
        if (rules.schema || rules.key)
          violations = await checkAll(drafts, rules, topic, options.deadLetterFor !== undefined);
        else for (const draft of drafts) requireJson(draft, rules);
        const target = violations ? deadLetterTopic(topic) : topic;
        const ready = violations ? invalidDrafts(drafts, topic, violations, options.deadLetterFor) : drafts;
        const appended = records.append(target, stamp(ready), { deadline: options.deadline });
        const receipts = violations ? await writtenDeadLetters(appended, topic, violations) : await appended;
        meter.countAppended(target, receipts, (performance.now() - started) / 1000);
        return receipts;
      } catch (error) {
        meter.countRefused(topic, error, drafts.length);
        throw error;
      }
    },
    async deadLetter(record, { sink, reason, attempts, deadline }) {
      const { topic, partition, offset, timestamp, key, value } = record;
      const place = { partition, offset, timestamp };
      const why = { topic, place, className: "DeliveryFailed", reason, attempts, by: { sink } } as const;
      let refusal: unknown;
      for (const { draft, compress } of deadLetterDrafts(
        { key, value, headers: record.headers },
        deadLetterHeaders(why),
      )) {
        const options: AppendOptions = compress ? { deadline, compress } : { deadline };
        try {
          (await records.append(deadLetterTopic(topic), stamp([draft]), options)).orThrow();
          return;
        } catch (error) {
          if (!(error instanceof OnrampError && error.code === 41301)) throw error;
          refusal = error;
        }
      }
      throw refusal;
    },
    prepare: (drafts, options) => prepareBatch(drafts, options, { topics, namespace, stamp: stampOne }),
  };
}

/** Appends valid drafts as `onBadRecord` specifies; each bad draft fails with its own error. */
async function acceptEach(
  records: RecordLog,
  topic: string,
  drafts: readonly Draft[],
  rules: TopicRules,
  { deadline: given, appendMs, onQueued, onBadRecord, checksTopic }: AcceptOptions,
): Promise<Receipts> {
  const problems = new Map<number, OnrampError>();
  for (let index = 0; index < drafts.length && (onBadRecord !== "stop" || problems.size === 0); index++) {
    const pause = yieldToEventLoop();
    if (pause !== undefined) await pause;
    const draft = elementAt(drafts, index);
    // Only an expression takes long: the clock has a measurable cost per line.
    const timeoutMs = rules.key ? appendMs : undefined;
    const began = timeoutMs === undefined ? 0 : Date.now();
    let problem =
      draft.fault ?? records.sizeProblem?.(topic, draft.value?.length ?? 0) ?? problemOf(draft, rules, topic);
    if (problem instanceof Promise) problem = await problem;
    if (!problem && timeoutMs !== undefined && Date.now() - began >= timeoutMs)
      problem = tooSlow(topic, timeoutMs);
    draft.parsed = undefined;
    if (problem) problems.set(index, problem);
  }
  const deadline = appendMs === undefined ? given : Date.now() + appendMs;
  const options: AppendOptions = { deadline, onBadRecord: "continue", ...(onQueued ? { onQueued } : {}) };
  if (problems.size === 0) return records.append(topic, stamp(drafts), options);
  const considered = onBadRecord === "stop" ? Math.min(...problems.keys()) + 1 : drafts.length;
  const valid = drafts.slice(0, considered).filter((_, index) => !problems.has(index));
  const receipts = new Receipts(considered);
  const isAppended = valid.length > 0 || checksTopic;
  receipts.fill(isAppended ? await records.append(topic, stamp(valid), options) : new Receipts(0), problems);
  return receipts;
}

/**
 * Called before values are parsed.
 *
 * @throws OnrampError 41301 when a value is too large for the topic; it lists up to 100 records by index if there are several
 */
function requireSizes(records: RecordLog, topic: string, drafts: readonly Draft[]): void {
  const sizeProblem = (bytes: number): OnrampError | undefined => records.sizeProblem?.(topic, bytes);
  let largest = 0;
  for (const { value } of drafts) if (value !== null && value.length > largest) largest = value.length;
  if (sizeProblem(largest) === undefined) return;
  const faults: RecordFault[] = [];
  for (const [index, { value }] of drafts.entries()) {
    const problem = value === null ? undefined : sizeProblem(value.length);
    if (problem) faults.push({ index, error_code: problem.code, message: problem.message });
    if (faults.length === MOST_DETAILS) break;
  }
  throw requestError(faults, drafts.length);
}

const tooSlow = (topic: string, ms: number): OnrampError =>
  new OnrampError(
    40801,
    `The key expression of topic "${topic}" took longer than http.deadline (${ms} ms) for this record; it was not written. Simplify the expression, or raise http.deadline.`,
  );

/** Sets missing timestamps. The only place where a draft becomes a record. */
function stamp(drafts: readonly Draft[]): readonly AcceptedRecord[] {
  const now = Date.now();
  for (const draft of drafts) draft.timestamp ??= now;
  return drafts as readonly Draft[] as readonly AcceptedRecord[];
}

const stampOne = (draft: Draft): AcceptedRecord => stamp([draft])[0] as AcceptedRecord;

/**
 * Builds the dead letters of a request whose records violate the rules of the topic.
 *
 * @param webhook the value of `deadLetterFor`
 * @throws OnrampError 42206 when `webhook` is undefined
 */
function invalidDrafts(
  drafts: readonly Draft[],
  topic: string,
  violations: readonly ErrorDetail[],
  webhook: string | undefined,
): readonly Draft[] {
  if (webhook === undefined) throw schemaProblem(topic, violations, drafts.length);
  const reason = reasonOf(violations);
  const why = { topic, className: "SchemaViolation", reason, attempts: 1, by: { webhook } } as const;
  const added = deadLetterHeaders(why);
  return drafts.map((draft) => ({ ...draft, partition: undefined, headers: [...draft.headers, ...added] }));
}

/**
 * Waits for the dead letters of a request. If Kafka refuses them, the request fails, and the sender keeps the records: a
 * dead letter without a value would lose them.
 *
 * @throws the error of the append; an OnrampError also says why the records were not written to the topic
 */
async function writtenDeadLetters(
  appended: Promise<Receipts>,
  topic: string,
  violations: readonly ErrorDetail[],
): Promise<Receipts> {
  try {
    return (await appended).orThrow();
  } catch (error) {
    if (!(error instanceof OnrampError)) throw error;
    const message = `${error.message} Onramp would write the records as dead letters, because they do not match the rules of topic "${topic}": ${reasonOf(violations).slice(0, 1000)}`;
    const { code, errors, retryAfter } = error;
    throw new OnrampError(code, message, {
      ...(errors ? { errors } : {}),
      ...(retryAfter === undefined ? {} : { retryAfter }),
      cause: error,
    });
  }
}

const reasonOf = (violations: readonly ErrorDetail[]): string =>
  violations.map(({ pointer, message }) => `${pointer ?? ""} ${message}`.trim()).join("; ");
