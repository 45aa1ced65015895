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

const CURSOR = "{cursor} and {page} are replaced.";

export const pollOptions = {
  topic: string("The topic of the records.", { required: true }),
  url: url(
    `The URL of the API. ${CURSOR} A parameter of the query is left out while its placeholder has no value.`,
    {
      required: true,
    },
  ),
  interval: duration("The time from the start of one poll to the start of the next.", { default: "1m" }),
  method: oneOf(["GET", "POST", "PUT"], "The method of the requests.", { default: "GET" }),
  headers: map(string("", { minLength: 0 }), `Headers of the requests. ${CURSOR}`),
  body: string(`The body of the requests. ${CURSOR} Default content type: application/json.`),
  oauth2: oauth2Options,
  timeout: duration("The time limit for a complete answer.", { default: "30s" }),
  maxResponse: size("The maximum size of an answer, after decompression.", { default: "10MB" }),
  items: string(
    "JSONata over the answer that returns the items. With a path such as data.items, the value of a record has the bytes of the item.",
    { default: "$" },
  ),
  id: expression("JSONata over an item that returns its id. Items with a known id are not written again."),
  version: expression(
    "JSONata over an item that returns its version. An item with a known id and a new version is written.",
  ),
  key: expression("JSONata over an item that returns the key of its record. Default: no key."),
  timestamp: expression(
    "JSONata over an item that returns the timestamp of its record: ISO 8601, or milliseconds since 1970. Default: the time of the poll.",
  ),
  cursor: expression(
    "JSONata over the answer that returns the next {cursor}. Without a result, the cursor remains. $cursor is the current one.",
  ),
  initialCursor: either(
    [string("A text.", { minLength: 0 }), number("A number.")],
    "The {cursor} of the first poll. Default: none.",
  ),
  from: oneOf(
    ["start", "now"],
    "What the first poll does. start: it writes the items that exist. now: it only notes them.",
    { default: "start" },
  ),
  next: expression(
    'JSONata over the answer that returns the next page: a URL of the same origin; {"page": value} for {page}; or true, to poll again at once with the new cursor. Default: the header Link with rel="next".',
  ),
  order: oneOf(
    ["oldest-first", "newest-first"],
    "The order of the items. newest-first: the new cursor takes effect after the last page.",
    { default: "oldest-first" },
  ),
  maxPages: number("The maximum number of pages per poll; the next poll continues after them.", {
    type: "integer",
    minimum: 1,
    default: 1000,
  }),
  overlap: either(
    [
      duration("A duration, for a cursor that is a time."),
      number("A number, for a cursor that is a number."),
    ],
    "How far the cursor of the requests is set back, so that items are read that appear late. Requires id.",
  ),
  dedupe: number("The minimum number of ids that are remembered.", {
    type: "integer",
    minimum: 0,
    maximum: 20_000,
    default: 1000,
  }),
  expired: object(
    {
      status: number("The status of the answer.", {
        type: "integer",
        minimum: 100,
        maximum: 599,
        required: true,
      }),
      when: expression("JSONata over the answer that returns true. Default: every answer with the status."),
    },
    {
      description:
        "How the API reports that the cursor has expired. The source then starts again from initialCursor, and reports the lost range.",
    },
  ),
  failure: expression(
    'JSONata over an answer of any status that finds a failure: "passing", "blocked", or the time to wait, as seconds or as a duration such as "15m". $status and $headers are set.',
  ),
  ...quotaOptions,
  quota: string("Sources that name the same quota share their limits, and run on the same replica."),
} as const;
