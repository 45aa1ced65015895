// Prints the events of a stream: a record per line, for programs in a pipe or for people on a terminal.

import { isTime } from "../core/time.ts";
import { membersOf, numberOf, stringOf } from "./lines.ts";
import { cutTo, printable } from "./printable.ts";
import type { TailEvent } from "./tail-event.ts";

/** The parts of a record as texts, not yet printable. Numbers have the digits that were received. */
interface Parts {
  readonly place: string;
  readonly time: string;
  readonly key: string;
  readonly value: string;
}

function partsOf({ name, data }: TailEvent): Parts {
  const members = membersOf(data) ?? new Map<string, Buffer>();
  const digits = (member: string): string => members.get(member)?.toString() ?? "?";
  const text = (member: string): string | undefined => {
    const base64 = stringOf(members.get(`${member}_base64`));
    return base64 === undefined ? stringOf(members.get(member)) : `base64:${base64}`;
  };
  const key = text("key");
  return {
    place: `${stringOf(members.get("topic")) ?? "?"}/${digits("partition")}@${digits("offset")}`,
    time: timeText(numberOf(members.get("timestamp"))),
    key: key === undefined ? "-" : key === "" ? '""' : key,
    value: name === "tombstone" ? TOMBSTONE : (text("value") ?? digits("value")),
  };
}

const TOMBSTONE = "(tombstone: the key was deleted)";

const timeText = (timestamp: number | undefined): string =>
  timestamp !== undefined && isTime(timestamp) ? new Date(timestamp).toISOString() : "-";

/** @returns the line of a record for a pipe: complete, without colour, with two spaces between its parts */
export function plainLine(event: TailEvent): string {
  const { place, time, key, value } = partsOf(event);
  return printable([place, time, key, value].join("  "));
}

/** The maximum width of a key and the minimum width of a value, in columns. */
const MAX_KEY = 24;
const MIN_VALUE = 16;
const GAP = "  ";
const TIME_WIDTH = "2026-01-31T12:00:00.000Z".length;

const code = (from: number, to: number) => (text: string) => `\u001b[${from}m${text}\u001b[${to}m`;
const dim = code(2, 22);
const bold = code(1, 22);
const plain = (text: string): string => text;

/** Prints records for a terminal: aligned, a line each. */
export class TerminalLines {
  readonly #dim: (text: string) => string;
  readonly #bold: (text: string) => string;
  #placeWidth = 0;
  #keyWidth = 0;

  constructor(hasColor: boolean) {
    this.#dim = hasColor ? dim : plain;
    this.#bold = hasColor ? bold : plain;
  }

  /** @param columns the width of the terminal */
  line(event: TailEvent, columns: number): string {
    const parts = partsOf(event);
    const place = printable(parts.place);
    const key = cutTo(parts.key, MAX_KEY);
    // Columns never become narrower, so that the lines of several topics stay aligned.
    this.#placeWidth = Math.max(this.#placeWidth, place.length);
    this.#keyWidth = Math.max(this.#keyWidth, key.width);
    const used = this.#placeWidth + TIME_WIDTH + this.#keyWidth + 3 * GAP.length;
    const value = cutTo(parts.value, Math.max(MIN_VALUE, columns - used));
    return [
      this.#dim(place.padEnd(this.#placeWidth)),
      this.#dim(parts.time.padEnd(TIME_WIDTH)),
      this.#bold(key.text) + " ".repeat(this.#keyWidth - key.width),
      event.name === "tombstone" ? this.#dim(value.text) : value.text,
    ].join(GAP);
  }
}

/** @returns the sentence for an event that is not a record */
export function eventSentence({ name, data }: TailEvent): string {
  const members = membersOf(data) ?? new Map<string, Buffer>();
  const digits = (member: string): string => members.get(member)?.toString() ?? "?";
  const partition = members.has("partition") ? `/${digits("partition")}` : "";
  const place = `${stringOf(members.get("topic")) ?? "?"}${partition}`;
  const why = stringOf(members.get("message")) ?? stringOf(members.get("reason"));
  const sentences: Readonly<Record<string, string>> = {
    gap: `gap: ${place}: retention removed ${offsets(digits("from"), digits("to"))}, which cannot be read any more.`,
    reset: `reset: ${place}: ${why ?? "the topic is no longer the one that was read."}`,
    skipped: `skipped: ${place}@${digits("offset")}: ${why ?? "the filter was not evaluated."}`,
  };
  return printable(sentences[name] ?? `${name}: ${data.toString()}`);
}

/** Whether an event is a record. */
export const isRecord = ({ name }: TailEvent): boolean =>
  name === "record" || name === "tombstone" || name === "binary";

/** @param to exclusive */
function offsets(from: string, to: string): string {
  const last = /^\d+$/.test(to) ? String(BigInt(to) - 1n) : "?";
  return from === last ? `the offset ${from}` : `the offsets ${from} to ${last}`;
}
