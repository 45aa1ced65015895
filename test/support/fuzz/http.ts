// The decoders of bytes that HTTP clients send.

import type { IncomingMessage } from "node:http";
import { bindingsOf } from "../../../src/core/bindings.ts";
import { compileClientFilter } from "../../../src/core/client-filter.ts";
import { OnrampError } from "../../../src/core/errors.ts";
import { ExpressionError } from "../../../src/core/expression-error.ts";
import { checkJson, parseJson } from "../../../src/core/json.ts";
import { eachMember, OPEN_BRACE, skipSpace, skipValue, valuesAt } from "../../../src/core/json-extents.ts";
import { inexactNumbers, parsedValue, parseExactly, printExactly } from "../../../src/core/json-numbers.ts";
import { parseMediaType } from "../../../src/core/media-type.ts";
import { createToken } from "../../../src/core/token.ts";
import { Tickets } from "../../../src/http/auth/tickets.ts";
import { createAuth } from "../../../src/http/auth/tokens.ts";
import { parseEvents } from "../../../src/http/events/request.ts";
import { decodePercent } from "../../../src/http/percent.ts";
import { envelopes } from "../../../src/http/produce/formats/envelope.ts";
import { type Line, LineSplitter } from "../../../src/http/produce/formats/line-splitter.ts";
import { isBlank } from "../../../src/http/produce/formats/lines.ts";
import { baseDraft } from "../../../src/http/produce/formats/raw.ts";
import { Place, topicKey } from "../../../src/live/place.ts";
import { decodePosition, encodeChange, encodePosition } from "../../../src/live/position.ts";
import { chunksOf, type FuzzTarget, only, texts } from "./target.ts";

const MB = 1024 * 1024;
const JSON_WORDS = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "\\u00e9",
  "\\ud800",
  "null",
  "true",
  "-0.0",
  "1e400",
  "9007199254740993",
  '"a":',
  "\u2028",
];
const MEMBER_WORDS = ["key", "value", "partition", "timestamp", "headers", "records"].map(
  (name) => `"${name}":`,
);

const RECORDS = [
  '{"records":[{"key":"a2V5","value":"dmFsdWU=","partition":1,"timestamp":1700000000000,"headers":[{"key":"h","value":"aA=="}]},{"value":null}]}',
  '{"records":[{"value":{"id":12345678901234567890,"text":"caf\\u00e9 😀"}},{"value":[1.0,-2e-3,true]}],"key_schema_id":null}',
  ' { "records" : [ { "value" : "dGV4dA==" } , { } ] } ',
];
const JSON_TEXTS = [
  '{"a":{"b":[{"c":1},{"c":2.50}]},"id":9007199254740993,"big":1e400,"text":"\\"\\\\\\u0041"}',
  "[[[[1,2],[3]],[]],{},null,false]",
  '"a text"',
  " 12345678901234567890 ",
];
const SECRET = "a secret of at least 32 characters";
const NOW = 1_700_000_000_000;
const { token, hash } = createToken();
const auth = createAuth({ shop: { hash, read: ["orders"] } });
const tickets = new Tickets(SECRET, auth, () => NOW);
const { ticket } = await tickets.issue(auth.caller(`Bearer ${token}`), {
  topics: ["orders"],
  filter: "a = 1",
});

const place = (topic: string, partitions: number, single?: number): Place =>
  new Place(
    topicKey(topic, `id of ${topic}`),
    Array.from({ length: partitions }, (_, n) => ({ offset: n * 1000, epoch: n })),
    single,
  );
const positions = [
  encodePosition([place("orders", 3)]),
  encodePosition([place("orders", 1, 7), place("payments", 2)]) + encodeChange(1, 1, 5000, 3),
];

const VALUE = Buffer.from(
  '{"action":"opened","amount":12,"id":9007199254740993,"at":"2026-01-01T00:00:00Z","items":[{"sku":"a","price":5},{"sku":"b","price":7}]}',
);
const parsed = parsedValue(VALUE);
const bindings = bindingsOf({
  topic: "orders",
  partition: 3,
  offset: 7,
  timestamp: NOW,
  key: Buffer.from("k"),
  headers: [{ key: "x", value: Buffer.from("h") }],
});

/** The text as Node.js passes it on in headers and URLs. */
const latin1 = (input: Buffer): string => input.toString("latin1");

const envelope = ([name, format]: [string, (typeof envelopes)["json"]]): FuzzTarget => ({
  name: `an envelope of ${name}`,
  samples: texts(...RECORDS),
  words: [...JSON_WORDS, ...MEMBER_WORDS],
  most: MB / 2,
  decode: (body) =>
    format.drafts({
      body,
      partition: undefined,
      query: "",
      maxRecords: 10_000,
      charge: () => {},
      rawHeaders: [],
    }),
  allows: only(OnrampError),
});

