// Builds and reads the headers of dead letters. A dead letter is a record that could not be written or
// delivered. Additional headers contain the reason; most of their names are those of Kafka Connect
// (https://kafka.apache.org/documentation/#connect_errorreporting).

import type { Draft, Header } from "./record.ts";
import { DEAD_LETTER } from "./topics.ts";

/** The reason for a dead letter, and the origin of the record. */
export interface DeadLetterReason {
  readonly topic: string;
  /** The record's position in the topic; undefined for a record that was not written. */
  readonly place?: { readonly partition: number; readonly offset: number; readonly timestamp: number };
  /** The kind of failure. */
  readonly className: "SchemaViolation" | "RecordRefused" | "DeliveryFailed";
  readonly reason: string;
  readonly attempts: number;
  /** The webhook that received the record, the source that read it, or the sink that could not deliver it. */
  readonly by: { readonly webhook: string } | { readonly source: string } | { readonly sink: string };
}

const CONNECT = "__connect.errors.";
const ONRAMP = "onramp.error.";
/** The first of the headers that are added to a dead letter. */
const TOPIC = `${CONNECT}topic`;
const REASON = `${CONNECT}exception.message`;
/** In characters. A longer reason is cut, so that the dead letter does not exceed the limit of its topic. */
const MAX_REASON_LENGTH = 1000;
/** In bytes, for a topic with a very small limit. */
const SHORT_REASON_LENGTH = 100;

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
    header(TOPIC, topic),
    ...(place
      ? [
          header(`${CONNECT}partition`, place.partition),
          header(`${CONNECT}offset`, place.offset),
          header(`${ONRAMP}timestamp`, place.timestamp),
        ]
      : []),
    header(`${CONNECT}exception.class.name`, className),
    header(REASON, reason.slice(0, MAX_REASON_LENGTH)),
    header(`${ONRAMP}attempts`, attempts),
    ...Object.entries(by).map(([kind, name]) => header(`${ONRAMP}${kind}`, name)),
  ];
}

/** A part of a record that a dead letter may lack. */
type Part = "value" | "headers" | "key";
const PARTS: readonly Part[] = ["value", "headers", "key"];
const omittedKey = (part: Part): string => `${ONRAMP}${part}-omitted`;

/** A way to write a dead letter. */
interface DeadLetterDraft {
  readonly draft: Draft;
  /** Set when the dead letter is compressed, also if the configuration does not compress batches. */
  readonly compress?: true;
}

/**
 * Returns the dead letter of a record, then smaller ones for a topic that refuses it as too large. The second is
 * compressed. Each later one omits one more part of the record, the largest first. The last one also has a shorter reason.
 * For each omitted part, a header such as `onramp.error.value-omitted` has its size. The `__connect.errors.*` headers name
 * the topic, partition and offset of the original.
 *
 * @param added see `deadLetterHeaders`
 */
export function* deadLetterDrafts(
  record: Pick<Draft, "key" | "value" | "headers">,
  added: readonly Header[],
): Generator<DeadLetterDraft> {
  const sizes: Readonly<Record<Part, number>> = {
    value: record.value?.length ?? 0,
    headers: record.headers.reduce(
      (sum, { key, value }) => sum + Buffer.byteLength(key) + (value?.length ?? 0),
      0,
    ),
    key: record.key?.length ?? 0,
  };
  const largest = PARTS.filter((part) => sizes[part] > 0).sort((a, b) => sizes[b] - sizes[a]);
  for (let count = 0; count <= largest.length + 1; count++) {
    const omitted = largest.slice(0, count);
    const notes = omitted.map((part) => ({
      key: omittedKey(part),
      value: Buffer.from(`${sizes[part]} bytes, omitted: the dead letter was too large`),
    }));
    const draft: Draft = {
      key: omitted.includes("key") ? null : record.key,
      value: omitted.includes("value") ? null : record.value,
      headers: [
        ...(omitted.includes("headers") ? [] : record.headers),
        ...(count > largest.length ? added.map(shortened) : added),
        ...notes,
      ],
    };
    yield { draft };
    if (count === 0) yield { draft, compress: true };
  }
}

/** Cuts the reason. */
const shortened = ({ key, value }: Header): Header => ({
  key,
  value: key === REASON ? (value?.subarray(0, SHORT_REASON_LENGTH) ?? null) : value,
});

/**
 * The index of the first header that was added to the dead letter, or the number of headers. The headers before it are those
 * of the record, which may be a dead letter itself, or have headers with the same names.
 */
function startOfAdded(headers: readonly Header[]): number {
  const start = headers.findLastIndex(({ key }) => key === TOPIC);
  return start < 0 ? headers.length : start;
}

/** Whether a dead letter lacks a part of its record, because its topic refused the whole record as too large. */
export const isIncomplete = (headers: readonly Header[]): boolean =>
  headers.slice(startOfAdded(headers)).some(({ key }) => PARTS.some((part) => key === omittedKey(part)));

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
  const start = startOfAdded(headers);
  const added = headers.slice(start);
  const last = (key: string): string | undefined =>
    added.findLast((header) => header.key === key)?.value?.toString();
  const number = (key: string): number | undefined => {
    const text = last(key);
    return text === undefined ? undefined : Number(text);
  };
  return {
    headers: headers.slice(0, start),
    sink: last(`${ONRAMP}sink`),
    topic: last(TOPIC),
    partition: number(`${CONNECT}partition`),
    offset: number(`${CONNECT}offset`),
    timestamp: number(`${ONRAMP}timestamp`),
  };
}
