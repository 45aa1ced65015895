// The Kafka Connect schemas of Debezium's types.

import type { ConnectSchema } from "./types.ts";

/** A type of Debezium, such as `time.Date`: a schema with a name. */
export const named = (type: string, name: string, parameters?: Record<string, string>): ConnectSchema => ({
  type,
  name: `io.debezium.${name}`,
  version: 1,
  ...(parameters && { parameters }),
});

/** An array. Its elements are optional, since any can be NULL. */
export const arrayOf = (element: ConnectSchema): ConnectSchema => ({
  type: "array",
  items: withOptional(element, true),
});

/** A point: `x`, `y`, and the same as WKB. */
export const POINT: ConnectSchema = struct("Point", 1, "Geometry (POINT)", [
  field("x", { type: "double" }),
  field("y", { type: "double" }),
  field("wkb", { type: "bytes" }, true),
  field("srid", { type: "int32" }, true),
]);

/** An infinite line: its coefficients. */
export const LINE: ConnectSchema = struct("Line", 1, "Geometry (LINE)", [
  field("a", { type: "double" }),
  field("b", { type: "double" }),
  field("c", { type: "double" }),
]);

/** A circle. */
export const CIRCLE: ConnectSchema = struct("Circle", 1, "Geometry (CIRCLE)", [
  field("center", POINT),
  field("radius", { type: "double" }),
]);

/** Every other shape, as WKB. */
export const GEOMETRY: ConnectSchema = struct("Geometry", 2, "Geometry", [
  field("wkb", { type: "bytes" }),
  field("srid", { type: "int32" }, true),
  field(
    "extensions",
    {
      type: "map",
      keys: withOptional({ type: "string" }, false),
      values: withOptional({ type: "string" }, false),
    },
    true,
  ),
]);

function struct(
  name: string,
  version: number,
  doc: string,
  fields: NonNullable<ConnectSchema["fields"]>,
): ConnectSchema {
  return { type: "struct", fields, name: `io.debezium.data.geometry.${name}`, version, doc };
}

function field(
  name: string,
  schema: ConnectSchema,
  optional = false,
): ConnectSchema & { optional: boolean; field: string } {
  return { ...withOptional(schema, optional), field: name };
}

/** Adds `optional` where JsonConverter writes it: after what the schema contains, before its name. */
function withOptional(schema: ConnectSchema, optional: boolean): ConnectSchema & { optional: boolean } {
  const { type, items, fields, keys, values, ...rest } = schema;
  return {
    type,
    ...(items && { items }),
    ...(keys && { keys }),
    ...(values && { values }),
    ...(fields && { fields }),
    optional,
    ...rest,
  };
}
