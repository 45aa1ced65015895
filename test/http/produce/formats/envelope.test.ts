// The envelopes: from a body to drafts.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../../src/core/errors.ts";
import type { Draft } from "../../../../src/core/record.ts";
import { envelopes } from "../../../../src/http/produce/formats/envelope.ts";
import type { Format, ProduceRequest } from "../../../../src/http/produce/formats/format.ts";

const { binary: binaryEnvelope, json: jsonEnvelope, text: textEnvelope } = envelopes;

function drafts(format: Format, body: unknown, more: Partial<ProduceRequest> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const request = {
    partition: undefined,
    query: "",
    rawHeaders: [],
    maxRecords: 20_000,
    charge: () => {},
    ...more,
  };
  return format.drafts({ ...request, body: Buffer.from(text) }) as Draft[];
}

/** The error of an envelope. */
function refusal(format: Format, body: unknown, more: Partial<ProduceRequest> = {}): OnrampError {
  try {
    drafts(format, body, more);
  } catch (error) {
    if (error instanceof OnrampError) return error;
    throw error;
  }
  throw new Error("the envelope was taken");
}

describe("http: envelope, drafts", () => {
  it("keeps the bytes of keys and values of JSON", () => {
    const [first, second] = drafts(
      jsonEnvelope,
      '{"records":[{"key": {"a":1.0}, "value":"\\u00e9" },{"value":null,"key":null}]}',
    );
    assert.deepEqual([`${first?.key}`, `${first?.value}`], ['{"a":1.0}', '"\\u00e9"']);
    assert.deepEqual([first?.parsed, first?.json], [undefined, undefined]);
    assert.deepEqual([second?.key, second?.value, second?.parsed], [null, null, undefined]);
  });

  it("decodes base64, and encodes text as UTF-8; neither counts as JSON", () => {
    const [binary] = drafts(binaryEnvelope, { records: [{ key: "/+8=", value: "" }] });
    const [text] = drafts(textEnvelope, { records: [{ key: "é", value: "1" }] });
    assert.deepEqual([binary?.key, binary?.value], [Buffer.from([0xff, 0xef]), Buffer.alloc(0)]);
    assert.deepEqual([`${text?.key}`, `${text?.value}`], ["é", "1"]);
    assert.deepEqual([binary?.parsed, text?.parsed], [undefined, undefined]);
  });

  it("reads partition, timestamp and headers of each record", () => {
    const headers = [{ key: "a", value: "YQ==" }, { key: "b", value: null }, { key: "c" }];
    const records = [
      { value: "1", partition: 3, timestamp: 5, headers },
      { value: "2", partition: null, timestamp: null },
    ];
    const [first, second] = drafts(textEnvelope, { records });
    assert.deepEqual([first?.partition, first?.timestamp], [3, 5]);
    assert.deepEqual(first?.headers, [
      { key: "a", value: Buffer.from("a") },
      { key: "b", value: null },
      { key: "c", value: null },
    ]);
    assert.deepEqual([second?.partition, second?.timestamp, second?.headers], [undefined, undefined, []]);
  });

  it("uses the partition of the path if the record has none", () => {
    const [draft] = drafts(textEnvelope, { records: [{ value: "a", partition: null }] }, { partition: 4 });
    assert.equal(draft?.partition, 4);
  });

  it("accepts the members that Confluent's clients send for a schema registry, if they are null", () => {
    const schemas = { key_schema: null, key_schema_id: null, value_schema: null, value_schema_id: null };
    assert.equal(drafts(textEnvelope, { ...schemas, records: [{ value: "a" }] }).length, 1);
    for (const name of Object.keys(schemas))
      assert.match(
        refusal(textEnvelope, { [name]: 1, records: [{ value: "a" }] }).message,
        new RegExp(`"${name}"`),
      );
  });
});

