// The decoders of bytes that other systems send: PostgreSQL, streams of events, receivers of webhooks; and those of the configuration.

import { strict as assert } from "node:assert";
import type { Socket } from "node:net";
import { Duplex, Readable } from "node:stream";
import { contentOf, parseYaml, YamlFault } from "../../../src/config/yaml.ts";
import { parseRetryAfter } from "../../../src/core/retry-after.ts";
import { SourceError } from "../../../src/core/source.ts";
import { parseTime } from "../../../src/core/time.ts";
import { parseDuration, parseSize } from "../../../src/core/units.ts";
import { decodePgOutput } from "../../../src/sources/postgres/stream/pgoutput.ts";
import { MESSAGE_AT, ReplicationStream } from "../../../src/sources/postgres/stream/replication-stream.ts";
import { EventStream } from "../../../src/sources/sse/event-stream.ts";
import { addressPolicy } from "../../../src/web/address-policy.ts";
import { chunksOf, type FuzzTarget, only, texts } from "./target.ts";

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const int32 = (value: number): Buffer => Buffer.concat([int16(value >>> 16), int16(value & 65535)]);
const text = (value: string): Buffer => Buffer.from(`${value}\0`);
const message = (...parts: (string | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)));
const long = Buffer.from([0, 0, 0, 1, 0, 0, 0, 9]);
const row = message(int16(3), "t", int32(5), "hello", "n", "u");
const column = (name: string): Buffer => message("\x01", text(name), int32(25), int32(-1));

const PGOUTPUT = [
  message("B", long, long, int32(7)),
  message("C\0", long, long, long),
  message("I", int32(1), "N", row),
  message("U", int32(1), "K", row, "N", row),
  message("U", int32(1), "O", row, "N", row),
  message("D", int32(1), "K", row),
  message("R", int32(1), text("public"), text("orders"), "d", int16(2), column("id"), column("name")),
  message("T", int32(2), "\0", int32(1), int32(2)),
  message("M\x01", long, text("onramp"), int32(4), "body"),
  message("O", long, text("origin")),
  message("Y", int32(1), text(""), text("mood")),
];
const frame = (code: string, content: Buffer): Buffer => message(code, int32(4 + content.length), content);
const changes = PGOUTPUT.slice(0, 6).map((each) => frame("d", message("w", long, long, long, each)));
const keepalive = frame("d", message("k", long, long, "\x01"));
const REPLICATION = [
  message(frame("W", Buffer.alloc(3)), ...changes, keepalive, frame("c", Buffer.alloc(0))),
  message(frame("W", Buffer.alloc(3)), keepalive, frame("E", message("SERROR\0C57P01\0Mgone\0\0"))),
  message(frame("E", message("SERROR\0C55006\0Min use\0\0")), frame("Z", Buffer.from("I"))),
];

/** A connection on which the input arrives. */
class Arriving extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done();
  }
  destroySoon(): void {
    this.destroy();
  }
}

async function replicate(input: Buffer): Promise<unknown> {
  const socket = new Arriving();
  const stream = new ReplicationStream(socket as unknown as Socket);
  try {
    const started = stream.start("START_REPLICATION", 0n, 60_000);
    for (const chunk of chunksOf(input)) socket.push(chunk);
    socket.push(null);
    await started;
    const found: unknown[] = [];
    for (;;) {
      for (let change = stream.next(); change; change = stream.next())
        found.push(decodePgOutput(change.frame, MESSAGE_AT));
      await stream.wait();
    }
  } finally {
    stream.close();
  }
}

async function readEvents(input: Buffer): Promise<unknown> {
  const limits = { maxEvents: 100, lingerMs: 1, maxEvent: 10_000, idleMs: 60_000 };
  const stream = new EventStream(Readable.from(chunksOf(input), { objectMode: false }), limits, () => {});
  const events: unknown[] = [];
  try {
    for (;;) {
      const next = await stream.next(never);
      if (next.length === 0) return events;
      events.push(...next);
    }
  } finally {
    stream.close();
  }
}
const never = new AbortController().signal;

/** The functions that return a number, or undefined for a text that is not valid. */
function decodeValues(value: string): void {
  for (const parse of [
    parseDuration,
    parseSize,
    parseTime,
    (one: string) => parseRetryAfter(one, 0, 60_000),
  ]) {
    const found = parse(value);
    assert.ok(found === undefined || !Number.isNaN(found), `${value} is ${found}`);
  }
}

export const sourceTargets: readonly FuzzTarget[] = [
  {
    name: "a message of pgoutput",
    samples: PGOUTPUT,
    decode: (input) => decodePgOutput(input, 0),
    allows: only(Error),
  },
  {
    name: "a replication stream of PostgreSQL",
    samples: REPLICATION,
    decode: replicate,
    allows: (error) => error instanceof Error && ["Error", "ServerError"].includes(error.name),
  },
  {
    name: "a stream of events",
    samples: texts(
      "id: 1\nevent: e\ndata: a\ndata: b\n\n: comment\nretry: 1000\n\ndata: c\r\n\r\ndata: d\r\r",
      "\ufeffdata: é😀\n\nid\ndata\n\n",
    ),
    words: ["data: ", "id: ", "retry: ", "event: ", "\n", "\n\n", "\r", "\r\n", ":", "\0", "\ufeff"],
    decode: readEvents,
    allows: only(SourceError),
  },
  {
    name: "durations, sizes, times and Retry-After",
    samples: texts("30s", "1.5MB", "2026-01-31T12:00:00.123Z", "120", "Sun, 06 Nov 1994 08:49:37 GMT"),
    words: ["ms", "kB", "d", ".", "T", "Z", "+01:00", "-", "9999", "Infinity", "e9"],
    decode: (input) => decodeValues(input.toString("latin1")),
  },
  {
    name: "an entry of allowAddresses",
    samples: texts("10.1.2.0/24", "::ffff:10.0.0.0/104", "fe80::1", "2001:db8::/32"),
    words: ["/", "::", ".", ":", "%eth0", "ffff", "0x", "/129"],
    decode: (input) => addressPolicy([input.toString("latin1")]).allows("10.1.2.3"),
    allows: only(AggregateError),
  },
  {
    name: "YAML",
    samples: texts(
      'kafka:\n  brokers: [a:9092, "b:9092"]\nsinks:\n  out: &x\n    type: webhook\n    filter: |\n      a = 1\n  b: *x\n',
      '{"http":{"port":8080,"auth":null},"list":[1,-2.5e3,true]}',
      "? a\n: - b\n  - !!str c\n--- \n...\n",
      "a: 'it''s'\nb: >-\n  folded\n  text\n# comment\n<<: {c: 1}\n",
    ),
    words: [
      "&a ",
      "*a",
      "!!binary ",
      "- ",
      ": ",
      "? ",
      "\n",
      "\n  ",
      "|",
      ">",
      "[",
      "{",
      "%YAML 1.1\n",
      "---",
      "<<: *a",
      "#",
      "\t",
      "'",
      '"',
    ],
    decode(input) {
      // The time depends on the number of tokens, of which a configuration may have 100,000.
      return contentOf(parseYaml(input.toString("utf8"), 2000));
    },
    allows: only(YamlFault),
  },
];
