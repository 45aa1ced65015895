// The formats of events: Server-Sent Events, or lines of JSON, with one of three representations of records.
// https://html.spec.whatwg.org/multipage/server-sent-events.html

import { isUtf8 } from "node:buffer";
import { isJsonText } from "../../core/json.ts";
import type { EventFormat } from "../../core/live.ts";
import type { ConsumedRecord } from "../../core/ports.ts";
import { cloudEvent } from "./cloud-event.ts";
import { json, jsonString, recordJson } from "./texts.ts";

/** The representations of records. */
export const REPRESENTATIONS = ["record", "value", "cloudevents"] as const;
export type Representation = (typeof REPRESENTATIONS)[number];

/** An event without its id. `data` is the text of the event; in lines of JSON, it is JSON. */
interface Event {
  readonly name?: string;
  readonly data: string;
}

/** The content types of the formats, without parameters. */
export const SSE_TYPE = "text/event-stream";
export const LINES_TYPE = "application/x-ndjson";

const LINE_END = /\r\n|\r|\n/g;
const LINE_END_BYTE = /[\r\n]/g;

/** A format, and the content type of its responses. */
export interface ResponseFormat extends EventFormat {
  readonly contentType: string;
}

/** Returns the format of a request. */
export function formatOf(representation: Representation, lines: boolean): ResponseFormat {
  return lines ? LINES[representation] : SSE[representation];
}

const SSE = formats((representation) => ({
  name: `sse/${representation}`,
  contentType: SSE_TYPE,
  idStart: "id: ",
  idEnd: "\n",
  record: (record) => sse(eventOf(record, representation)),
  named: (name, data) => sse({ name, data: json(data) }),
  retry: (ms) => `retry: ${Math.round(ms)}\n`,
}));

const LINES = formats((representation) => ({
  name: `lines/${representation}`,
  contentType: LINES_TYPE,
  idStart: '{"id":"',
  idEnd: '",',
  record: (record) => line(representation === "value" ? valueLine(record) : eventOf(record, representation)),
  named: (name, data) => line({ name, data: json(data) }),
  retry: (ms) => `{"retry":${Math.round(ms)}}\n`,
}));

function formats(
  create: (representation: Representation) => ResponseFormat,
): Readonly<Record<Representation, ResponseFormat>> {
  return { record: create("record"), value: create("value"), cloudevents: create("cloudevents") };
}

function eventOf(record: ConsumedRecord, representation: Representation): Event {
  if (record.value === null) return { name: "tombstone", data: recordJson(record) };
  if (representation === "record") return { data: recordJson(record) };
  return representation === "value" ? valueEvent(record.value) : { data: cloudEvent(record) };
}

/** The value itself. What a client would not get byte for byte is base64: CR becomes LF, and NUL may end the text. */
function valueEvent(value: Buffer): Event {
  if (!isUtf8(value) || value.includes(0x0d) || value.includes(0)) return binary(value);
  return { data: value.toString("latin1") };
}

function valueLine(record: ConsumedRecord): Event {
  const { value } = record;
  if (value === null) return { name: "tombstone", data: recordJson(record) };
  if (isJsonText(value)) return { data: value.toString("latin1") };
  return isUtf8(value)
    ? { data: jsonString(value) }
    : { ...binary(value), data: JSON.stringify(value.toString("base64")) };
}

const binary = (value: Buffer): Event => ({ name: "binary", data: value.toString("base64") });

/** Every line of the data has a field of its own: an unsplit CR would let a value add fields. */
function sse({ name, data }: Event): string {
  const event = name === undefined ? "" : `event: ${name}\n`;
  return `${event}data: ${data.replace(LINE_END, "\ndata: ")}\n\n`;
}

/** Line ends in JSON are white space between its tokens. */
function line({ name, data }: Event): string {
  const event = name === undefined ? "" : `"event":"${name}",`;
  return `${event}"data":${data.replace(LINE_END_BYTE, " ")}}\n`;
}
