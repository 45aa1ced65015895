// The events of a stream, one per line of NDJSON.

import { membersOf, numberOf, stringOf } from "./lines.ts";

/** An event. Its data are the bytes that were received. */
export interface TailEvent {
  /** The position of the client after this event. */
  readonly id: string | undefined;
  /** `record` for an event without a name. */
  readonly name: string;
  readonly data: Buffer;
  /** How long the client should wait before it connects again, in milliseconds. */
  readonly retryMs: number | undefined;
}

const NO_DATA = Buffer.from("{}");

/** @returns undefined for a line that is not an event */
export function parseEvent(line: Buffer): TailEvent | undefined {
  const members = membersOf(line);
  if (!members) return undefined;
  const data = members.get("data");
  return {
    id: stringOf(members.get("id")),
    name: stringOf(members.get("event")) ?? (data ? "record" : "position"),
    data: data ?? NO_DATA,
    retryMs: numberOf(members.get("retry")),
  };
}

/** @returns the text of a member of the data, such as the message of a goodbye */
export const dataText = ({ data }: TailEvent, member: string): string | undefined =>
  stringOf(membersOf(data)?.get(member));
