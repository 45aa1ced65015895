// Builds and reads the headers of dead letters. A dead letter is a record that could not be written or
// delivered. Additional headers contain the reason; most of their names are those of Kafka Connect
// (https://kafka.apache.org/documentation/#connect_errorreporting).

import type { Header } from "./record.ts";
import { DEAD_LETTER } from "./topics.ts";

/** The reason for a dead letter, and the origin of the record. */
export interface DeadLetterReason {
  readonly topic: string;
  /** The record's position in the topic; undefined for a record that was not written. */
  readonly place?: { readonly partition: number; readonly offset: number; readonly timestamp: number };
  /** The kind of failure. */
  readonly className: "SchemaViolation" | "DeliveryFailed";
  readonly reason: string;
  readonly attempts: number;
  /** The webhook that received the record, or the sink that could not deliver it. */
  readonly by: { readonly webhook: string } | { readonly sink: string };
}

const CONNECT = "__connect.errors.";
const ONRAMP = "onramp.error.";
/** In characters. A longer reason is cut, so that the dead letter does not exceed the limit of its topic. */
const MAX_REASON_LENGTH = 1000;

/** The name of the topic for the dead letters of a topic. */
export const deadLetterTopic = (topic: string): string => topic + DEAD_LETTER;

/** @returns the headers to append to the headers of the record */
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
          header(`${ONRAMP}timestamp`, place.timestamp),
        ]
      : []),
    header(`${CONNECT}exception.class.name`, className),
    header(`${CONNECT}exception.message`, reason.slice(0, MAX_REASON_LENGTH)),
    header(`${ONRAMP}attempts`, attempts),
    "sink" in by ? header(`${ONRAMP}sink`, by.sink) : header(`${ONRAMP}webhook`, by.webhook),
  ];
}

/** The original record of a dead letter: its headers and position, and the sink that could not deliver it. */
export interface DeadLetterOrigin {
  readonly headers: Header[];
  readonly sink: string | undefined;
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  readonly offset: number | undefined;
  /** Milliseconds since 1970. */
  readonly timestamp: number | undefined;
}

/** Reads the headers that `deadLetterHeaders` returned. */
export function readDeadLetter(headers: readonly Header[]): DeadLetterOrigin {
  const last = (key: string): string | undefined =>
    headers.findLast((header) => header.key === key)?.value?.toString();
  const number = (key: string): number | undefined => {
    const text = last(key);
    return text === undefined ? undefined : Number(text);
  };
  return {
    headers: headers.filter(({ key }) => !key.startsWith(CONNECT) && !key.startsWith(ONRAMP)),
    sink: last(`${ONRAMP}sink`),
    topic: last(`${CONNECT}topic`),
    partition: number(`${CONNECT}partition`),
    offset: number(`${CONNECT}offset`),
    timestamp: number(`${ONRAMP}timestamp`),
  };
}
