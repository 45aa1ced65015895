// The one way in. Drafts become records here and nowhere else: the topic's rules, its schema, its key, a
// timestamp, the append. Knows neither Kafka nor HTTP.

import { certificateHeaders, deadLetterTopic } from "./dead-letter.ts";
import { asOnrampError, type ErrorDetail, MOST_DETAILS, OnrampError } from "./errors.ts";
import { ExpressionError, toKey } from "./expressions.ts";
import { checkJson, parseJson } from "./json.ts";
import type { AppendOptions, ConsumedRecord, Meter, RecordLog } from "./ports.ts";
import { type AcceptedRecord, type Draft, Receipts } from "./record.ts";
import { type TopicBook, type TopicRules, unwritableReason } from "./topics.ts";

export interface IngestDeps {
  readonly log: RecordLog;
  readonly topics: TopicBook;
  readonly namespace: string;
  readonly meter: Meter;
}

export interface AcceptOptions extends Omit<AppendOptions, "each"> {
  /**
   * A bad record fails alone, by default its whole request: `continue` appends all others, `stop` those before the first
   * bad one, and the receipts end with it.
   */
  readonly each?: "continue" | "stop";
  /** Invalid by schema: refuse (the default), or write it to `<topic>.dead-letter` in the name of this webhook. */
  readonly deadLetterFor?: string;
}

/** Accepts drafts for a topic. */
export interface Ingest {
  /**
   * Validates, stamps and appends the drafts of one request, in order. Takes them over: they must not be used after.
   *
   * @throws OnrampError when the whole request failed and nothing of it was written
   */
  accept(topic: string, drafts: readonly Draft[], options: AcceptOptions): Promise<Receipts>;
  /**
   * Writes a record that a sink gave up to the dead-letter topic of its own.
   *
   * @throws OnrampError when Kafka does not have it
   */
  bury(record: ConsumedRecord, why: Burial): Promise<void>;
}

/** Why a sink gave a record up. */
export interface Burial {
  readonly sink: string;
  readonly reason: string;
  readonly attempts: number;
  /** When the attempt to write it ends (ms, `Date.now`). */
  readonly deadline: number;
}

const NO_RULES: TopicRules = { schema: undefined, key: undefined, tombstones: true };

export function createIngest({ log, topics, namespace, meter }: IngestDeps): Ingest {
  return {
    async accept(topic, drafts, options) {
      const started = performance.now();
      try {
        const reserved = unwritableReason(topic, namespace);
        if (reserved) throw new OnrampError(40301, `${reserved} Choose another topic.`);
        const rules = topics.get(topic) ?? NO_RULES;
        if (options.each) {
          const receipts = await acceptEach(log, topic, drafts, rules, options);
          meter.appended(topic, receipts, (performance.now() - started) / 1000);
          return receipts;
        }
        for (const draft of drafts) seeToJson(draft, rules);
        let invalid = invalidIn(drafts, rules);
        if (invalid && options.deadLetterFor === undefined) throw refusal(topic, invalid, drafts.length);
        if (rules.key && !invalid) {
          try {
            await giveKeys(drafts, rules, topic);
          } catch (error) {
            if (options.deadLetterFor === undefined) throw error;
            invalid = [{ message: asOnrampError(error).message }];
          }
        }
        const target = invalid ? deadLetterTopic(topic) : topic;
        const letters = invalid
          ? drafts.map((draft) => deadLetter(draft, topic, invalid ?? [], options))
          : drafts;
        const receipts = await log.append(target, stamp(letters), { deadline: options.deadline });
        meter.appended(target, receipts, (performance.now() - started) / 1000);
        return receipts;
      } catch (error) {
        meter.refused(topic, error, drafts.length);
        throw error;
      }
    },
    async bury(record, { sink, reason, attempts, deadline }) {
      const { topic, partition, offset, timestamp, key, value, headers } = record;
      const place = { partition, offset, timestamp };
      const by = { sink };
      const certificate = certificateHeaders({
        topic,
        place,
        className: "DeliveryFailed",
        reason,
        attempts,
        by,
      });
      const draft: Draft = { key, value, headers: [...headers, ...certificate] };
      const receipts = await log.append(deadLetterTopic(topic), stamp([draft]), { deadline });
      const failure = receipts.errors?.[0];
      if (failure) throw failure;
    },
  };
}

