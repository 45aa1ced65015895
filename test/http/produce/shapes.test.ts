// `POST /topics/{topic}/batch` and `/lines`: one body shape per path, for generated clients.

import { strict as assert } from "node:assert";
import { createToken } from "../../../src/core/token.ts";
import { createAuth } from "../../../src/http/auth/tokens.ts";
import { startApi } from "../../support/api.ts";
import { useBroker } from "../../support/broker.ts";
import { useGateway } from "../../support/gateway.ts";
import { NDJSON, post, V2_BINARY, V2_JSON, V2_TEXT } from "../../support/http.ts";
import { readPartition } from "../../support/read-back.ts";

const JSON_TYPE = "application/json";

describe("http: one body shape per path", () => {
  const broker = useBroker();
  const checked = `checked-${Date.now()}`;
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({
      kafka: { createTopics: true },
      topics: { [checked]: { schema: "n.json" } },
      http: { maxBody: "100kB" },
      files: { "n.json": JSON.stringify({ type: "object", required: ["n"] }) },
    }),
  );
  const stored = async (topic: string) =>
    (await readPartition(broker.addresses(), topic)).map(({ key, value, headers }) => [
      key === null ? null : `${key}`,
      value === null ? null : `${value}`,
      headers.map((header) => [`${header.key}`, `${header.value}`]),
    ]);

  it("batch writes the records of an envelope that is plain JSON, byte for byte, and answers plain JSON", async () => {
    const topic = await broker.topic();
    const sent =
      '{"records":[{"key":"a","value":{"n":1.0},"headers":[{"key":"lang","value":"ZW4="}]},{"key":"b","value":null},{"value":12345678901234567890}]}';
    const { status, headers, body } = await post(gateway(), `/topics/${topic}/batch`, JSON_TYPE, sent);
    assert.deepEqual([status, headers.get("content-type")], [200, JSON_TYPE]);
    assert.deepEqual(
      body.offsets.map((outcome: { offset: number }) => outcome.offset),
      [0, 1, 2],
    );
    assert.deepEqual(await stored(topic), [
      ['"a"', '{"n":1.0}', [["lang", "en"]]],
      ['"b"', null, []],
      [null, "12345678901234567890", []],
    ]);
  });

  it("batch accepts the other envelopes by content type, and treats a missing content type as JSON", async () => {
    const topic = await broker.topic();
    const envelope = '{"records":[{"value":"AAEC"}]}';
    for (const type of [V2_BINARY, V2_TEXT, V2_JSON, undefined]) {
      const body = Buffer.from(envelope);
      const { status, headers } = await post(gateway(), `/topics/${topic}/batch`, type, body);
      assert.deepEqual([status, headers.get("content-type")], [200, JSON_TYPE], type);
    }
    assert.deepEqual(
      (await stored(topic)).map(([, value]) => value),
      ["\0\x01\x02", "AAEC", '"AAEC"', '"AAEC"'],
    );
  });

  it("batch takes nothing but an envelope, and writes nothing of a malformed one", async () => {
    const topic = await broker.topic();
    for (const [type, body, status, code] of [
      [JSON_TYPE, '{"orderId":"o-1"}', 400, 40001],
      [JSON_TYPE, '[{"value":1}]', 400, 40001],
      [JSON_TYPE, '{"records":[{"value":1},{"valur":1}]}', 400, 40001],
      [JSON_TYPE, '{"records":[{"value":1}]', 400, 40001],
      [JSON_TYPE, "", 400, 40001],
      [NDJSON, '{"records":[{"value":1}]}', 415, 41501],
      ["text/plain", '{"records":[{"value":1}]}', 415, 41501],
      [JSON_TYPE, `{"records":[{"value":"${"x".repeat(200_000)}"}]}`, 413, 41301],
    ] as const) {
      const answer = await post(gateway(), `/topics/${topic}/batch`, type, body);
      assert.deepEqual([answer.status, answer.body.error_code], [status, code], body.slice(0, 50));
      assert.equal(answer.headers.get("content-type"), "application/problem+json");
    }
    assert.deepEqual(await stored(topic), []);
  });

  it("batch answers violations of the schema per record, with their pointers", async () => {
    const { status, body } = await post(
      gateway(),
      `/topics/${checked}/batch`,
      JSON_TYPE,
      '{"records":[{"value":{"n":1}},{"value":{}}]}',
    );
    assert.deepEqual([status, body.error_code], [422, 42206]);
    const [{ index, pointer, keyword }] = body.errors;
    assert.deepEqual([index, pointer, keyword], [1, "", "required"]);
  });

  it("lines writes a record per line, and answers a line for each", async () => {
    const topic = await broker.topic();
    for (const type of [NDJSON, undefined]) {
      const body = Buffer.from('{"a":1.0}\nx\n2');
      const path = `/topics/${topic}/lines?key=k`;
      const { status, headers, text } = await post(gateway(), path, type, body, { "kafka-header-h": "v" });
      assert.deepEqual([status, headers.get("content-type")], [200, NDJSON]);
      const answers = text.trim().split("\n");
      assert.deepEqual(
        answers.map((line) => JSON.parse(line).line ?? JSON.parse(line).topic),
        [topic, 2, topic],
      );
    }
    const header = [["h", "v"]];
    assert.deepEqual((await stored(topic)).slice(0, 2), [
      ["k", '{"a":1.0}', header],
      ["k", "2", header],
    ]);
  });

  it("lines takes nothing but lines", async () => {
    const topic = await broker.topic();
    for (const type of [JSON_TYPE, V2_JSON, "text/plain"]) {
      const { status, body } = await post(gateway(), `/topics/${topic}/lines`, type, '{"a":1}');
      assert.deepEqual([status, body.error_code], [415, 41501], type);
      assert.match(body.message, /application\/x-ndjson.*\/topics\/\{topic\}\/batch/);
    }
    assert.deepEqual(await stored(topic), []);
  });

  it("every format accepts onError once, with one of its two values", async () => {
    const api = await startApi();
    for (const [path, type, body] of [
      ["/topics/t", JSON_TYPE, "1"],
      ["/topics/t", "text/plain", "x"],
      ["/topics/t", V2_JSON, '{"records":[{"value":1}]}'],
      ["/topics/t", NDJSON, "1"],
      ["/topics/t/partitions/0", JSON_TYPE, "1"],
      ["/topics/t/batch", JSON_TYPE, '{"records":[{"value":1}]}'],
      ["/topics/t/lines", NDJSON, "1"],
    ] as const) {
      const statusOf = async (query: string) => (await post(api, `${path}?${query}`, type, body)).status;
      for (const query of ["onError=continue", "onError=stop", "&onError=stop&", "on%45rror=st%6fp"])
        assert.equal(await statusOf(query), 200, `${path} ${type} ${query}`);
      for (const query of [
        "onError=no",
        "onError=",
        "onError",
        "onError=stop&onError=stop",
        "onErrors=stop",
        "onError=%zz",
      ])
        assert.equal(await statusOf(query), 400, `${path} ${type} ${query}`);
    }
    await post(api, "/topics/t?key=onError%3Dstop&onError=stop&partition=3", "text/plain", "x");
    const [record] = api.appends.at(-1)?.records ?? [];
    assert.deepEqual([`${record?.key}`, record?.partition], ["onError=stop", 3]);
  });

  it("both paths apply the permissions of a token", async () => {
    const { token, hash } = createToken();
    const auth = createAuth({ shop: { hash, produce: ["orders"], read: ["*"] } });
    const api = await startApi({ auth });
    for (const [path, type, body] of [
      ["batch", JSON_TYPE, '{"records":[{"value":1}]}'],
      ["lines", NDJSON, "1"],
    ] as const) {
      const statusOf = async (topic: string, headers = {}) =>
        (await post(api, `/topics/${topic}/${path}`, type, body, headers)).status;
      const authorization = `Bearer ${token}`;
      assert.equal(await statusOf("orders"), 401);
      assert.equal(await statusOf("orders", { authorization }), 200);
      assert.equal(await statusOf("other", { authorization }), 403);
      assert.equal(await statusOf("o%72ders", { authorization }), 200);
    }
    assert.deepEqual(
      api.appends.map(({ topic }) => topic),
      ["orders", "orders", "orders", "orders"],
    );
  });

  it("the paths below both are answered with 404", async () => {
    const api = await startApi();
    for (const path of ["/topics/t/batch/1", "/topics/t/lines/x", "/topics//batch", "/topics/t/Batch"])
      assert.equal((await post(api, path, JSON_TYPE, "{}")).body.error_code, 40403, path);
    assert.equal(api.appends.length, 0);
  });
});
