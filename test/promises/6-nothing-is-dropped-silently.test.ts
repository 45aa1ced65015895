// Promise 6: Onramp stores the bytes that were sent. It does not round numbers, decode escapes or remove
// spaces.

import { strict as assert } from "node:assert";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { post, V2_BINARY, V2_JSON } from "../support/http.ts";
import { readPartition } from "../support/read-back.ts";

const values = [
  "12345678901234567890",
  "1.0",
  "-0",
  "1e400",
  '"\\u00e9\\u0000\\ud83d\\ude00"',
  '"é 😀 \u007f"',
  '{"a" : [ 1 , 2 ],\n "b":{}}',
  '"\\"]},{\\\\"',
  '{"a\\\\":"\\\\\\"","]":"["}',
  '[[],{},"",[{}]]',
  "true",
];

describe("promise 6: no byte is dropped", () => {
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  it("an envelope's values and keys are stored byte for byte", async () => {
    const topic = await broker.topic();
    const records = values.map((value) => ` { "value" :  ${value}\t, "key":${value} } `).join(",\r\n");
    const { status, body } = await post(
      gateway(),
      `/topics/${topic}`,
      V2_JSON,
      ` {"records" : [${records}] , "key_schema_id":null} `,
    );
    assert.equal(status, 200, JSON.stringify(body));
    const stored = await readPartition(broker.addresses(), topic);
    assert.deepEqual(
      stored.map(({ value }) => value?.toString()),
      values,
    );
    assert.deepEqual(
      stored.map(({ key }) => key?.toString()),
      values,
    );
  });

  it("a raw body is stored byte for byte, JSON or not", async () => {
    const topic = await broker.topic();
    const bodies = [...values.map((value) => ` ${value} `), "not json"].map((text) => Buffer.from(text));
    for (const body of bodies) {
      const type =
        body.toString() === "not json" ? "text/plain" : "application/vnd.example+json; charset=utf-8";
      assert.equal((await post(gateway(), `/topics/${topic}`, type, body)).status, 200);
    }
    const binary = Buffer.from([0, 255, 254, 13, 10]);
    await post(gateway(), `/topics/${topic}`, "application/octet-stream", binary);
    assert.deepEqual(
      (await readPartition(broker.addresses(), topic)).map(({ value }) => value),
      [...bodies, binary],
    );
  });

  it("base64 is stored as its bytes, with headers, partition and timestamp", async () => {
    const topic = await broker.topic({ partitions: 2 });
    const record = {
      key: "AP8=",
      value: "/w==",
      partition: 1,
      timestamp: 1_600_000_000_000,
      headers: [
        { key: "h", value: "AAE=" },
        { key: "h", value: null },
      ],
    };
    const { body } = await post(
      gateway(),
      `/topics/${topic}`,
      V2_BINARY,
      JSON.stringify({ records: [record] }),
    );
    assert.deepEqual(body, {
      offsets: [{ partition: 1, offset: 0, error_code: null, error: null }],
      key_schema_id: null,
      value_schema_id: null,
    });
    const [stored] = await readPartition(broker.addresses(), topic, 1);
    assert.deepEqual(
      [stored?.key, stored?.value, stored?.timestamp, stored?.headers],
      [
        Buffer.from([0, 255]),
        Buffer.from([255]),
        1_600_000_000_000,
        [
          { key: "h", value: Buffer.from([0, 1]) },
          { key: "h", value: null },
        ],
      ],
    );
  });

  it("a raw record gets key, partition, timestamp and headers from the query and the request headers", async () => {
    const topic = await broker.topic({ partitions: 3 });
    const answer = await post(
      gateway(),
      `/topics/${topic}?key=%C3%A9+x&partition=2&timestamp=2026-01-31T12:00:00Z`,
      "text/plain",
      "v",
      {
        "Kafka-Header-Trace-Id": Buffer.from("ünï").toString("latin1"),
        Authorization: "Bearer secret",
        Cookie: "session=secret",
      },
    );
    assert.deepEqual(answer.body, {
      topic,
      partition: 2,
      offset: 0,
      timestamp: Date.parse("2026-01-31T12:00:00Z"),
    });
    const [stored] = await readPartition(broker.addresses(), topic, 2);
    assert.deepEqual(
      [stored?.key?.toString(), stored?.headers],
      ["é x", [{ key: "trace-id", value: Buffer.from("ünï") }]],
    );
  });

  it("a thousand random envelopes keep every byte", async () => {
    const topic = await broker.topic();
    const sent: string[] = [];
    for (let round = 0; round < 50; round++) {
      const some = Array.from({ length: 20 }, () => randomJson(4));
      sent.push(...some);
      const { status } = await post(
        gateway(),
        `/topics/${topic}`,
        V2_JSON,
        `{"records":[${some.map((value) => `{"value":${value}}`).join(",")}]}`,
      );
      assert.equal(status, 200);
    }
    const stored = await readPartition(broker.addresses(), topic);
    assert.deepEqual(
      stored.map(({ value }) => value?.toString() ?? "null"),
      sent,
    );
  });
});

function randomJson(depth: number): string {
  const pick = Math.floor(Math.random() * (depth > 0 ? 7 : 5));
  const space = " \n\t".slice(0, Math.floor(Math.random() * 3));
  const some = (make: () => string): string =>
    Array.from({ length: Math.floor(Math.random() * 4) }, make).join(`,${space}`);
  const text = (): string =>
    JSON.stringify(
      Array.from({ length: Math.floor(Math.random() * 6) }, () =>
        '\\"{}[],:é\n a'.charAt(Math.floor(Math.random() * 12)),
      ).join(""),
    );
  switch (pick) {
    case 0:
      return String((Math.random() - 0.5) * 1e6);
    case 1:
      return "1.50E+3";
    case 2:
      return text();
    case 3:
      return "false";
    case 4:
      return `"\\u00${Math.floor(Math.random() * 90 + 10)}"`;
    case 5:
      return `[${space}${some(() => randomJson(depth - 1))}${space}]`;
    default:
      return `{${space}${Array.from({ length: Math.floor(Math.random() * 4) }, (_, n) => `"${n}\\"":${space}${randomJson(depth - 1)}`).join(",")}}`;
  }
}
