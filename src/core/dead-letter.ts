// Dead letters: a record that could not be written or delivered, as it was, with the reason in headers that are named
// as in Kafka Connect (https://kafka.apache.org/documentation/#connect_errorreporting).

import type { Header } from "./record.ts";
import { DEAD_LETTER } from "./topics.ts";

/** Why a record is a dead letter, and where it comes from. */
export interface DeadLetterReason {
  readonly topic: string;
  /** Its place in the topic; undefined for a record that was not written. */
  readonly place?: { readonly partition: number; readonly offset: number; readonly timestamp: number };
  /** The kind of failure. */
  readonly className: "SchemaViolation" | "DeliveryFailed";
  readonly reason: string;
  readonly attempts: number;
  /** The webhook that received the record, or the sink that could not deliver it. */
  readonly by: { readonly webhook: string } | { readonly sink: string };
}

const CONNECT = "__connect.errors.";
const OURS = "onramp.error.";
/** A longer reason is cut, so that a dead letter does not exceed the limit of its topic. In characters. */
const MOST_REASON = 1000;

/** The topic that a topic's dead letters go to. */
export const deadLetterTopic = (topic: string): string => topic + DEAD_LETTER;

/** @returns the headers that a dead letter has after those of the record */
export function deadLetterHeaders({
  topic,
  place,
  className,
  reason,
  attempts,
  by,
}: DeadLetterReason): Header[] {
  const header = (key: string, value: string | number): Header => ({
    key,
    value: Buffer.from(String(value)),
  });
  return [
    header(`${CONNECT}topic`, topic),
    ...(place
      ? [
          header(`${CONNECT}partition`, place.partition),
          header(`${CONNECT}offset`, place.offset),
          header(`${OURS}timestamp`, place.timestamp),
        ]
      : []),
    header(`${CONNECT}exception.class.name`, className),
    header(`${CONNECT}exception.message`, reason.slice(0, MOST_REASON)),
    header(`${OURS}attempts`, attempts),
    "sink" in by ? header(`${OURS}sink`, by.sink) : header(`${OURS}webhook`, by.webhook),
  ];
}

/** The original of a dead letter: its own headers, its place, and the sink that could not deliver it. */
export interface DeadLetterOrigin {
  readonly headers: Header[];
  readonly sink: string | undefined;
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  readonly offset: number | undefined;
  /** Milliseconds since 1970. */
  readonly timestamp: number | undefined;
}

/** Reads the headers that `deadLetterHeaders` added. */
export function readDeadLetter(headers: readonly Header[]): DeadLetterOrigin {
  const last = (key: string): string | undefined =>
    headers.findLast((header) => header.key === key)?.value?.toString();
  const number = (key: string): number | undefined => {
    const text = last(key);
    return text === undefined ? undefined : Number(text);
  };
  return {
    headers: headers.filter(({ key }) => !key.startsWith(CONNECT) && !key.startsWith(OURS)),
    sink: last(`${OURS}sink`),
    topic: last(`${CONNECT}topic`),
    partition: number(`${CONNECT}partition`),
    offset: number(`${CONNECT}offset`),
    timestamp: number(`${OURS}timestamp`),
  };
}
