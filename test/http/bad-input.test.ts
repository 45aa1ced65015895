// Bad requests of every kind are answered 4xx with a next step, never 5xx, and nothing is written.

import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { metric, post, rawExchange, send, V2_BINARY, V2_JSON, V2_TEXT } from "../support/http.ts";
import { readTopic } from "../support/read-back.ts";
import { bound } from "../support/soak.ts";

const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const one = (record: string): string => `{"records":[${record}]}`;
const TOKEN = "onr_test-token";
const hash = (token: string): string => `sha256:${createHash("sha256").update(token).digest("hex")}`;

const cases: [
  name: string,
  type: string | undefined,
  body: string | Buffer,
  status: number,
  code: number,
  path?: string,
][] = [
  ["broken JSON, raw", "application/json", '{"a":', 400, 40001],
  ["broken JSON, envelope", V2_JSON, '{"records":[', 400, 40001],
  ["JSON with something after it", "application/json", "{} x", 400, 40001],
  ["a byte order mark", "application/json", "\ufeff{}", 400, 40001],
  ["a content type that is not built", "application/vnd.kafka.avro.v2+json", "{}", 415, 41501],
  ["NDJSON without a line", "application/x-ndjson", "\n\r\n", 400, 40001],
  ["CloudEvents, until they are built", "application/cloudevents+json", "{}", 415, 41501],
  ["a charset other than UTF-8", "application/json; charset=latin1", "{}", 415, 41501],
  ["an unknown charset", `${V2_JSON}; charset="DEADBEEF"`, "{}", 415, 41501],
  ["invalid UTF-8, raw JSON", "application/json", Buffer.from([0x22, 0xff, 0x22]), 400, 40001],
  [
    "invalid UTF-8, envelope",
    V2_JSON,
    Buffer.concat([Buffer.from('{"records":[{"value":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}]}')]),
    400,
    40001,
  ],
  ["26 MB", "application/octet-stream", Buffer.alloc(26 * 1024 * 1024), 413, 41301],
  ["depth 100,000, raw", "application/json", deep(100_000), 400, 40001],
  ["depth 100,000, in an envelope", V2_JSON, one(`{"value":${deep(100_000)}}`), 400, 40001],
  ["no records", V2_JSON, '{"records":[]}', 400, 40001],
  ["no envelope", V2_JSON, "[]", 400, 40001],
  ["an envelope that is null", V2_JSON, "null", 400, 40001],
  ["records that are not an array", V2_JSON, '{"records":{}}', 400, 40001],
  ["a record that is not an object", V2_JSON, one("1"), 400, 40001],
  ["an unknown member in a record", V2_JSON, one('{"valur":1}'), 400, 40001],
  ["an unknown member in the envelope", V2_JSON, '{"records":[{"value":1}],"x":1}', 400, 40001],
  [
    "a member twice in the envelope",
    V2_JSON,
    '{"records":[{"value":1}],"records":[{"value":2}]}',
    400,
    40001,
  ],
  ["a member twice in a record", V2_JSON, one('{"value":1,"value":2}'), 400, 40001],
  ["a member twice, once escaped", V2_JSON, one('{"value":1,"\\u0076alue":2}'), 400, 40001],
  [
    "a member twice in a header",
    V2_JSON,
    one('{"value":1,"headers":[{"key":"a","key":"b","value":""}]}'),
    400,
    40001,
  ],
  [
    "a schema id, which these formats do not have",
    V2_JSON,
    '{"records":[{"value":1}],"value_schema_id":3}',
    400,
    40001,
  ],
  ["bad base64", V2_BINARY, one('{"value":"a"}'), 400, 40001],
  ["base64 with odd characters", V2_BINARY, one('{"value":"a-_="}'), 400, 40001],
  ["a number as base64", V2_BINARY, one('{"value":1}'), 400, 40001],
  ["bad base64 in a header", V2_JSON, one('{"value":1,"headers":[{"key":"a","value":"%"}]}'), 400, 40001],
  ["headers that are not an array", V2_JSON, one('{"value":1,"headers":{"a":"b"}}'), 400, 40001],
  ["an object as text", V2_TEXT, one('{"value":{}}'), 400, 40001],
  ["an unpaired surrogate as text", V2_TEXT, one('{"value":"\\ud800"}'), 400, 40001],
  ["a negative partition", V2_JSON, one('{"value":1,"partition":-1}'), 404, 40402],
  ["a partition that is not there", V2_JSON, one('{"value":1,"partition":9}'), 404, 40402],
  ["a partition that is not a number", V2_JSON, one('{"value":1,"partition":"0"}'), 400, 40001],
  ["a negative partition in the path", undefined, "x", 404, 40402, "/partitions/-1"],
  ["a word as partition in the path", undefined, "x", 404, 40402, "/partitions/first"],
  ["a huge partition in the query", undefined, "x", 404, 40402, "?partition=99999999999"],
  ["a partition in path and record", V2_JSON, one('{"value":1,"partition":0}'), 400, 40001, "/partitions/0"],
  ["a partition in path and query", undefined, "x", 400, 40001, "/partitions/0?partition=0"],
  ["an unknown query parameter", undefined, "x", 400, 40001, "?async=true"],
  ["a query parameter twice", undefined, "x", 400, 40001, "?key=a&key=b"],
  ["a query parameter that is not UTF-8", undefined, "x", 400, 40001, "?key=%ff"],
  ["a query with an envelope", V2_JSON, one('{"value":1}'), 400, 40001, "?key=a"],
  ["a timestamp that is not a time", undefined, "x", 400, 40001, "?timestamp=yesterday"],
  ["a negative timestamp", V2_JSON, one('{"value":1,"timestamp":-5}'), 400, 40001],
  ["a fraction as timestamp", V2_JSON, one('{"value":1,"timestamp":1.5}'), 400, 40001],
  ["a key of 2 MB", V2_TEXT, one(`{"value":"v","key":"${"k".repeat(2_000_000)}"}`), 413, 41301],
  ["a value of 2 MB", "text/plain", "v".repeat(2_000_000), 413, 41301],
];

