// The decoders of bytes that brokers, and other clients of Kafka, send.

import { crc32, gzipSync } from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import snappy from "snappy";
import { BrokerRefused } from "../../../src/kafka/client/errors.ts";
import { authenticate, type SaslConnection } from "../../../src/kafka/client/sasl.ts";
import { BatchTooLarge, decompress } from "../../../src/kafka/consume/decompress.ts";
import { FetchedRecords } from "../../../src/kafka/consume/fetched-records.ts";
import { ReadBudget } from "../../../src/kafka/consume/read-budget.ts";
import { type Compression, compressionOf } from "../../../src/kafka/produce/compression.ts";
import type { Api } from "../../../src/wire/codec.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../../src/wire/consumer-protocol.ts";
import { encodeMarker } from "../../../src/wire/control-batch.ts";
import { crc32c } from "../../../src/wire/crc32c.ts";
import { FrameSplitter } from "../../../src/wire/frame.ts";
import { decodeResponse } from "../../../src/wire/message.ts";
import { entryMagic, entrySize } from "../../../src/wire/message-set.ts";
import * as admin from "../../../src/wire/messages/admin.ts";
import * as cluster from "../../../src/wire/messages/cluster.ts";
import * as fetch from "../../../src/wire/messages/fetch.ts";
import * as group from "../../../src/wire/messages/group.ts";
import * as offsets from "../../../src/wire/messages/offsets.ts";
import * as produce from "../../../src/wire/messages/produce.ts";
import * as transaction from "../../../src/wire/messages/transaction.ts";
import { TruncatedError } from "../../../src/wire/reader.ts";
import { encodeBatch } from "../../../src/wire/record-batch.ts";
import { messageSet } from "../message-sets.ts";
import { sampleResponse } from "./sampling-reader.ts";
import { chunksOf, type FuzzTarget, only, texts } from "./target.ts";

const MB = 1024 * 1024;
const MESSAGES = [admin, cluster, fetch, group, offsets, produce, transaction];

const isApi = (value: unknown): value is Api<unknown, unknown> =>
  typeof value === "object" && value !== null && "response" in value;

/** The first byte of an input selects the version. */
const responses = MESSAGES.flatMap((module) => Object.values<unknown>(module))
  .filter(isApi)
  .map((api): FuzzTarget => {
    const [lowest, highest] = api.versions;
    const versions = Array.from({ length: highest - lowest + 1 }, (_, n) => n);
    return {
      name: `the response of ${api.name}`,
      samples: versions.flatMap((n) =>
        [1, 2, 3].map((seed) => Buffer.concat([Buffer.of(n), sampleResponse(api, lowest + n, seed)])),
      ),
      decode: (input) => decodeResponse(api, lowest + ((input[0] ?? 0) % versions.length), input.subarray(1)),
      allows: only(TruncatedError),
    };
  });

const record = (n: number) => ({
  key: n % 2 === 0 ? null : Buffer.from(`key ${n}`),
  value: n % 5 === 0 ? null : Buffer.from(`{"n":${n},"text":"${"text ".repeat(n)}"}`),
  headers:
    n % 3 === 0
      ? []
      : [
          { key: "a header", value: Buffer.from("its value") },
          { key: "", value: null },
        ],
  timestamp: 1_700_000_000_000 + n * 1000,
});
const RECORDS = Array.from({ length: 12 }, (_, n) => record(n));
const CODECS: readonly Compression[] = ["none", "gzip", "snappy", "lz4"];
const identity = { producerId: 5, epoch: 1, sequence: 0 };

/** Frames that the tool zstd made, without and with a declared size, and a frame with a block that repeats one byte. */
const ZSTD = [
  "28b52ffd0058750000384f6e72616d70200100e6925f8c",
  "28b52ffd0468750100c243090ad037944994e4008df016641a90058c4c79d729fd25ba33692407aa7296cd43bdff20501101005c7faaa032fbacde",
  "28b52ffd00581800006162630200106153000062",
].map((hex) => Buffer.from(hex, "hex"));

const inner = (magic: 0 | 1): Buffer =>
  messageSet(
    magic,
    [0, 1, 2, 3].map((offset) => ({ offset, key: offset % 2 ? "k" : null, value: `value ${offset}` })),
  );
const set = (magic: 0 | 1, compression: number, value: Buffer): Buffer =>
  messageSet(magic, [{ offset: 3, key: null, value, compression }]);

const logs: readonly Buffer[] = [
  ...CODECS.map((name) => encodeBatch(RECORDS, identity, compressionOf(name))),
  Buffer.concat([encodeBatch(RECORDS), encodeBatch(RECORDS, identity, compressionOf("gzip"))]),
  encodeMarker({ producerId: 5, epoch: 1, committed: false }, 0),
  inner(0),
  inner(1),
  set(0, 1, gzipSync(inner(0))),
  set(1, 2, snappy.compressSync(inner(1))),
  set(1, 3, compressFrameSync(inner(1))),
].map((log) => Buffer.from(log));

