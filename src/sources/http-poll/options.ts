// The options of the source kind `http-poll`.

import {
  duration,
  either,
  expression,
  map,
  number,
  object,
  oneOf,
  size,
  string,
  url,
} from "../../core/options.ts";
import { oauth2Options } from "../parts/oauth2.ts";
import { quotaOptions } from "../parts/quota.ts";

const CURSOR = "{cursor} and {page} are replaced by their current values.";

export const pollOptions = {
  topic: string("The topic of the records.", { required: true }),
  url: url(
    `The URL of the API. ${CURSOR} A query parameter is left out while its placeholder has no value.`,
    {
      required: true,
    },
  ),
  interval: duration("The time from the start of one poll to the start of the next.", { default: "1m" }),
  method: oneOf(["GET", "POST", "PUT"], "The method of the requests.", { default: "GET" }),
  headers: map(
    string("The value of the header.", { minLength: 0 }),
    `Headers of the requests. ${CURSOR} A header is left out while its placeholder has no value.`,
  ),
  body: string(
    `The body of the requests; it requires method POST or PUT. ${CURSOR} Without a header content-type, it is sent as application/json. The values are escaped for JSON and for form-urlencoded bodies.`,
  ),
  oauth2: oauth2Options,
  timeout: duration("The time limit for a complete response.", { default: "30s" }),
  maxResponse: size(
    "The maximum size of a response, after decompression. A larger response blocks the source.",
    { default: "10MB" },
  ),
  items: string(
    "JSONata over the response that returns the items. With a path such as data.items, a record has the unchanged bytes of its item; with another expression, the result as JSON.",
    { default: "$" },
  ),
  id: expression(
    "JSONata over an item that returns its id. Items with a known id are not written again. Required unless url, headers or body contain {cursor}.",
  ),
  version: expression(
    "JSONata over an item that returns its version. An item with a known id and a new version is written again. Requires id.",
  ),
  key: expression("JSONata over an item that returns the key of its record. Default: no key."),
  timestamp: expression(
    "JSONata over an item that returns the timestamp of its record: ISO 8601, or seconds or milliseconds since 1970. Default: the time of the commit.",
  ),
  cursor: expression(
    "JSONata over the response that returns the new {cursor}. If it returns nothing, the cursor does not change. $cursor is the cursor of the last completed poll; it is not set in the first poll.",
  ),
  initialCursor: either(
    [string("A string.", { minLength: 0 }), number("A number.")],
    "The {cursor} until the option cursor has returned one, and after the cursor has expired. Default: none; query parameters with {cursor} are then left out.",
  ),
  from: oneOf(
    ["start", "now"],
    "What the first poll does. start: it writes the items that exist. now: it writes none of them, and remembers their ids. now requires id.",
    { default: "start" },
  ),
  next: expression(
    'JSONata over the response that returns the next page: a URL of the same origin; {"page": value} for {page}; or true, to poll again at once with the new cursor. Without a result there is no next page. Default: the target of the header Link with rel="next".',
  ),
  order: oneOf(
    ["oldest-first", "newest-first"],
    "The order of the items. newest-first: the cursor is taken from the first page; without {cursor}, a poll ends with the first page that has only known items.",
    { default: "oldest-first" },
  ),
  maxPages: number(
    "The maximum number of pages per poll. The next poll continues with the page after them.",
    {
      type: "integer",
      minimum: 1,
      default: 1000,
    },
  ),
  overlap: either(
    [
      duration("A duration, for a cursor that is a time."),
      number("A number, for a cursor that is a number."),
    ],
    "How far the cursor is set back in requests, so that items that appear late are read. Requires id.",
  ),
  dedupe: number(
    "The minimum number of known ids that the source keeps. It keeps more if polls return items again.",
    {
      type: "integer",
      minimum: 0,
      maximum: 20_000,
      default: 1000,
    },
  ),
  expired: object(
    {
      status: number("The status of the response that reports it.", {
        type: "integer",
        minimum: 100,
        maximum: 599,
        required: true,
      }),
      when: expression(
        "JSONata over the response that returns true if the cursor has expired. Default: every response with this status means so.",
      ),
    },
    {
      description:
        "How the API reports that the cursor has expired. The source then starts again from initialCursor, or without one from the oldest items, and reports that items may be lost.",
    },
  ),
  failure: expression(
    'JSONata over a response of any status. Returns "passing" (try again), "blocked" (an operator must act), or the time to wait, as seconds or as a duration such as "15m". With no result, null or false, the status decides; any other result blocks the source. $status and $headers (names in lower case) are set.',
  ),
  ...quotaOptions,
  quota: string(
    "The name of a quota. Sources with the same name share their limits, and run on the same replica. Default: the limits apply to this source alone.",
  ),
} as const;
