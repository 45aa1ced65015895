// Describes message layouts as data, with one line per field. One layout serves reading and writing in every
// version. The layouts follow Kafka's message definitions (clients/src/main/resources/common/message in the
// Kafka repository) and KIP-482 (flexible versions).

import { type Reader, TruncatedError } from "./reader.ts";
import { Writer } from "./writer.ts";

/** Reads and writes values of one type. `version` is the version of the message that contains the value. */
export interface Codec<T> {
  read(reader: Reader, version: number): T;
  write(writer: Writer, value: T, version: number): void;
}

/** An API without its layouts. */
export type ApiName = Pick<Api<unknown, unknown>, "key" | "name" | "versions">;

/** The TypeScript type that a codec reads and writes. */
export type Decoded<C> = C extends Codec<infer T> ? T : never;

/** The lowest and the highest version of an API. */
export type VersionRange = readonly [lowest: number, highest: number];

/** Returns the highest version in both ranges, at most `atMost`, or undefined when there is none. */
export function highestCommon(
  [lowest, highest]: VersionRange,
  offered: { readonly min: number; readonly max: number } | undefined,
  atMost = Number.POSITIVE_INFINITY,
): number | undefined {
  if (!offered) return undefined;
  const version = Math.min(highest, atMost, offered.max);
  return version >= Math.max(lowest, offered.min) ? version : undefined;
}

/** An API of the protocol: its name and key, and the layouts of its request and response. */
export interface Api<Request, Response> {
  readonly name: string;
  readonly key: number;
  /** The versions that the client uses. The layouts may describe more versions, for the development broker. */
  readonly versions: VersionRange;
  /** The first flexible version (KIP-482). Higher than every version in use when none of them is flexible. */
  readonly flexibleSince: number;
  /** The largest accepted response, in bytes. */
  readonly maxResponse: number;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}

export const int8: Codec<number> = { read: (r) => r.int8(), write: (w, value) => w.int8(value) };
export const int16: Codec<number> = { read: (r) => r.int16(), write: (w, value) => w.int16(value) };
export const int32: Codec<number> = { read: (r) => r.int32(), write: (w, value) => w.int32(value) };
export const int64: Codec<number> = { read: (r) => r.int64(), write: (w, value) => w.int64(value) };
export const boolean: Codec<boolean> = { read: (r) => r.boolean(), write: (w, value) => w.boolean(value) };
export const nullableString: Codec<string | null> = {
  read: (r) => r.nullableString(),
  write: (w, value) => w.string(value),
};
export const string: Codec<string> = {
  read: (r) => r.nullableString() ?? unexpectedNull("string"),
  write: (w, value) => w.string(value),
};
export const nullableBytes: Codec<Buffer | null> = {
  read: (r) => r.nullableBytes(),
  write: (w, value) => w.nullableBytes(value),
};
export const bytes: Codec<Buffer> = {
  read: (r) => r.nullableBytes() ?? unexpectedNull("byte string"),
  write: (w, value) => w.nullableBytes(value),
};

/** A topic id of 16 bytes, as text in the form that Kafka's tools print (base64url without padding). */
export const uuid: Codec<string> = {
  read: (r) => r.raw(16).toString("base64url"),
  write: (w, value) => w.raw(Buffer.from(value, "base64url")),
};
/** The zero id, which Kafka uses for "no id". */
export const NO_ID = Buffer.alloc(16).toString("base64url");

/** An array that may be null. */
export function nullableArray<T>(element: Codec<T>): Codec<T[] | null> {
  return {
    read(reader, version) {
      const length = reader.arrayLength();
      if (length < 0) return null;
      const items: T[] = [];
      for (let n = 0; n < length; n++) items.push(element.read(reader, version));
      return items;
    },
    write(writer, value, version) {
      writer.arrayLength(value === null ? -1 : value.length);
      for (const item of value ?? []) element.write(writer, item, version);
    },
  };
}

/** An array. A null array is read as an empty one. */
export function array<T>(element: Codec<T>): Codec<T[]> {
  const nullable = nullableArray(element);
  return { read: (r, version) => nullable.read(r, version) ?? [], write: nullable.write };
}

/** A field that exists from `version` on. In earlier versions it is read as `fallback` and is not written. */
export function since<T>(version: number, codec: Codec<T>, fallback: T): Codec<T> {
  return between(version, Number.POSITIVE_INFINITY, codec, fallback);
}

/** A field that exists in versions `first` to `last`. In other versions it is read as `fallback` and is not written. */
export function between<T>(first: number, last: number, codec: Codec<T>, fallback: T): Codec<T> {
  return {
    read: (r, v) => (v >= first && v <= last ? codec.read(r, v) : fallback),
    write(w, value, v) {
      if (v >= first && v <= last) codec.write(w, value, v);
    },
  };
}

/** A tagged field (KIP-482). It is absent when it has the value `fallback`, and in versions that are not flexible. */
export interface Tagged<T> {
  readonly tag: number;
  readonly codec: Codec<T>;
  readonly fallback: T;
}

/** The types of fields or tagged fields. */
type Values<F extends Record<string, Codec<unknown> | Tagged<unknown>>> = {
  [K in keyof F]: F[K] extends Tagged<infer T> ? T : Decoded<F[K]>;
};

/**
 * Fields in wire order. In flexible versions a set of tagged fields follows them: those of `tags` are read and written,
 * and others are skipped when they are read.
 */
export function struct<
  F extends Record<string, Codec<unknown>>,
  T extends Record<string, Tagged<unknown>> = Record<never, never>,
>(fields: F, tags?: T): Codec<Values<F> & Values<T>> {
  const entries = Object.entries(fields);
  const tagged = Object.entries(tags ?? {});
  return {
    read(reader, version) {
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) value[name] = codec.read(reader, version);
      for (const [name, { fallback }] of tagged) value[name] = fallback;
      if (reader.flexible) readTags(reader, version, tagged, value);
      return value as Values<F> & Values<T>;
    },
    write(writer, value: Record<string, unknown>, version) {
      for (const [name, codec] of entries) codec.write(writer, value[name], version);
      if (writer.flexible) writeTags(writer, version, tagged, value);
    },
  };
}

type NamedTags = readonly [name: string, field: Tagged<unknown>][];

function readTags(reader: Reader, version: number, tags: NamedTags, value: Record<string, unknown>): void {
  for (let count = reader.unsignedVarint(); count > 0; count--) {
    const tag = reader.unsignedVarint();
    const end = reader.unsignedVarint() + reader.position;
    const [name, field] = tags.find(([, { tag: known }]) => known === tag) ?? [];
    if (name !== undefined && field) value[name] = field.codec.read(reader, version);
    reader.raw(end - reader.position);
  }
}

function writeTags(writer: Writer, version: number, tags: NamedTags, value: Record<string, unknown>): void {
  const present = tags.filter(([name, { fallback }]) => value[name] !== fallback);
  writer.unsignedVarint(present.length);
  for (const [name, { tag, codec }] of present) {
    const content = new Writer();
    content.flexible = true;
    codec.write(content, value[name], version);
    writer.unsignedVarint(tag);
    writer.unsignedVarint(content.bytes.length);
    writer.raw(content.bytes);
  }
}

/** The entry of a topic in a message: its name, and its partitions. */
export const topicOf = <P>(partition: Codec<P>) => struct({ name: string, partitions: array(partition) });

/** Skips the set of tagged fields at the reader's position. */
export function skipTags(reader: Reader): void {
  readTags(reader, 0, [], {});
}

function unexpectedNull(type: string): never {
  throw new TruncatedError(`a ${type} is null, but the protocol does not allow null for this field`);
}
