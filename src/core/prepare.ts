// Prepares the batch of a source for a transaction: each draft becomes a record for its own topic or, if it violates the
// rules of that topic, a dead letter.

import { deadLetterDrafts, deadLetterHeaders, deadLetterTopic } from "./dead-letter.ts";
import { asOnrampError, OnrampError } from "./errors.ts";
import type { Draft, PreparedRecord } from "./record.ts";
import { yieldToEventLoop } from "./time.ts";
import { type RulesByTopic, type TopicRules, unwritableReason } from "./topics.ts";
import { problemOf } from "./validate.ts";

/** A draft with its topic. */
export interface TopicDraft {
  readonly topic: string;
  readonly draft: Draft;
  /** An error that makes the draft a dead letter in any case. Undefined: the rules of the topic decide. */
  readonly fault?: OnrampError | undefined;
}

export interface PrepareOptions {
  /** The name of the source, for the headers of dead letters. */
  readonly source: string;
  /** The record with the cursor. It is the last one of the transaction. */
  readonly state: TopicDraft;
}

/** The records of one transaction. */
export interface PreparedBatch {
  /** The records of the drafts, in order, and the record with the cursor. */
  readonly records: readonly PreparedRecord[];
  /** The number of dead letters among the records. */
  readonly deadLetters: number;
  /** Why the first of them is a dead letter; undefined when none is. */
  readonly firstReason: string | undefined;
  /** Whether a record is a dead letter. */
  isDeadLetter(index: number): boolean;
  /**
   * Replaces a record that Kafka refuses with its dead letter, or a dead letter that is too large with a smaller one.
   *
   * @throws the error when the record with the cursor is refused, or a dead letter that cannot be made smaller or was refused for
   * another reason
   */
  replace(index: number, error: OnrampError): void;
}

/** The dead letters of a record that can still be tried, from large to small. */
type Letters = ReturnType<typeof deadLetterDrafts>;

/** Sets the timestamp of a draft, which makes it a record; see `core/ingest.ts`. */
export type Stamp = (draft: Draft) => PreparedRecord["record"];

/**
 * Validates each draft against the rules of its topic.
 *
 * @throws OnrampError 40301 for a topic that only Onramp or Kafka may write
 */
export async function prepareBatch(
  drafts: readonly TopicDraft[],
  { source, state }: PrepareOptions,
  { topics, namespace, stamp }: { topics: RulesByTopic; namespace: string; stamp: Stamp },
): Promise<PreparedBatch> {
  const batch = new Batch(source, stamp);
  for (const [index, each] of drafts.entries()) {
    const { topic, draft, fault } = each;
    const reserved =
      index > 0 && drafts[index - 1]?.topic === topic ? undefined : unwritableReason(topic, namespace);
    if (reserved) throw new OnrampError(40301, `${reserved} Source "${source}" must write to another topic.`);
    const pause = yieldToEventLoop();
    if (pause !== undefined) await pause;
    batch.add(each);
    const problem =
      fault ?? draft.fault ?? malformed(draft) ?? (await problemIn(draft, topics.get(topic), topic));
    if (problem) batch.replace(index, problem);
  }
  batch.addState(state);
  return batch;
}

/** Sources compute timestamps and partitions from data of other systems, so both can be invalid. */
function malformed({ timestamp, partition }: Draft): OnrampError | undefined {
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0))
    return new OnrampError(
      40001,
      `The timestamp must be an integer of milliseconds since 1970, and is ${timestamp}.`,
    );
  if (partition !== undefined && !(Number.isInteger(partition) && partition >= 0))
    return new OnrampError(40402, `The partition must be an integer from 0, and is ${partition}.`);
  return undefined;
}

function problemIn(draft: Draft, rules: TopicRules | undefined, topic: string) {
  // Awaited only if there are rules: an await per record has a measurable cost.
  return rules || draft.json !== undefined ? problemOf(draft, rules ?? NO_RULES, topic) : undefined;
}

const NO_RULES: TopicRules = { schema: undefined, key: undefined, tombstones: true };

class Batch implements PreparedBatch {
  readonly records: PreparedRecord[] = [];
  deadLetters = 0;
  firstReason: string | undefined;
  readonly #source: string;
  readonly #originals: TopicDraft[] = [];
  /** By index of the record. */
  readonly #letters = new Map<number, Letters>();
  #isComplete = false;
  readonly #stamp: Stamp;

  constructor(source: string, stamp: Stamp) {
    this.#source = source;
    this.#stamp = stamp;
  }

  add(original: TopicDraft): void {
    this.#originals.push(original);
    this.records.push({ topic: original.topic, record: this.#stamp(original.draft) });
  }

  /** Adds the record with the cursor, which is the last one. */
  addState(state: TopicDraft): void {
    this.add(state);
    this.#isComplete = true;
  }

  isDeadLetter(index: number): boolean {
    return this.#letters.has(index);
  }

  replace(index: number, error: OnrampError): void {
    const original = this.#originals[index];
    if (!original || (this.#isComplete && index === this.#originals.length - 1)) throw error;
    const { topic, draft } = original;
    let letters = this.#letters.get(index);
    if (!letters) {
      letters = deadLetterDrafts(draft, this.#headers(topic, error));
      this.#letters.set(index, letters);
      this.deadLetters++;
      this.firstReason ??= error.message;
    } else if (error.code !== 41301) throw error;
    const next = letters.next();
    if (next.done) throw error;
    const { draft: letter, compress } = next.value;
    const timestamp = draft.timestamp;
    const record = this.#stamp({ ...letter, timestamp: mayKeepTimestamp(error) ? timestamp : undefined });
    this.records[index] = { topic: deadLetterTopic(topic), record, compress };
  }

  #headers(topic: string, error: OnrampError) {
    return deadLetterHeaders({
      topic,
      className: error.code === 42206 ? "SchemaViolation" : "RecordRefused",
      reason: asOnrampError(error).message,
      attempts: 1,
      by: { source: this.#source },
    });
  }
}

/** Whether a dead letter can have the timestamp of its record: Kafka has not refused it. */
const mayKeepTimestamp = (error: OnrampError): boolean => error.code !== 40001;
