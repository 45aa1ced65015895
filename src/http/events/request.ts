// Reads the requests of streams of events.

import type { IncomingMessage } from "node:http";
import { OnrampError } from "../../core/errors.ts";
import { MAX_TOPICS, type StreamRequest, type StreamStart } from "../../core/live.ts";
import { parseTime } from "../../core/time.ts";
import { decodePercent, splitPair } from "../percent.ts";
import {
  formatOf,
  LINES_TYPE,
  REPRESENTATIONS,
  type Representation,
  type ResponseFormat,
  SSE_TYPE,
} from "./formats.ts";

const PATH = /^\/topics\/([^/?]+)\/events(?:\?(.*))?$/s;
/** The largest N of `from=-N`: these records are read before the stream begins. */
const MAX_LAST = 10_000;
const PARAMETERS = ["from", "lastEventId", "key", "partition", "filter", "format", "ticket"] as const;
/** A media range with the weight 0 (RFC 9110, 12.4.2). */
const NOT_ACCEPTABLE = /;[ \t]*q=0(\.0{0,3})?[ \t]*$/;
/** Positions are longer than the words and numbers that `from` accepts. */
const POSITION = /^[\w-]{20,}$/;

/** Whether `handleEvents` must answer the request. */
export function isEvents({ method, url = "" }: IncomingMessage): boolean {
  return (method === "GET" || method === "HEAD") && PATH.test(url);
}

/** A request for a stream, before it is authorized. */
export interface EventsRequest extends StreamRequest {
  readonly format: ResponseFormat;
  readonly ticket: string | undefined;
}

/** @throws OnrampError 40001 */
export function parseEvents({ url = "", headers }: IncomingMessage): EventsRequest {
  const [, names = "", query = ""] = PATH.exec(url) ?? [];
  const given = parametersOf(query);
  const topics = decodePercent(names, "URL").split(",");
  if (topics.length > MAX_TOPICS)
    throw new OnrampError(
      40001,
      `A stream has at most ${MAX_TOPICS} topics, and this one names ${topics.length}. Open several streams.`,
    );
  if (topics.includes("") || new Set(topics).size < topics.length)
    throw new OnrampError(
      40001,
      "The topics of a stream are separated by single commas, and each is named once.",
    );
  const key = given.get("key");
  return {
    topics,
    partition: partitionOf(given.get("partition")),
    key: key === undefined ? undefined : Buffer.from(key),
    filter: filterOf(given.get("filter")),
    start: startOf(given.get("from"), headers["last-event-id"], given.get("lastEventId")),
    format: formatOf(representationOf(given.get("format")), wantsLines(headers.accept)),
    ticket: given.get("ticket"),
  };
}

function parametersOf(query: string): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const [rawName, value] = splitPair(pair);
    const name = decodePercent(rawName, "URL");
    if (!(PARAMETERS as readonly string[]).includes(name))
      throw new OnrampError(
        40001,
        `The query parameter "${name.slice(0, 40)}" is not supported; a stream accepts ${PARAMETERS.join(", ")}.`,
      );
    if (given.has(name)) throw new OnrampError(40001, `The query parameter "${name}" is given twice.`);
    // A + is a space in query strings, but the + of a time in `from` is often not encoded.
    given.set(name, decodePercent(name === "from" ? value : value.replaceAll("+", " "), "URL"));
  }
  return given;
}

function startOf(
  from: string | undefined,
  header: string | string[] | undefined,
  lastEventId: string | undefined,
): StreamStart {
  const position = (Array.isArray(header) ? header[0] : header) || lastEventId;
  if (position) return { at: "latest", position };
  if (from === undefined || from === "latest") return { at: "latest", position: undefined };
  if (from === "earliest") return { at: "earliest", position: undefined };
  const last = /^-(\d+)$/.exec(from)?.[1];
  if (last !== undefined && Number(last) >= 1 && Number(last) <= MAX_LAST)
    return { at: { last: Number(last) }, position: undefined };
  const time = parseTime(from);
  if (time !== undefined && time >= 0) return { at: { time }, position: undefined };
  if (POSITION.test(from)) return { at: "latest", position: from };
  throw new OnrampError(
    40001,
    `from must be latest, earliest, -N (the last N records of each partition, at most ${MAX_LAST}), a time in RFC 3339 from 1970 on, or a position (the id of an event).`,
  );
}

function partitionOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new OnrampError(40001, "partition must be the number of a partition, such as 0.");
}

function filterOf(text: string | undefined): string | undefined {
  if (text === "")
    throw new OnrampError(40001, "The filter is empty. Leave it out, or send a JSONata expression.");
  return text;
}

function representationOf(text = "record"): Representation {
  const found = REPRESENTATIONS.find((each) => each === text);
  if (!found) throw new OnrampError(40001, `format must be one of: ${REPRESENTATIONS.join(", ")}.`);
  return found;
}

/** Whether the client accepts lines of JSON, and not Server-Sent Events. */
function wantsLines(accept = ""): boolean {
  const types = accept
    .toLowerCase()
    .split(",")
    .filter((range) => !NOT_ACCEPTABLE.test(range))
    .map((range) => range.split(";", 1)[0]?.trim());
  return types.includes(LINES_TYPE) && !types.includes(SSE_TYPE);
}