describe("http: bad input", function () {
  this.timeout(60_000);
  const broker = useBroker();
  let topic: string;
  before(async () => {
    topic = await broker.topic();
  });
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({
      http: {
        auth: {
          tokens: {
            test: {
              hash: hash(TOKEN),
              produce: ["t-*", "no-such", "*.dead-letter", "__*", "onramp.sources"],
            },
            other: { hash: hash("other"), produce: ["elsewhere"] },
          },
        },
      },
    }),
  );
  const auth = { authorization: `Bearer ${TOKEN}` };

  for (const [name, type, body, status, code, path = ""] of cases) {
    it(`${name}: ${status} ${code}`, async () => {
      const answer = await post(gateway(), `/topics/${topic}${path}`, type, body, auth);
      assert.deepEqual([answer.status, answer.body?.error_code], [status, code], answer.text.slice(0, 300));
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
      assert.equal(answer.body.status, status);
      assert.ok(answer.body.title && answer.body.detail && answer.body.message && answer.body.type);
    });
  }

  for (const [name, authorization, status, code] of [
    ["no token", undefined, 401, 40101],
    ["a forged token", "Bearer onr_forged", 401, 40101],
    ["an empty token", "Bearer ", 401, 40101],
    ["a scheme that is not known", `Digest ${TOKEN}`, 401, 40101],
    ["another token's topic", "Bearer other", 403, 40301],
  ] as const) {
    it(`${name}: ${status}`, async () => {
      const answer = await post(
        gateway(),
        `/topics/${topic}`,
        undefined,
        "x",
        authorization === undefined ? {} : { authorization },
      );
      assert.deepEqual([answer.status, answer.body.error_code], [status, code]);
      if (status === 401) assert.match(answer.headers.get("www-authenticate") ?? "", /Bearer/);
      assert.ok(!answer.text.includes("onr_forged"));
    });
  }

  it("a topic that does not exist: 404 at once, and it is not created", async () => {
    for (let n = 0; n < 2; n++) {
      const started = Date.now();
      const answer = await post(gateway(), "/topics/no-such", undefined, "x", auth);
      assert.deepEqual([answer.status, answer.body.error_code], [404, 40401]);
      assert.ok(Date.now() - started < bound(1000, 4500));
    }
  });

  for (const name of ["__consumer_offsets", "onramp.sources", `t-x.dead-letter`]) {
    it(`${name} cannot be written: 403`, async () => {
      const answer = await post(gateway(), `/topics/${name}`, undefined, "x", auth);
      assert.deepEqual([answer.status, answer.body.error_code], [403, 40301]);
    });
  }

  it("routes that are not there: 404 40403", async () => {
    for (const [method, path] of [
      ["POST", "/topics//"],
      ["POST", `/topics/${topic}/records`],
      ["GET", "/nothing"],
      ["POST", "/webhooks/none"],
    ] as const) {
      const answer = await send(gateway(), path, { method, headers: auth });
      assert.deepEqual([answer.status, answer.body.error_code], [404, 40403], `${method} ${path}`);
    }
  });

  it("a path that is not percent-encoded: 400", async () => {
    assert.equal((await post(gateway(), "/topics/%ff", undefined, "x", auth)).status, 400);
    assert.equal((await send(gateway(), "/topics/%ff", { headers: auth })).status, 400);
  });

  it("CloudEvents headers: 415", async () => {
    assert.equal(
      (await post(gateway(), `/topics/${topic}`, "application/json", "{}", { ...auth, "ce-id": "1" })).status,
      415,
    );
  });

  it("a compressed body: 415", async () => {
    assert.equal(
      (
        await post(gateway(), `/topics/${topic}`, "application/json", "{}", {
          ...auth,
          "content-encoding": "gzip",
        })
      ).status,
      415,
    );
  });

  it("a record header that is not UTF-8: 400", async () => {
    assert.equal(
      (await post(gateway(), `/topics/${topic}`, undefined, "x", { ...auth, "kafka-header-a": "\xff" }))
        .status,
      400,
    );
  });

  it("bytes that are not HTTP: 400 as a problem", async () => {
    const answer = await rawExchange(gateway(), "hello\r\n\r\n");
    assert.match(answer, /^HTTP\/1\.1 400 .*application\/problem\+json.*"error_code":40001/s);
  });

  it("headers larger than 16 KiB: 431 as a problem", async () => {
    const answer = await rawExchange(
      gateway(),
      `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${"x".repeat(20_000)}\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 431 .*"error_code":43101/s);
  });

  it("a 26 MB body without a length, and one that waits for 100 Continue: 413", async () => {
    const head = `POST /topics/${topic} HTTP/1.1\r\nHost: x\r\nAuthorization: ${auth.authorization}\r\n`;
    const chunk = `${(1024 * 1024).toString(16)}\r\n${"x".repeat(1024 * 1024)}\r\n`;
    assert.match(
      await rawExchange(gateway(), `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(26)}0\r\n\r\n`),
      /^HTTP\/1\.1 413/,
    );
    assert.match(
      await rawExchange(gateway(), `${head}Expect: 100-continue\r\nContent-Length: 27262976\r\n\r\n`, {
        end: true,
      }),
      /^HTTP\/1\.1 413/,
    );
  });

  it("a body that ends early: nothing is written, and the budget is released", async () => {
    const head = `POST /topics/${topic} HTTP/1.1\r\nHost: x\r\nAuthorization: ${auth.authorization}\r\nContent-Length: 1000\r\n\r\nhalf`;
    await rawExchange(gateway(), head, { end: true });
    assert.equal(await metric(gateway(), "onramp_in_flight_bytes"), 0);
  });

  it("no record of these requests is written", async () => {
    assert.deepEqual(await readTopic(broker.addresses(), topic, 1), [[]]);
  });
});
