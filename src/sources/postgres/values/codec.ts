// Converts values of PostgreSQL, in its text format, to the JSON that Debezium writes.

import { arrayJson, vectorJson } from "./arrays.ts";
import { bitsJson, byteaJson } from "./bytes.ts";
import { dateJson, timestampJson, timestamptzJson } from "./dates.ts";
import * as geometry from "./geometry.ts";
import { hstoreJson, UNAVAILABLE_HSTORE } from "./hstore.ts";
import { intervalJson } from "./intervals.ts";
import { jsonString } from "./json-text.ts";
import { floatJson, moneyJson, numericJson } from "./numbers.ts";
import { arrayOf, CIRCLE, GEOMETRY, LINE, named, POINT } from "./schemas.ts";
import { timeJson, timetzJson } from "./times.ts";
import type { ConnectSchema, PgType, ValueCodec } from "./types.ts";
import { UNAVAILABLE, UNAVAILABLE_BYTES, unavailableArray } from "./unavailable.ts";

export type { ConnectSchema, PgType, ValueCodec };
export { jsonString };

/** The length that Debezium states for bits of any length. */
const ANY_LENGTH = 2_147_483_647;

const asIs = (text: string): string => text;
/** For texts without a character that JSON escapes. */
const quoted = (text: string): string => `"${text}"`;
const booleanJson = (text: string): string => (text === "t" ? "true" : "false");
const bitJson = (text: string): string => (text === "1" ? "true" : "false");
const precisionOf = (modifier: number): number => (modifier < 0 ? 6 : modifier);

const codec = (
  schema: ConnectSchema,
  json: (text: string) => string,
  unavailable = UNAVAILABLE,
): ValueCodec => ({ schema, json, unavailable });

const stringCodec = (schema: ConnectSchema = { type: "string" }): ValueCodec => codec(schema, jsonString);
const plain = (type: string, json: (text: string) => string): ValueCodec => codec({ type }, json);

/** Types whose modifier does not matter. A type that is not listed is a string: PostgreSQL's text. */
const BY_NAME: ReadonlyMap<string, ValueCodec> = new Map([
  ["bool", plain("boolean", booleanJson)],
  ["int2", plain("int16", asIs)],
  ["int4", plain("int32", asIs)],
  ["int8", plain("int64", asIs)],
  ["oid", plain("int64", asIs)],
  ["float4", plain("float", floatJson)],
  ["float8", plain("double", floatJson)],
  ["numeric", plain("string", numericJson)],
  ["money", plain("string", moneyJson)],
  ["inet", plain("string", quoted)],
  ["cidr", plain("string", quoted)],
  ["macaddr", plain("string", quoted)],
  ["macaddr8", plain("string", quoted)],
  ["uuid", codec(named("string", "data.Uuid"), quoted)],
  ["json", stringCodec(named("string", "data.Json"))],
  ["jsonb", stringCodec(named("string", "data.Json"))],
  ["xml", stringCodec(named("string", "data.Xml"))],
  ["tsvector", stringCodec(named("string", "data.Tsvector"))],
  ["ltree", stringCodec(named("string", "data.Ltree"))],
  ["hstore", codec(named("string", "data.Json"), hstoreJson, UNAVAILABLE_HSTORE)],
  ["bytea", codec({ type: "bytes" }, byteaJson, UNAVAILABLE_BYTES)],
  ["date", codec(named("int32", "time.Date"), dateJson)],
  ["timetz", codec(named("string", "time.ZonedTime"), timetzJson)],
  ["interval", codec(named("int64", "time.MicroDuration"), intervalJson)],
  ["point", codec(POINT, geometry.pointJson)],
  ["line", codec(LINE, geometry.lineJson)],
  ["circle", codec(CIRCLE, geometry.circleJson)],
  ["lseg", codec(GEOMETRY, geometry.lsegJson)],
  ["box", codec(GEOMETRY, geometry.boxJson)],
  ["path", codec(GEOMETRY, geometry.pathJson, geometry.unavailableGeometry("path"))],
  ["polygon", codec(GEOMETRY, geometry.polygonJson, geometry.unavailableGeometry("polygon"))],
]);

/** Types whose codec depends on the modifier. */
const BY_MODIFIER: ReadonlyMap<string, (modifier: number) => ValueCodec> = new Map([
  ["bit", bitCodec],
  ["varbit", bitsCodec],
  ["time", timeCodec],
  ["timestamp", timestampCodec],
  ["timestamptz", timestamptzCodec],
]);

const TEXT = stringCodec();

/**
 * Returns the codec of a type.
 *
 * @param modifier `atttypmod` of the column, -1 for none
 */
export function codecOf(type: PgType, modifier: number): ValueCodec {
  if (type.kind === "domain") return type.base ? codecOf(type.base, type.baseModifier ?? -1) : TEXT;
  if (type.kind === "enum")
    return stringCodec(named("string", "data.Enum", { allowed: (type.labels ?? []).join(",") }));
  if (type.element) return arrayCodec(type, type.element, modifier);
  if (type.kind !== "base") return TEXT;
  return BY_NAME.get(type.name) ?? BY_MODIFIER.get(type.name)?.(modifier) ?? TEXT;
}

function arrayCodec(type: PgType, elementType: PgType, modifier: number): ValueCodec {
  const element = codecOf(elementType, modifier);
  const delimiter = (type.delimiter ?? ",").charCodeAt(0);
  const isVector = type.name === "int2vector" || type.name === "oidvector";
  return codec(
    arrayOf(element.schema),
    isVector ? (text) => vectorJson(text, element.json) : (text) => arrayJson(text, delimiter, element.json),
    unavailableArray(elementType.name, element.unavailable),
  );
}

function bitCodec(modifier: number): ValueCodec {
  return modifier === 1 ? plain("boolean", bitJson) : bitsCodec(modifier);
}

function bitsCodec(modifier: number): ValueCodec {
  const length = String(modifier < 0 ? ANY_LENGTH : modifier);
  return codec(named("bytes", "data.Bits", { length }), bitsJson, UNAVAILABLE_BYTES);
}

function timeCodec(modifier: number): ValueCodec {
  const precision = precisionOf(modifier);
  const schema = precision <= 3 ? named("int32", "time.Time") : named("int64", "time.MicroTime");
  return codec(schema, timeJson(precision));
}

function timestampCodec(modifier: number): ValueCodec {
  const precision = precisionOf(modifier);
  const schema = named("int64", precision <= 3 ? "time.Timestamp" : "time.MicroTimestamp");
  return codec(schema, timestampJson(precision));
}

function timestamptzCodec(modifier: number): ValueCodec {
  return codec(named("string", "time.ZonedTimestamp"), timestamptzJson(precisionOf(modifier)));
}