describe("http: envelope, refusals", () => {
  const shape = /An envelope must be \{"records":/;
  const rows: readonly [title: string, format: Format, body: unknown, says: RegExp][] = [
    ["no object", jsonEnvelope, "1", shape],
    ["null", jsonEnvelope, "null", shape],
    ["a list", jsonEnvelope, "[]", shape],
    ["without records", jsonEnvelope, {}, shape],
    ["with records that are not a list", jsonEnvelope, { records: { length: 1 } }, shape],
    ["with an empty list", jsonEnvelope, { records: [] }, shape],
    [
      "with an unknown member",
      jsonEnvelope,
      { records: [{ value: 1 }], other: null },
      /member "other" is not supported/,
    ],
    ["with a record that is a string", textEnvelope, { records: ["a"] }, /A record must be an object/],
    ["with a record that is null", textEnvelope, { records: [null] }, /A record must be an object/],
    ["with a record that is a list", textEnvelope, { records: [[]] }, /A record must be an object/],
    [
      "with an unknown member of a record",
      textEnvelope,
      { records: [{ valeu: 1 }] },
      /"valeu" is not supported; the members of a record are key, value, partition, timestamp, headers/,
    ],
    [
      "with a partition that is text",
      textEnvelope,
      { records: [{ partition: "1" }] },
      /The partition must be a number/,
    ],
    [
      "with a timestamp that is text",
      textEnvelope,
      { records: [{ timestamp: "1" }] },
      /The timestamp must be a number/,
    ],
    ["with an invalid timestamp", textEnvelope, { records: [{ timestamp: -1 }] }, /milliseconds since 1970/],
    [
      "with a value that is not text",
      textEnvelope,
      { records: [{ value: 1 }] },
      /the value must be a string/,
    ],
    ["with a key that is not text", textEnvelope, { records: [{ key: {} }] }, /the key must be a string/],
    [
      "with an unpaired surrogate",
      textEnvelope,
      '{"records":[{"value":"\\ud800"}]}',
      /value contains an unpaired surrogate/,
    ],
    [
      "with base64 of a wrong length",
      binaryEnvelope,
      { records: [{ value: "YQ=" }] },
      /value must be base64/,
    ],
    ["with base64 without padding", binaryEnvelope, { records: [{ key: "YQ" }] }, /key must be base64/],
    ["with base64 of the URL kind", binaryEnvelope, { records: [{ value: "-_8=" }] }, /value must be base64/],
    [
      "with base64 that begins with something else",
      binaryEnvelope,
      { records: [{ value: "!AAA" }] },
      /value must be base64/,
    ],
    [
      "with base64 that ends with something else",
      binaryEnvelope,
      { records: [{ value: "AAA!" }] },
      /value must be base64/,
    ],
    [
      "with base64 that is all padding",
      binaryEnvelope,
      { records: [{ value: "====" }] },
      /value must be base64/,
    ],
    ["with base64 that is a number", binaryEnvelope, { records: [{ value: 1234 }] }, /value must be base64/],
    ["with headers that are not a list", textEnvelope, { records: [{ headers: {} }] }, /Headers must be \[/],
    [
      "with a header that is not an object",
      textEnvelope,
      { records: [{ headers: [1] }] },
      /Headers must be \[/,
    ],
    [
      "with a header without a key",
      textEnvelope,
      { records: [{ headers: [{ value: "" }] }] },
      /Headers must be \[/,
    ],
    [
      "with a header's unknown member",
      textEnvelope,
      { records: [{ headers: [{ key: "a", x: 1 }] }] },
      /Headers must be \[/,
    ],
    [
      "with an unpaired surrogate in a header",
      textEnvelope,
      '{"records":[{"headers":[{"key":"\\udc00"}]}]}',
      /Headers must be \[/,
    ],
    [
      "with a header that is not base64",
      textEnvelope,
      { records: [{ headers: [{ key: "a", value: "b" }] }] },
      /must be base64/,
    ],
  ];
  for (const [title, format, body, says] of rows)
    it(`${title}: 400`, () => {
      const { code, message } = refusal(format, body);
      assert.equal(code, 40001);
      assert.match(message, says);
    });

  it("with a name of any length: at most 60 characters of it are quoted", () => {
    const name = "n".repeat(90);
    assert.match(refusal(textEnvelope, { [name]: 1, records: [{}] }).message, /"n{60}" is not supported/);
    assert.match(refusal(textEnvelope, { records: [{ [name]: 1 }] }).message, /"n{60}" is not supported/);
  });

  it("with a header that is null: 400", () => {
    assert.match(refusal(textEnvelope, { records: [{ headers: [null] }] }).message, /Headers must be \[/);
  });

  it("with a query: 400", () => {
    assert.match(
      refusal(textEnvelope, { records: [{ value: "a" }] }, { query: "key=1" }).message,
      /no query/,
    );
  });

  it("with a partition in the path and in the record: 400", () => {
    const error = refusal(textEnvelope, { records: [{ partition: 0 }] }, { partition: 0 });
    assert.match(error.message, /specify it once/);
  });

  it("with a partition number that is impossible: 404", () => {
    assert.equal(refusal(textEnvelope, { records: [{ partition: -1 }] }).code, 40402);
  });

  it("names each malformed record and counts them", () => {
    const error = refusal(textEnvelope, { records: [{ value: "a" }, { value: 1 }, { partition: -1 }] });
    assert.deepEqual(
      error.errors?.map(({ index, error_code }) => [index, error_code]),
      [
        [1, 40001],
        [2, 40402],
      ],
    );
    assert.match(
      error.message,
      /^2 of 3 records are malformed; nothing was written\. Record 1: In the text format/,
    );
  });

  it("names at most a hundred of them, and counts all", () => {
    const error = refusal(textEnvelope, { records: Array.from({ length: 150 }, () => ({ value: 1 })) });
    assert.deepEqual([error.errors?.length, error.message.slice(0, 10)], [100, "150 of 150"]);
  });
});
