// Dead letters: a record that could not go on, as it was, with the reason in headers as Kafka Connect names them.

import type { Header } from "./record.ts";
import { DEAD_LETTER } from "./topics.ts";

/** Why a record is one, and where it came from. */
export interface DeathCertificate {
  readonly topic: string;
  /** Where it stands in its topic, where it does. */
  readonly place?: { readonly partition: number; readonly offset: number; readonly timestamp: number };
  /** What kind of failure. */
  readonly className: "SchemaViolation" | "DeliveryFailed";
  readonly reason: string;
  readonly attempts: number;
  /** Who could not go on with it. */
  readonly by: { readonly webhook: string } | { readonly sink: string };
}

const CONNECT = "__connect.errors.";
const OURS = "onramp.error.";
/** A longer reason is cut: a dead letter must not outgrow its topic. */
const MOST_REASON = 1000;

/** The topic that a topic's dead letters go to. */
export const deadLetterTopic = (topic: string): string => topic + DEAD_LETTER;

/** @returns the headers that a dead letter has behind those of the record */
export function certificateHeaders({
  topic,
  place,
  className,
  reason,
  attempts,
  by,
}: DeathCertificate): Header[] {
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

/** A dead letter taken apart again: the record's own headers, the sink that gave up, and where it stood. */
export function readCertificate(headers: readonly Header[]): {
  readonly own: Header[];
  readonly sink: string | undefined;
  readonly topic: string | undefined;
  readonly partition: number | undefined;
  readonly offset: number | undefined;
  /** Milliseconds since 1970. */
  readonly timestamp: number | undefined;
} {
  const last = (key: string): string | undefined =>
    headers.findLast((header) => header.key === key)?.value?.toString();
  const number = (key: string): number | undefined => {
    const text = last(key);
    return text === undefined ? undefined : Number(text);
  };
  return {
    own: headers.filter(({ key }) => !key.startsWith(CONNECT) && !key.startsWith(OURS)),
    sink: last(`${OURS}sink`),
    topic: last(`${CONNECT}topic`),
    partition: number(`${CONNECT}partition`),
    offset: number(`${CONNECT}offset`),
    timestamp: number(`${OURS}timestamp`),
  };
}
