// Compares the codecs with what Debezium 3.7 wrote for the same values. `texts.json` has PostgreSQL's text of the values of
// zoo.sql, and the JSON of Debezium's streamed records, null where Debezium leaves the field out.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { type ConnectSchema, codecOf } from "../../../../src/sources/postgres/values/codec.ts";
import { typeNamed } from "./named-types.ts";

interface Texts {
  readonly columns: Readonly<Record<string, { type: string; modifier: number; schema: string | null }>>;
  readonly values: readonly (readonly [column: string, id: number, text: string, debezium: string | null])[];
}

const TEXTS = JSON.parse(readFileSync(new URL("texts.json", import.meta.url), "utf8")) as Texts;

/** What differs from Debezium on purpose: the JSON of Onramp by column and row, under the reason. */
const DEVIATIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "Debezium loses the last digit of a long interval to floating point": {
    "c_interval 4": "315575962199999999",
  },
  "Debezium overflows 64 bits": { "c_timestamp 7": "9224318015999999999" },
  "Debezium's integers for an infinite date are ordinary dates": {
    "c_date 15": "2147483647",
    "c_date 25": "-2147483648",
  },
  "Debezium writes -infinity in an array as a date": { "c_timestamptz_arr 30": '["-infinity"]' },
  "Debezium writes null for an array with NaN or Infinity": {
    "c_numeric_arr 38": '["NAN","1.5",null]',
    "c_numeric_arr 39": '["POSITIVE_INFINITY","NEGATIVE_INFINITY"]',
  },
  "Debezium cannot parse an offset with seconds": { "c_timetz 60": '"10:57:57Z"' },
  "Debezium writes null or a Java hash code for a nested array": {
    "c_int_arr 93": "[[1,2],[3,4]]",
    "c_text_arr 94": '[["a","b"],["c",null]]',
    "c_numeric_arr 95": '[["1.5"],["2.5"]]',
    "c_timestamptz_arr 96": '[["2024-01-01T00:00:00.000000Z"],[null]]',
    "c_uuid_arr 97": '[["00000000-0000-0000-0000-000000000000"]]',
  },
  "Debezium loses BC in an array": {
    "c_timestamptz_arr 99":
      '["-0043-03-15T12:00:00.000000Z","9999-12-31T23:59:59.999999Z","2024-01-01T00:00:00.100000Z"]',
  },
  "Debezium orders the keys as a Java HashMap does": {
    "c_hstore 112":
      '"{\\"nl\\":\\"a\\\\nb\\",\\"emo\\":\\"\\uD83D\\uDE00\\",\\"k\\\\\\"1\\":\\"v\\\\\\\\\\\\\\"2\\",\\"NULL\\":\\"NULL\\",\\"empty\\":\\"\\"}"',
  },
  "Debezium loses the microseconds of times in an array": { "d_time_arr 1": "[45296789012]" },
  "Debezium writes null for an array of bits": { "d_bit8_arr 1": '["gg=="]' },
  "Debezium writes an empty array for every int2vector": { "d_int2vector 1": "[1,2]" },
  "Debezium leaves the field out": {
    "c_composite 1": '"(1,x)"',
    "c_composite 3": '"(,)"',
    "c_composite 113": '"(-1,\\"a \\"\\"b\\"\\", (c)\\")"',
    "d_interval_arr 1": "[37091106000000]",
    "d_money_arr 1": '["1.50"]',
    "d_domain_arr 1": "[1,2]",
    "d_composite_arr 1": '["(1,x)"]',
    "d_point_arr 1": '[{"x":1.0,"y":2.0,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null}]',
    "d_xml_arr 1": '["<a/>"]',
    "d_int4multirange 1": '"{[1,3),[5,7)}"',
    "d_pg_lsn 1": '"16/B374D848"',
    "d_regclass 1": '"pg_class"',
    "d_xid 1": '"123"',
    "d_tsquery 1": "\"'fat' & 'cat'\"",
    "d_jsonpath 1": '"$.\\"a\\""',
    "d_lquery 1": '"a.*"',
  },
};

/** Whether two JSON texts are the same, but for the spelling of floating point numbers. */
function isSame(type: string, json: string, debezium: string | null): boolean {
  if (json === debezium) return true;
  if (debezium === null) return false;
  if (type === "float4") return Math.fround(JSON.parse(json)) === Math.fround(JSON.parse(debezium));
  if (!/float|point|line|lseg|path|circle/.test(type)) return false;
  return JSON.stringify(JSON.parse(json)) === JSON.stringify(JSON.parse(debezium));
}

/** Writes a schema as the notes on the golden records do. */
function notation(schema: ConnectSchema): string {
  const { type, items, fields, name, version, parameters } = schema;
  if (items) return `array of ${notation(items).replace(/ v\d+/, "")}`;
  const members = fields?.map(({ field, type }) => `${field} ${type}`).join(", ");
  return [
    members === undefined ? type : `${type}(${members})`,
    ...(name === undefined ? [] : [`${name} v${version}`]),
    ...(parameters ? [JSON.stringify(parameters).replace('":"', '": "')] : []),
  ].join("; ");
}

describe("sources: postgres values, golden records", () => {
  const deviations = new Map(Object.values(DEVIATIONS).flatMap((values) => Object.entries(values)));

  it("writes what Debezium writes, except for the listed deviations", () => {
    const different: string[] = [];
    const found = new Set<string>();
    for (const [column, id, text, debezium] of TEXTS.values) {
      const { type, modifier } = TEXTS.columns[column] ?? { type: "", modifier: -1 };
      const json = codecOf(typeNamed(type), modifier).json(text);
      const key = `${column} ${id}`;
      const deviation = deviations.get(key);
      if (isSame(type, json, debezium)) continue;
      if (deviation === json) found.add(key);
      else different.push(`${key}: ${text} is ${json}, and ${debezium} in Debezium`);
    }
    assert.deepEqual(different, []);
    assert.deepEqual(
      [...deviations.keys()].filter((key) => !found.has(key)),
      [],
    );
  });

  it("has the schemas of Debezium, for every type that Debezium has", () => {
    for (const [column, { type, modifier, schema }] of Object.entries(TEXTS.columns)) {
      // Debezium has the schema of one element here, and no value.
      if (schema === null || column === "d_bit8_arr") continue;
      assert.equal(notation(codecOf(typeNamed(type), modifier).schema), schema, column);
    }
  });
});
