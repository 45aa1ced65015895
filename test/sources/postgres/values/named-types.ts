// Types by their names, for the tests of values.

import { builtinType } from "../../../../src/sources/postgres/values/builtin-types.ts";
import { codecOf, type PgType } from "../../../../src/sources/postgres/values/codec.ts";

const LARGEST_OID = 7000;
const TYPES = new Map<string, PgType>();

for (let oid = 1; oid < LARGEST_OID; oid++) {
  const type = builtinType(oid);
  if (type) TYPES.set(type.name, type);
}

const CREATED: PgType[] = [
  { oid: 16_400, name: "citext", kind: "base" },
  { oid: 16_401, name: "hstore", kind: "base" },
  { oid: 16_402, name: "ltree", kind: "base" },
  { oid: 16_403, name: "lquery", kind: "base" },
  { oid: 16_404, name: "mood", kind: "enum", labels: ["sad", "ok", "very happy"] },
  { oid: 16_405, name: "posint", kind: "domain", base: typeNamed("int4"), baseModifier: -1 },
  { oid: 16_406, name: "pair", kind: "composite" },
];
for (const element of CREATED) {
  TYPES.set(element.name, element);
  TYPES.set(`_${element.name}`, arrayType(element));
}

/** Returns a built-in type, or one of those that `zoo.sql` of the golden records creates. */
export function typeNamed(name: string): PgType {
  const type = TYPES.get(name);
  if (!type) throw new Error(`No type is named ${name}`);
  return type;
}

/** Returns the type of arrays of a type. */
export function arrayType(element: PgType): PgType {
  return { oid: element.oid + 100, name: `_${element.name}`, kind: "base", element, delimiter: "," };
}

/** Converts a value. */
export const jsonOf = (name: string, text: string, modifier = -1): string =>
  codecOf(typeNamed(name), modifier).json(text);
