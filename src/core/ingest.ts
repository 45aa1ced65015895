// The only way in. Drafts become records here and nowhere else: the topic's rules, a timestamp, the append. Knows
// neither Kafka nor HTTP.

import { deadLetterHeaders, deadLetterTopic } from "./dead-letter.ts";
import { elementAt } from "./element.ts";
import { type ErrorDetail, messageOf, OnrampError } from "./errors.ts";
import type { AppendOptions, ConsumedRecord, Meter, RecordLog } from "./ports.ts";
import { type AcceptedRecord, type Draft, Receipts } from "./record.ts";
import { type TopicBook, type TopicRules, unwritableReason } from "./topics.ts";
import { problemOf, requireJson, schemaProblem, setKeys, violationsIn } from "./validate.ts";

export interface IngestDeps {
  readonly records: RecordLog;
  readonly topics: TopicBook;
  /** `kafka.namespace`: its state topic cannot be written. */
  readonly namespace: string;
  readonly meter: Meter;
}

export interface AcceptOptions extends Omit<AppendOptions, "onBadRecord"> {
  /**
   * What a bad record does. Default: the whole request fails and nothing is written. `continue`: the bad record fails
   * alone, all others are appended. `stop`: the records before the first bad one are appended, and the receipts end
   * with it.
   */
  readonly onBadRecord?: "continue" | "stop";
  /**
   * The webhook in whose name records that violate the schema are written to `<topic>.dead-letter`. Default: they are
   * refused.
   */
  readonly deadLetterFor?: string;
}

/** Accepts drafts for a topic. */
export interface Ingest {
  /**
   * Validates, stamps and appends the drafts of one request, in order. Called by the HTTP edge, once per request or per
   * group of NDJSON lines. The drafts are changed and must not be used afterwards.
   *
   * @returns one outcome per record: `Receipts.errors`, or `Receipts.orThrow`, tells which were written
   * @throws OnrampError when the whole request failed and nothing of it was written: the caller answers with it
   */
  accept(topic: string, drafts: readonly Draft[], options: AcceptOptions): Promise<Receipts>;
  /**
   * Writes a record that a sink could not deliver to `<topic>.dead-letter`. Called by the sink runner, per record.
   *
   * @throws OnrampError when the dead letter may not be written: the caller keeps the record and tries again
   */
  deadLetter(record: ConsumedRecord, failure: SinkFailure): Promise<void>;
}

/** Why a sink gave up a record. */
export interface SinkFailure {
  readonly sink: string;
  readonly reason: string;
  readonly attempts: number;
  /** When the attempt to write the dead letter ends (milliseconds, `Date.now`). */
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
        const accept = options.onBadRecord ? acceptEach : acceptAll;
        const { target, receipts } = await accept(records, topic, drafts, rules, options);
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
      const draft: Draft = { key, value, headers: [...record.headers, ...deadLetterHeaders(why)] };
      const receipts = await records.append(deadLetterTopic(topic), stamp([draft]), { deadline });
      receipts.orThrow();
    },
  };
}

interface Accepted {
  /** The topic that was appended to. */
  readonly target: string;
  readonly receipts: Receipts;
}

/** Appends all drafts, or none. @throws OnrampError for the first bad record */
async function acceptAll(
  records: RecordLog,
  topic: string,
  drafts: readonly Draft[],
  rules: TopicRules,
  { deadline, deadLetterFor }: AcceptOptions,
): Promise<Accepted> {
  for (const draft of drafts) requireJson(draft, rules);
  const violations =
    violationsIn(drafts, rules) ?? (await keyViolations(drafts, rules, topic, deadLetterFor));
  if (!violations)
    return { target: topic, receipts: await records.append(topic, stamp(drafts), { deadline }) };
  if (deadLetterFor === undefined) throw schemaProblem(topic, violations, drafts.length);
  const letters = drafts.map((draft) => invalidDraft(draft, topic, violations, deadLetterFor));
  const target = deadLetterTopic(topic);
  return { target, receipts: await records.append(target, stamp(letters), { deadline }) };
}

/** Sets keys. A failure is the reason of a dead letter where dead letters are wanted. @throws OnrampError where not */
async function keyViolations(
  drafts: readonly Draft[],
  rules: TopicRules,
  topic: string,
  deadLetterFor: string | undefined,
): Promise<ErrorDetail[] | undefined> {
  if (!rules.key) return undefined;
  try {
    await setKeys(drafts, rules, topic);
    return undefined;
  } catch (error) {
    if (deadLetterFor === undefined) throw error;
    return [{ message: messageOf(error) }];
  }
}

/** Appends the drafts that are valid; each of the others fails with its own problem. */
async function acceptEach(
  records: RecordLog,
  topic: string,
  drafts: readonly Draft[],
  rules: TopicRules,
  { deadline, onQueued, onBadRecord }: AcceptOptions,
): Promise<Accepted> {
  const problems = new Map<number, OnrampError>();
  for (let index = 0; index < drafts.length && (onBadRecord !== "stop" || problems.size === 0); index++) {
    const draft = elementAt(drafts, index);
    let problem = draft.fault ?? problemOf(draft, rules, topic);
    if (problem instanceof Promise) problem = await problem;
    if (problem) problems.set(index, problem);
  }
  const options: AppendOptions = { deadline, onBadRecord: "continue", ...(onQueued ? { onQueued } : {}) };
  if (problems.size === 0)
    return { target: topic, receipts: await records.append(topic, stamp(drafts), options) };
  const considered = onBadRecord === "stop" ? Math.min(...problems.keys()) + 1 : drafts.length;
  const valid = drafts.slice(0, considered).filter((_, index) => !problems.has(index));
  const receipts = new Receipts(considered);
  receipts.fill(
    valid.length > 0 ? await records.append(topic, stamp(valid), options) : new Receipts(0),
    problems,
  );
  return { target: topic, receipts };
}

/** The only place where a draft becomes a record. */
function stamp(drafts: readonly Draft[]): readonly AcceptedRecord[] {
  const now = Date.now();
  for (const draft of drafts) draft.timestamp ??= now;
  return drafts as readonly Draft[] as readonly AcceptedRecord[];
}

/** A draft that violates the schema, with the reason in its headers. */
function invalidDraft(draft: Draft, topic: string, errors: readonly ErrorDetail[], webhook: string): Draft {
  const reason = errors.map((error) => `${error.pointer ?? ""} ${error.message}`.trim()).join("; ");
  const why = { topic, className: "SchemaViolation", reason, attempts: 1, by: { webhook } } as const;
  return { ...draft, partition: undefined, headers: [...draft.headers, ...deadLetterHeaders(why)] };
}