/** Decodes a text as the parts of Onramp do that read records. */
function decodeJson(json: Buffer): unknown {
  const read = parsedValue(json);
  checkJson(json, "The body");
  const value = parseJson(json, "The body");
  const found = [valuesAt(json, ["a", "b", "c"]), valuesAt(json, [])];
  const at = skipSpace(json, 0);
  if (json[at] === OPEN_BRACE) eachMember(json, at, (_, from) => skipValue(json, from));
  const numbers = inexactNumbers(json);
  const { exact } = parseExactly(json, value, numbers);
  return [read, found, printExactly(value, exact)];
}

/** Reads the lines of a chunk before the next chunk arrives, as the reader of a request does. */
function countLines(input: Buffer): number {
  const splitter = new LineSplitter(10_000);
  let count = 0;
  const read = (lines: readonly Line[]): void => {
    for (const line of lines) if (line === undefined || !isBlank(line)) count++;
  };
  for (const chunk of chunksOf(input)) read(splitter.push(chunk));
  read(splitter.end());
  return count;
}

export const httpTargets: readonly FuzzTarget[] = [
  ...Object.entries(envelopes).map(envelope),
  {
    name: "JSON",
    samples: texts(...JSON_TEXTS, ...RECORDS),
    words: JSON_WORDS,
    most: MB / 2,
    decode: decodeJson,
    allows: only(OnrampError),
  },
  {
    name: "lines",
    samples: texts('{"a":1}\n\n{"b":2}\r\n  \n3', "\r\n\r\n"),
    words: ["\n", "\r", "\r\n", " "],
    decode: countLines,
  },
  {
    name: "a media type",
    samples: texts('application/json; charset="utf-8"', "text/plain;a=b;;c=d, text/plain;c=d;a=b"),
    words: [";", ",", '"', "\\", "=", "/", " ", "\t", "charset="],
    decode: (input) => parseMediaType(latin1(input)),
    allows: only(OnrampError),
  },
  {
    name: "the query and the headers of a raw record",
    samples: texts(
      "key=a%20b&partition=3&timestamp=2026-01-31T12:00:00Z",
      "timestamp=1700000000000&key=%E2%82%AC",
    ),
    words: ["&", "=", "%", "%ff", "%E2%82%AC", "key", "partition", "timestamp", "+"],
    decode: (input) =>
      baseDraft({
        query: latin1(input),
        partition: undefined,
        rawHeaders: ["Kafka-Header-A", latin1(input.subarray(0, 40))],
      }),
    allows: only(OnrampError),
  },
  {
    name: "the request of a stream",
    samples: texts(
      "/topics/orders,payments/events?from=-10&partition=1&filter=a%3D1&format=value",
      `/topics/orders/events?lastEventId=${positions[0]}&key=a+b&ticket=${ticket}`,
      "/topics/a/events?from=2026-01-31T12:00:00+01:00",
    ),
    words: ["&", "=", "%", "%ff", ",", "from", "filter", "lastEventId", "-1"],
    decode: (input) =>
      parseEvents({
        url: latin1(input),
        headers: { "last-event-id": latin1(input.subarray(-40)), accept: latin1(input) },
      } as unknown as IncomingMessage),
    allows: only(OnrampError),
  },
  {
    name: "percent-encoding",
    samples: texts("a%20b%C3%A9", "%F0%9F%98%80"),
    words: ["%", "%C3", "%80", "%00"],
    decode: (input) => decodePercent(latin1(input), "URL"),
    allows: only(OnrampError),
  },
  {
    name: "the text of a position",
    samples: texts(...positions),
    decode: (input) => decodePosition(latin1(input)),
    allows: only(OnrampError),
  },
  {
    name: "the bytes of a position",
    samples: positions.map((position) => Buffer.from(position, "base64url")),
    most: 6000,
    decode: (input) => {
      const padded = Buffer.concat([input, Buffer.alloc((3 - (input.length % 3)) % 3)]);
      return decodePosition(padded.toString("base64url"));
    },
    allows: only(OnrampError),
  },
  {
    name: "a ticket",
    samples: texts(ticket),
    words: [".", "eyJhbGciOiJub25lIn0"],
    decode: (input) => tickets.open(latin1(input)),
    allows: only(OnrampError),
  },
  {
    name: "the filter of a client",
    samples: texts(
      "action = 'opened' and amount > 10",
      "$count(items[price > 5]) = 1 and items.price[0] in [5, 7]",
      "$contains($string(), 'x') or ($exists(a.b) ? $substring(a, 1, 3) = \"b\" : $headers.x = 'h')",
      "$sum(items.(price * 2)) % 3 = 0 and $toMillis(at) < $millis()",
    ),
    words: [
      "$",
      "(",
      ")",
      "[",
      "]",
      "{",
      "}",
      "and",
      " or ",
      "*",
      "**",
      ".",
      "?",
      ":",
      ":=",
      "/a+/",
      "'",
      "`",
      "function($x){$x}",
      "~>",
      "@",
      "#",
      "^",
      "%",
    ],
    most: 4000,
    decode: (input) => compileClientFilter(input.toString("utf8")).matches(parsed, bindings),
    allows: only(ExpressionError),
  },
];
