// A client of streams of events: reads raw Server-Sent Events, at a rate, and can be cut at any moment.

import { strict as assert } from "node:assert";
import http from "node:http";
import { createParser } from "eventsource-parser";
import { afterTest } from "./after-test.ts";
import { until } from "./until.ts";

/** An event of a stream. */
export interface ReceivedEvent {
  readonly id: string;
  /** Undefined for a record. */
  readonly name: string | undefined;
  readonly data: string;
}

/** A record, as the format `record` represents it. */
export interface EventRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly headers: readonly { readonly key: string; readonly value?: string | null }[];
  readonly value: unknown;
}

export interface EventClientOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** The maximum rate at which the client reads, in bytes per second. Default: no limit. */
  readonly bytesPerSecond?: number;
  /** Called with every event. */
  readonly onEvent?: (event: ReceivedEvent) => void;
}

/** A stream that a client reads. */
export interface EventClient {
  readonly response: http.IncomingMessage;
  /** All events, in order. */
  readonly events: readonly ReceivedEvent[];
  /** The data of the records. */
  readonly records: readonly EventRecord[];
  /** The id of the last event; empty before the first one. */
  readonly lastId: string;
  /** The reconnection time that the server named last, in milliseconds. */
  readonly retryMs: number | undefined;
  /** Everything that was received, as text. */
  readonly text: string;
  /** Resolves when the stream has ended. */
  readonly ended: Promise<void>;
  /** Ends the connection at once. */
  cut(): void;
  /** Waits until there are `count` records. */
  untilRecords(count: number, timeoutMs?: number): Promise<void>;
  /** Waits until there is an event with a name. @returns its data */
  untilEvent(name: string, timeoutMs?: number): Promise<Record<string, unknown>>;
}

/** Returns the values of the records of a client. */
export const valuesOf = ({ records }: EventClient): string[] => records.map(({ value }) => String(value));

/** Returns the names of the events of a client which are neither records nor positions. */
export const namesOf = ({ events }: EventClient): string[] =>
  events.flatMap(({ name }) => (name === undefined || name === "position" ? [] : name));

/** Opens a stream. It is cut after the test. @throws AssertionError when the status is not 200 */
export async function openEvents(url: string, options: EventClientOptions = {}): Promise<EventClient> {
  const { response, request } = await requestEvents(url, options.headers);
  assert.equal(response.statusCode, 200, `${url}: ${response.statusCode}`);
  const events: ReceivedEvent[] = [];
  const records: EventRecord[] = [];
  const state = { lastId: "", retryMs: undefined as number | undefined, text: "" };
  const parser = createParser({
    onEvent: ({ id, event: name, data }) => {
      const event = { id: id ?? "", name, data };
      events.push(event);
      state.lastId = event.id;
      if (name === undefined && data.startsWith('{"topic"')) records.push(JSON.parse(data));
      options.onEvent?.(event);
    },
    onRetry: (ms) => {
      state.retryMs = ms;
    },
  });
  const decoder = new TextDecoder();
  const take = (chunk: Buffer): void => {
    const text = decoder.decode(chunk, { stream: true });
    state.text += text;
    parser.feed(text);
  };
  const ended = new Promise<void>((resolve) => response.once("close", resolve));
  response.on("error", () => {});
  if (options.bytesPerSecond === undefined) response.on("data", take);
  else throttle(response, options.bytesPerSecond, take);
  const cut = (): void => void request.destroy();
  afterTest(cut);
  return {
    response,
    events,
    records,
    get lastId() {
      return state.lastId;
    },
    get retryMs() {
      return state.retryMs;
    },
    get text() {
      return state.text;
    },
    ended,
    cut,
    untilRecords: (count, timeoutMs) => until(() => records.length >= count, timeoutMs),
    async untilEvent(name, timeoutMs) {
      const found = () => events.find((event) => event.name === name);
      await until(() => found() !== undefined, timeoutMs);
      return JSON.parse(found()?.data ?? "");
    },
  };
}

/** Sends a request for a stream. @returns the response, of any status */
export function requestEvents(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly response: http.IncomingMessage; readonly request: http.ClientRequest }> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false, headers }, (response) => resolve({ response, request }));
    request.on("error", reject);
  });
}

/** Reads a part of the allowed bytes ten times per second. */
function throttle(
  response: http.IncomingMessage,
  bytesPerSecond: number,
  take: (chunk: Buffer) => void,
): void {
  const timer = setInterval(() => {
    const size = Math.min(Math.ceil(bytesPerSecond / 10), response.readableLength);
    const chunk: Buffer | null = size > 0 ? response.read(size) : response.read(0);
    if (chunk) take(chunk);
  }, 100);
  response.once("close", () => clearInterval(timer));
}
