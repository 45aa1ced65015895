// The reader of envelopes, which walks over the bytes, accepts and refuses the same bodies as `JSON.parse` and a search for the
// positions of keys and values.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../../src/core/errors.ts";
import type { Draft } from "../../../../src/core/record.ts";
import { envelopes } from "../../../../src/http/produce/formats/envelope.ts";
import { decodes, draftsByParse } from "../../../support/envelope-by-parse/envelope.ts";
import { randomNumbers } from "../../../support/random-numbers.ts";
import { soak } from "../../../support/soak.ts";

const BODIES = soak ? 100_000 : 8000;
const FORMATS = ["json", "binary", "text"] as const;

/** The drafts, or the error without the position of a character, which is in bytes here and in UTF-16 there. */
function outcome(read: () => readonly Draft[]): unknown {
  try {
    return read().map(({ parsed, ...draft }) => draft);
  } catch (error) {
    if (!(error instanceof OnrampError)) throw error;
    const message = error.message.replace(/( at)? position \d+|: (it ends|unexpected|another).*/s, "");
    // Of two faults in the envelope itself, either may be reported.
    if (/An envelope must be|is given twice in the envelope/.test(message))
      return "the shape of the envelope";
    return { code: error.code, message, errors: error.errors };
  }
}

/** Bodies that are valid, nearly valid, and damaged. @param pick returns an integer from 0 to n - 1 */
function bodyOf(pick: (n: number) => number): Buffer {
  const one = <T>(...list: T[]): T => list[pick(list.length)] as T;
  const space = (): string => (pick(6) === 0 ? one(" ", "\n", "\t \r") : "");
  const text = (): string =>
    one('"a"', '""', '"é€😀"', '"\\u00e9\\n"', '"YQ=="', '"YWI\\/"', '"\\ud800"', '"}],["', '"\\\\"', '"YQ"');
  const value = (depth = 0): string => {
    const inner = (): string => (depth > 3 ? "1" : value(depth + 1));
    return one(
      ...[text, text, () => "null", () => "1.0", () => "-12e-3", () => "true", () => "{}", () => "[]"],
      () => `[${inner()},${space()}${inner()}]`,
      () => `{"a":${inner()},${space()}"value" :${inner()}}`,
      () => "12345678901234567890",
    )();
  };
  const header = (): string =>
    one(
      '{"key":"h","value":"YQ=="}',
      '{"key":"h"}',
      '{"key":"h","key":"i"}',
      '{"key":1}',
      "1",
      '{"x":1}',
      "null",
    );
  const member = (): string =>
    one(
      ...Array<() => string>(4).fill(() => `"value"${space()}:${space()}${value()}`),
      ...Array<() => string>(3).fill(() => `"key":${value()}`),
      () => `"partition":${one("0", "3", "-1", "1.5", '"1"', "null", "1e1", "[]")}`,
      () => `"timestamp":${one("5", "-5", "1700000000000", "null", '"5"', "{}", "1e400")}`,
      () => `"headers":${one("[]", "null", "{}", `[${header()}]`, `[${header()},${header()}]`)}`,
      () => `"\\u0076alue":${value()}`,
      () => one('"__proto__":1', '"other":2', '"constructor":null', '"":0'),
    )();
  const list = (count: number, item: () => string): string =>
    Array.from({ length: count }, item).join(`${space()},${space()}`);
  const record = (): string =>
    one(
      () => `{${space()}${list(pick(4), member)}${space()}}`,
      () => `{"value":${value()}}`,
    )();
  const records = (): string =>
    one(
      () => `[${space()}${list(pick(4), record)}${space()}]`,
      () => `[${list(2, () => one(record(), "1", "null", "[]"))}]`,
      () => one("{}", "null", "1"),
    )();
  const envelopeMember = (): string =>
    one(
      ...Array<() => string>(8).fill(() => `"records"${space()}:${space()}${records()}`),
      () => `"${one("key_schema", "value_schema_id", "key_schema_id")}":${one("null", "null", "1")}`,
      () => one('"other":null', '"re\\u0063ords":[{}]', '"__proto__":[]'),
    )();
  let body = `${space()}{${space()}${list(one(1, 1, 1, 1, 0, 2), envelopeMember)}}${space()}`;
  if (pick(20) === 0) body = value();
  if (pick(4) > 0) return Buffer.from(body);
  const bytes = [...Buffer.from(body)];
  const at = pick(bytes.length);
  const damage = one<() => unknown>(
    () => bytes.splice(at, 1),
    () => bytes.splice(at, 0, one(0x22, 0x2c, 0x7d, 0x5d, 0x5c, 0x20, 0x00, 0xff)),
    () => bytes.splice(at),
    () => bytes.splice(at, 1, pick(256)),
  );
  damage();
  return Buffer.from(bytes);
}

describe("http: envelope, read in one walk", function () {
  this.timeout(soak ? 600_000 : 60_000);

  it(`has the same result as the reading by JSON.parse, for ${BODIES} bodies in all formats`, () => {
    const seed = Number(process.env["ONRAMP_SEED"] ?? 1);
    const pick = randomNumbers(seed);
    let valid = 0;
    for (let n = 0; n < BODIES; n++) {
      const body = bodyOf(pick);
      const format = FORMATS[n % 3] as (typeof FORMATS)[number];
      const partition = pick(5) === 0 ? 2 : undefined;
      const request = { body, partition, query: "", rawHeaders: [], maxRecords: 20_000, charge: () => {} };
      const isRepeated = body.toString().split(/"re(?:c|\\u0063)ords"/).length > 2;
      const found = outcome(() => envelopes[format].drafts(request) as Draft[]);
      const expected = outcome(() => draftsByParse(body, decodes[format], partition));
      // Both refuse an envelope that has "records" twice, for one of its faults.
      if (isRepeated && !Array.isArray(found) && !Array.isArray(expected)) continue;
      assert.deepEqual(found, expected, `seed ${seed}, body ${n}, ${format}: ${body.toString()}`);
      if (Array.isArray(expected)) valid++;
    }
    assert.ok(valid > BODIES / 30, `only ${valid} bodies were valid`);
  });
});
