// The source kind `sse`: any stream of Server-Sent Events (WHATWG HTML, section 9.2), resumed by its Last-Event-ID.

import { adapterKind } from "../../core/adapter.ts";
import { isKnownIds, KnownIds } from "../../core/known-ids.ts";
import { duration, expression, list, map, number, object, size, string, url } from "../../core/options.ts";
import { invalidCursor, type Source } from "../../core/source.ts";
import { bytes, ms } from "../../core/units.ts";
import { checkHeaders } from "../../web/headers.ts";
import { ApiCalls } from "../parts/api-calls.ts";
import { oauth2Options } from "../parts/oauth2.ts";
import { type Feed, type FeedCursor, FeedRun } from "./feed-run.ts";

const CONNECT_MS = 30_000;
const MAX_IDLE_MS = 86_400_000;

export const sse = adapterKind({
  type: "sse",
  options: object({
    topic: string("The topic of the records.", { required: true }),
    url: url("The URL of the stream.", { required: true }),
    headers: map(string("The value of the header.", { minLength: 0 }), "Headers of the request."),
    oauth2: oauth2Options,
    events: list(
      string("The name of an event."),
      "The names of the events to write. An event without a name has the name message. Default: all events.",
    ),
    id: expression(
      "JSONata over the data of an event (parsed as JSON, otherwise text) that returns its id. Events with a known id are not written again. Default: the event id together with the data; events without an event id are always written.",
    ),
    key: expression("JSONata over the data of an event that returns the key of its record. Default: no key."),
    timestamp: expression(
      "JSONata over the data of an event that returns the timestamp of its record: ISO 8601, or seconds or milliseconds since 1970. Default: the time of the commit.",
    ),
    lastEventId: string("The header Last-Event-ID of the first request. Default: no header."),
    maxEvents: number("The maximum number of events per transaction.", {
      type: "integer",
      minimum: 1,
      maximum: 10_000,
      default: 1000,
    }),
    linger: duration("How long a transaction waits for more events after its first one.", { default: "1s" }),
    maxEvent: size("The maximum size of an event. A larger one blocks the source.", { default: "1MB" }),
    idle: duration("The time without data after which the source connects again.", { default: "2m" }),
    retry: duration(
      "The time from the end of a connection to the next one, unless the stream sets another with retry.",
      {
        default: "2s",
      },
    ),
    dedupe: number("The number of events that the source remembers.", {
      type: "integer",
      minimum: 0,
      maximum: 20_000,
      default: 1000,
    }),
  }),
  create(options, context): Source<FeedCursor> {
    const {
      topic,
      headers = {},
      key,
      timestamp,
      id,
      idle,
      maxEvent,
      oauth2,
      dedupe,
      events,
      lastEventId,
    } = options;
    const compiled = (option: string, source: string | undefined) =>
      source === undefined ? undefined : context.compile(option, source);
    checkHeaders(headers);
    const feed: Feed = {
      topic,
      key: compiled("key", key),
      timestamp: compiled("timestamp", timestamp),
      id: compiled("id", id),
      version: undefined,
      url: new URL(options.url),
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
      ),
      events,
      first: lastEventId,
      retryMs: ms(options.retry),
      dedupe,
      limits: {
        maxEvents: options.maxEvents,
        lingerMs: ms(options.linger),
        maxEvent: bytes(maxEvent),
        idleMs: Math.min(ms(idle), MAX_IDLE_MS),
      },
    };
    const api = new ApiCalls(context, { timeoutMs: CONNECT_MS, maxResponse: 0, oauth2 });
    return {
      topics: [topic],
      maxSilenceMs: ms(idle) + CONNECT_MS,
      shown: (cursor) => {
        const { known, ...rest } = cursor as FeedCursor;
        return known === undefined ? rest : { ...rest, known: new KnownIds(known).size };
      },
      run: (cursor, signal, report) => {
        if (cursor !== undefined && !isCursor(cursor)) throw invalidCursor(context.name);
        return new FeedRun(feed, api, context, cursor ?? {}, signal, report).run();
      },
    };
  },
});

function isCursor(value: unknown): value is FeedCursor {
  if (typeof value !== "object" || value === null) return false;
  const { lastEventId, known, ...rest } = value as Partial<FeedCursor>;
  if (Object.keys(rest).length > 0) return false;
  return ["undefined", "string"].includes(typeof lastEventId) && isKnownIds(known);
}
