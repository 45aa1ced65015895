// Encodes message sets of the formats v0 and v1, which current brokers no longer accept from producers.

import { crc32 } from "node:zlib";
import { Writer } from "../../src/wire/writer.ts";

/** A message to encode. */
export interface TestMessage {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | Buffer | null;
  readonly timestamp?: number;
  /** 0 none, 1 gzip, 2 snappy, 3 lz4. */
  readonly compression?: number;
}

/** Encodes messages, one after the other. */
export function messageSet(magic: 0 | 1, messages: readonly TestMessage[]): Buffer {
  return Buffer.concat(messages.map((message) => encode(magic, message)));
}

function encode(magic: 0 | 1, { offset, key, value, timestamp = 0, compression = 0 }: TestMessage): Buffer {
  const body = new Writer();
  body.int8(magic);
  body.int8(compression);
  if (magic === 1) body.int64(timestamp);
  body.nullableBytes(key === null ? null : Buffer.from(key));
  body.nullableBytes(value === null ? null : Buffer.from(value));
  const writer = new Writer();
  writer.int64(offset);
  writer.int32(body.bytes.length + 4);
  writer.int32(crc32(body.bytes) | 0);
  writer.raw(body.bytes);
  return Buffer.from(writer.bytes);
}