/** Appends what is good of the drafts, and tells of each of the others why it was not. */
async function acceptEach(
  log: RecordLog,
  topic: string,
  drafts: readonly Draft[],
  rules: TopicRules,
  { deadline, entered, each }: AcceptOptions,
): Promise<Receipts> {
  const faults = new Map<number, OnrampError>();
  for (let index = 0; index < drafts.length && (each !== "stop" || faults.size === 0); index++) {
    const draft = drafts[index] as Draft;
    let fault = draft.fault ?? jsonFaultOf(draft, rules) ?? schemaFault(draft, rules, topic);
    // Awaited only where there is something to wait for: a promise a record would be the main cost.
    if (!fault && rules.key) fault = await keyFault(draft, rules, topic);
    if (fault) faults.set(index, fault);
  }
  const append = { deadline, each: true, ...(entered ? { entered } : {}) };
  if (faults.size === 0) return log.append(topic, stamp(drafts), append);
  const considered = each === "stop" ? Math.min(...faults.keys()) + 1 : drafts.length;
  const good = drafts.slice(0, considered).filter((_, index) => !faults.has(index));
  const receipts = new Receipts(considered);
  receipts.fill(good.length > 0 ? await log.append(topic, stamp(good), append) : new Receipts(0), faults);
  return receipts;
}

/** Holds a value to its promise of being JSON; parses it only where its content matters. @throws OnrampError 40001, 41301 */
function seeToJson(draft: Draft, { schema, key }: TopicRules): void {
  const { json, value } = draft;
  if (json === undefined || value === null) return;
  if (schema || key) draft.parsed = parseJson(value, json);
  else checkJson(value, json);
}

function jsonFaultOf(draft: Draft, rules: TopicRules): OnrampError | undefined {
  try {
    seeToJson(draft, rules);
    return undefined;
  } catch (error) {
    return asOnrampError(error);
  }
}

function schemaFault(
  draft: Draft,
  { schema, tombstones }: TopicRules,
  topic: string,
): OnrampError | undefined {
  const invalid = schema && violationsOf(draft, schema.violations, tombstones);
  return invalid && refusal(topic, invalid, 1);
}

async function keyFault(draft: Draft, rules: TopicRules, topic: string): Promise<OnrampError | undefined> {
  try {
    await giveKeys([draft], rules, topic);
    return undefined;
  } catch (error) {
    return asOnrampError(error);
  }
}

/** The only place where a draft becomes a record. */
function stamp(drafts: readonly Draft[]): readonly AcceptedRecord[] {
  const now = Date.now();
  for (const draft of drafts) draft.timestamp ??= now;
  return drafts as readonly Draft[] as readonly AcceptedRecord[];
}

/** Violations of all drafts, each with the index of its record; undefined when all are valid. */
function invalidIn(drafts: readonly Draft[], { schema, tombstones }: TopicRules): ErrorDetail[] | undefined {
  if (!schema) return undefined;
  let found: ErrorDetail[] | undefined;
  for (let index = 0; index < drafts.length; index++) {
    const violations = violationsOf(drafts[index] as Draft, schema.violations, tombstones);
    if (!violations) continue;
    found ??= [];
    if (found.length >= MOST_DETAILS) break;
    for (const violation of violations) found.push(drafts.length === 1 ? violation : { index, ...violation });
  }
  return found;
}

type Violations = NonNullable<TopicRules["schema"]>["violations"];

function violationsOf(draft: Draft, violations: Violations, tombstones: boolean): ErrorDetail[] | undefined {
  const { value } = draft;
  if (value === null) {
    return tombstones
      ? undefined
      : [{ error_code: 42206, keyword: "tombstones", message: "the topic takes no records without a value" }];
  }
  if (draft.parsed === undefined) {
    try {
      draft.parsed = parseJson(value, "The value");
    } catch (error) {
      return [{ error_code: 42206, pointer: "", keyword: "type", message: (error as OnrampError).message }];
    }
  }
  return violations(draft.parsed, value.length);
}

function refusal(topic: string, errors: readonly ErrorDetail[], records: number): OnrampError {
  const first = errors[0] as ErrorDetail;
  const where = `${records > 1 ? `record ${first.index}, ` : ""}${first.pointer ? `at ${first.pointer}` : "the value"}`;
  return new OnrampError(
    42206,
    `Does not match the schema of topic "${topic}": ${where} ${first.message}. Nothing was written.`,
    { errors },
  );
}

async function giveKeys(drafts: readonly Draft[], { key }: TopicRules, topic: string): Promise<void> {
  for (const draft of drafts) {
    if (draft.key !== null || draft.value === null) continue;
    draft.parsed ??= parseJson(draft.value, `Topic "${topic}" takes its key from the value, which`);
    try {
      draft.key = toKey(await key?.evaluate(draft.parsed, { topic }));
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      throw new OnrampError(
        40001,
        `The key of the record could not be found: ${error.message}. Send a key, or correct the value.`,
        { cause: error },
      );
    }
  }
}

/** The draft with the reason it was refused. */
function deadLetter(
  draft: Draft,
  topic: string,
  errors: readonly ErrorDetail[],
  { deadLetterFor }: AcceptOptions,
): Draft {
  const reason = errors.map((error) => `${error.pointer ?? ""} ${error.message}`.trim()).join("; ");
  const by = { webhook: deadLetterFor ?? "" };
  const certificate = certificateHeaders({ topic, className: "SchemaViolation", reason, attempts: 1, by });
  return { ...draft, partition: undefined, headers: [...draft.headers, ...certificate] };
}
