// The clients of a stream: EventSource of npm, and of a browser (see `browser.ts`), with one interface.

import { EventSource } from "eventsource";
import { afterTest } from "./after-test.ts";
import { until } from "./until.ts";

/** The documented code for browsers. */
export const EXAMPLE = new URL("../../examples/events/browser.js", import.meta.url).href;

type Follow = (
  url: string,
  getTicket: () => Promise<string>,
  onEvent: (event: { type: string; lastEventId: string; data: string }) => void,
) => () => void;

/** What an EventSource dispatched: an event of the stream, `open`, or `error`. */
export interface Dispatched {
  readonly type: string;
  /** The position after it. */
  readonly id: string;
  readonly data: string;
  /** Whether the EventSource has given up. */
  readonly closed: boolean;
}

/** What a client has received so far. */
export class Stream {
  readonly dispatched: Dispatched[] = [];

  /** The data of the events of one type, in order. Default: of the records. */
  data(type = "message"): string[] {
    return this.#all(type).map(({ data }) => data);
  }

  /** The values of the records in format `record`, in order. */
  values(): unknown[] {
    return this.data().map((data) => JSON.parse(data).value);
  }

  /** How often an event was dispatched. */
  count(type: string): number {
    return this.#all(type).length;
  }

  /** Resolves when an event of the type has been dispatched this many times. */
  until(type: string, count = 1, timeoutMs?: number): Promise<void> {
    return until(() => this.count(type) >= count, timeoutMs);
  }

  /** Resolves when this many records have arrived. */
  async untilRecords(count: number, timeoutMs = 30_000): Promise<void> {
    await this.until("message", count, timeoutMs).catch((error: Error) => {
      const types = this.dispatched.map(({ type }) => type);
      throw new Error(`${error.message}; ${this.count("message")} of ${count} records; ${types.slice(-20)}`);
    });
  }

  #all(type: string): Dispatched[] {
    return this.dispatched.filter((each) => each.type === type);
  }
}

/** How a client of `examples/events/browser.js` gets its tickets. */
export interface Tickets {
  /** The body of `POST /tickets`. */
  readonly request: object;
  readonly token: string;
  /** Used first; after it, the client requests tickets. */
  readonly first?: string;
}

/** A kind of client. */
export interface EventSources {
  /** An EventSource; it is closed after the test. @param origin that of the page; default: that of the URL */
  open(url: string, origin?: string): Promise<Stream>;
  /** Runs the documented code, `examples/events/browser.js`, until the end of the test. */
  follow(url: string, tickets: Tickets): Promise<Stream>;
}

const TYPES = ["open", "error", "message", "tombstone", "binary", "skipped", "gap", "reset", "goodbye"];

/** As much of an EventSource as is used here. */
interface Source {
  readonly readyState: number;
  // biome-ignore lint/suspicious/noExplicitAny: an event has other members in a browser
  addEventListener(type: string, listener: (event: any) => void): void;
}

/** Reports everything that an EventSource dispatches. It runs in pages as well, so that it uses nothing of this file. */
export function listen(source: Source, types: readonly string[], report: (event: Dispatched) => void): void {
  for (const type of types)
    source.addEventListener(type, ({ lastEventId: id = "", data = "" }) =>
      report({ type, id, data, closed: source.readyState === 2 }),
    );
}

/** Returns a function for `follow` that sends `POST /tickets`. It runs in pages as well. */
export function ticketsFrom(url: string, { request, token, first }: Tickets): () => Promise<string> {
  let next = first;
  return async () => {
    const given = next;
    next = undefined;
    if (given !== undefined) return given;
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const answer = await fetch(new URL("/tickets", url), {
      method: "POST",
      headers,
      body: JSON.stringify(request),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return ((await answer.json()) as { ticket: string }).ticket;
  };
}

/** Everything that `listen` is to report. */
export const LISTENED = [...TYPES, "position"];

/** EventSource of the package `eventsource`. */
export const npmEventSources: EventSources = {
  async open(url) {
    const stream = new Stream();
    const source = new EventSource(url);
    afterTest(() => source.close());
    listen(source, LISTENED, (event) => stream.dispatched.push(event));
    return stream;
  },
  async follow(url, tickets) {
    const stream = new Stream();
    const { follow } = (await import(EXAMPLE)) as { follow: Follow };
    Object.assign(globalThis, { EventSource });
    afterTest(follow(url, ticketsFrom(url, tickets), eventsInto(stream)));
    return stream;
  },
};

/** Adds the events of `follow` to a stream. */
const eventsInto =
  ({ dispatched }: Stream) =>
  ({ type, lastEventId: id, data }: { type: string; lastEventId: string; data: string }): void =>
    void dispatched.push({ type, id, data, closed: false });