/** Corrects the checksums of the entries of a log, so that the bytes after them are decoded. */
function withChecksums(log: Buffer): Buffer {
  for (let at = 0; ; ) {
    const size = entrySize(log, at);
    if (size === undefined) return log;
    const entry = log.subarray(at, at + size);
    if (entryMagic(log, at) < 2) entry.writeUInt32BE(crc32(entry.subarray(16)), 12);
    else if (size > 21) entry.writeUInt32BE(crc32c(entry, 21), 17);
    at += size;
  }
}

const never = new AbortController().signal;

async function readLog(log: Buffer): Promise<unknown> {
  const budget = new ReadBudget(64 * MB, 16 * MB);
  const aborted = [{ producerId: 5, firstOffset: 100 }];
  const records = new FetchedRecords(
    { topic: "t", partition: 0 },
    0,
    log,
    aborted,
    budget.share(() => {}),
  );
  const parts: unknown[] = [];
  try {
    for (let part = await records.next(never); part; part = await records.next(never)) parts.push(part);
  } finally {
    records.release();
  }
  return parts;
}

/** Logs in with a broker that answers with the input; a zero byte separates its answers. */
function login(mechanism: "scram-sha-256" | "oauthbearer", input: Buffer): Promise<number> {
  const answers = input.toString("latin1").split("\0");
  const connection = {
    address: "kafka:9092",
    version: () => 1,
    async request({ key }: { key: number }, _: number, { authBytes }: { authBytes: Buffer }) {
      if (key === cluster.SaslHandshake.key) return { errorCode: 0, mechanisms: [] };
      const nonce = /r=(.*)$/.exec(authBytes.toString())?.[1] ?? "";
      // More iterations take long, by design; they are limited and run in another thread.
      const answer = (answers.shift() ?? "").replaceAll("NONCE", nonce).replace(/i=(\d{4})\d+/, "i=$1");
      return {
        errorCode: 0,
        errorMessage: null,
        authBytes: Buffer.from(answer, "latin1"),
        sessionLifetimeMs: 0,
      };
    },
  } as unknown as SaslConnection;
  const options =
    mechanism === "oauthbearer"
      ? { mechanism, token: async () => "token" }
      : { mechanism, username: "user", password: "pencil" };
  return authenticate(connection, options, 1000);
}

export const kafkaTargets: readonly FuzzTarget[] = [
  ...responses,
  {
    name: "the frames of a connection to a broker",
    samples: [Buffer.from([0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 2, 9, 9])],
    decode(input) {
      const splitter = new FrameSplitter(10 * MB, () => MB);
      return chunksOf(input).map((chunk) => splitter.push(chunk));
    },
    allows: only(RangeError),
  },
  {
    name: "the records of a Fetch response",
    samples: logs,
    decode: (input) => readLog(withChecksums(input)),
    allows: only(Error, TruncatedError),
  },
  {
    name: "compressed records",
    samples: [
      ...[gzipSync, (bytes: Buffer) => Buffer.from(snappy.compressSync(bytes)), compressFrameSync].map(
        (compress, n) => Buffer.concat([Buffer.of(n + 1), compress(Buffer.from("Onramp ".repeat(400)))]),
      ),
      Buffer.concat([
        Buffer.of(2),
        compressionOf("snappy")?.compress(Buffer.alloc(90_000, "ab")) ?? Buffer.alloc(0),
      ]),
      ...ZSTD.map((frame) => Buffer.concat([Buffer.of(4), frame])),
    ],
    decode: (input) =>
      decompress((input[0] ?? 0) % 6, input.subarray(1), {
        limit: 16 * MB,
        reserve: async () => {},
        allocate: (bytes) => Buffer.allocUnsafeSlow(bytes),
      }),
    allows: only(Error, BatchTooLarge),
  },
  {
    name: "the subscription of a member of a group",
    samples: [
      encodeSubscription({ topics: ["a", "b"], owned: [] }),
      encodeSubscription({ topics: ["a"], owned: [{ topic: "a", partition: 3, since: 2 }] }),
    ].map((bytes) => Buffer.from(bytes)),
    decode: decodeSubscription,
    allows: only(TruncatedError),
  },
  {
    name: "the assignment of a member of a group",
    samples: [
      encodeAssignment([
        { topic: "a", partition: 0 },
        { topic: "b", partition: 1 },
      ]),
    ].map((bytes) => Buffer.from(bytes)),
    decode: (input) => decodeAssignment(input, ["a", "b"]),
    allows: only(TruncatedError),
  },
  {
    name: "the answers of a broker to SCRAM",
    samples: texts("r=NONCEx,s=c2FsdA==,i=4096\0v=c2FsdA==", "r=NONCEx,s=c2FsdA==,i=4096,x=y\0e=no"),
    words: ["NONCE", "r=", "s=", "i=4096", "v=", ",", "\0"],
    decode: (input) => login("scram-sha-256", input),
    allows: only(BrokerRefused),
  },
  {
    name: "the answers of a broker to OAUTHBEARER",
    samples: texts('{"status":"invalid_token","scope":"kafka"}\0', "\0", "null", "[1]"),
    words: ['{"status":', "null", "\0"],
    decode: (input) => login("oauthbearer", input),
    allows: only(BrokerRefused),
  },
];
