// The format that each content type selects.

import { strict as assert } from "node:assert";
import { batches, envelopes } from "../../../../src/http/produce/formats/envelope.ts";
import { raw, rawJson } from "../../../../src/http/produce/formats/raw.ts";
import { formatOf, ndjson } from "../../../../src/http/produce/formats/register.ts";
import { thrownCode } from "../../../support/codes.ts";

const { binary: binaryEnvelope, json: jsonEnvelope, text: textEnvelope } = envelopes;

describe("http: content types", () => {
  const named: readonly [string | undefined, ReturnType<typeof formatOf>][] = [
    [undefined, raw],
    ["text/plain", raw],
    ["text/plain; charset=latin1", raw],
    ["application/octet-stream", raw],
    ["application/jsonp", raw],
    ["application/x-json-stream", raw],
    ['text/plain; a="x;y,application/json"', raw],
    ["application/json", rawJson],
    ["Application/JSON", rawJson],
    ["text/json", rawJson],
    ["application/ld+json", rawJson],
    ["application/json;charset=utf-8", rawJson],
    ["application/json ; Charset=UTF-8", rawJson],
    ['application/json; charset="utf-8"', rawJson],
    ["application/json; charset=utf8", rawJson],
    ["application/json; charset=us-ascii", rawJson],
    ["application/json; profile=x; charset=utf-8", rawJson],
    ["application/json; profile=latin1", rawJson],
    ['application/json; profile="x;charset=latin1,y"; charset="ut\\f-8"', rawJson],
    ["application/json;", rawJson],
    ["application/json;;charset=utf-8 ; ", rawJson],
    ["application/json, Application/JSON", rawJson],
    ["application/json; a=1; charset=utf-8, application/json;charset=UTF-8;a=1", rawJson],
    ["application/x-ndjson,application/x-ndjson", ndjson],
    ["application/x-ndjson", ndjson],
    ["application/ndjson", ndjson],
    ["application/jsonl; charset=utf-8", ndjson],
    ["application/json-lines", ndjson],
    ["application/x-jsonlines", ndjson],
    ["application/jsonlines", ndjson],
    ["text/x-ndjson", ndjson],
    ["application/json-seq", raw],
    ["application/x-ndjson; charset=utf-8", ndjson],
    ["application/vnd.kafka.json.v2+json", jsonEnvelope],
    ["application/vnd.kafka.binary.v2+json", binaryEnvelope],
    ["application/vnd.kafka.text.v2+json; charset=utf-8", textEnvelope],
  ];
  for (const [type, format] of named)
    it(`${type} selects its format, every time`, () => {
      assert.deepEqual([formatOf(type, "any") === format, formatOf(type, "any") === format], [true, true]);
    });

  for (const type of [
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/vnd.kafka.avro.v2+json",
    "application/vnd.kafka.json.v1+json",
    "application/vnd.kafka.v2+json",
    "application/json; charset=latin1",
    "application/x-ndjson; charset=utf-16",
    'application/vnd.kafka.json.v2+json; charset="iso-8859-1"',
    "",
    " ",
    "application",
    "json",
    "constructor",
    "application/",
    "/json",
    "a/b/json",
    "application /json",
    "application/json charset=utf-8",
    "application/json; charset",
    "application/json; charset=",
    "application/json; charset = utf-8",
    'application/json; charset="utf-8',
    'application/json; a="x" y',
    "application/json; charset=utf-8; charset=utf-8",
    "application/x-ndjson, application/json",
    "application/json; charset=utf-8, application/json",
    "application/json,",
    ",application/json",
    "application/json, ",
  ])
    it(`${type} is refused, every time: 415`, () => {
      assert.deepEqual(
        [0, 1].map(() => thrownCode(() => formatOf(type, "any"))),
        [41501, 41501],
      );
    });

  it("the error lists the supported types, and at most 100 characters of the other one", () => {
    const type = `application/cloudevents${"x".repeat(200)}`;
    assert.throws(
      () => formatOf(type, "any"),
      new RegExp(
        `^OnrampError: Content type "${type.slice(0, 100)}" is not .*x-ndjson.*application/vnd\\.kafka\\.json\\.v2\\+json`,
      ),
    );
    assert.throws(
      () => formatOf(`application/json; charset=${"y".repeat(90)}`, "any"),
      /Charset "y{40}" is not/,
    );
  });

  it("the result is right even if clients send more content types than are cached", () => {
    for (let n = 0; n < 500; n++) assert.equal(formatOf(`application/json; n=${n}`, "any"), rawJson);
    assert.equal(formatOf("application/json; n=0", "any"), rawJson);
  });

  for (const [shape, accepted, refused] of [
    [
      "batch",
      [
        [undefined, batches.json],
        ["application/json", batches.json],
        ["application/json; charset=utf-8", batches.json],
        ["application/vnd.kafka.json.v2+json", batches.json],
        ["application/vnd.kafka.binary.v2+json", batches.binary],
        ["application/vnd.kafka.text.v2+json", batches.text],
      ],
      [
        "application/x-ndjson",
        "text/plain",
        "application/octet-stream",
        "application/vnd.kafka.avro.v2+json",
      ],
    ],
    [
      "lines",
      [
        [undefined, ndjson],
        ["application/x-ndjson", ndjson],
        ["application/jsonl; charset=utf-8", ndjson],
      ],
      [
        "application/json",
        "text/plain",
        "application/vnd.kafka.json.v2+json",
        "application/x-www-form-urlencoded",
      ],
    ],
  ] as const) {
    it(`the path ${shape} accepts its own formats, on repeated calls`, () => {
      for (const [type, format] of [...accepted, ...accepted])
        assert.ok(formatOf(type, shape) === format, String(type));
    });

    it(`the path ${shape} refuses other formats, and names the path of each: 415`, () => {
      for (const type of [...refused, `${accepted.at(-1)?.[0]}; charset=latin1`])
        assert.equal(
          thrownCode(() => formatOf(type, shape)),
          41501,
          type,
        );
      assert.throws(() => formatOf("text/plain", shape), /POST \/topics\/\{topic\} takes one raw record/);
    });
  }
});
