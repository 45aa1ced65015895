// The metadata routes, without Kafka.

import { strict as assert } from "node:assert";
import type { TopicDescription } from "../../src/core/ports.ts";
import { compileSchema } from "../../src/core/schemas.ts";
import { createToken } from "../../src/core/token.ts";
import type { TopicRules } from "../../src/core/topics.ts";
import { createAuth } from "../../src/http/auth/tokens.ts";
import { startApi } from "../support/api.ts";
import { send } from "../support/http.ts";

const V2 = "application/vnd.kafka.v2+json; charset=utf-8";
const rules = (schema?: TopicRules["schema"]): TopicRules => ({ schema, key: undefined, tombstones: true });
const document = { type: "object" };
const topics = new Map([
  ["a", rules(compileSchema(document, "s"))],
  ["b", rules()],
]);
const [writer, reader] = [createToken(), createToken()];

function startCatalog() {
  const asked: string[] = [];
  const describe = async (name: string): Promise<TopicDescription> => {
    asked.push(name);
    const partitions = [
      { partition: 0, leader: 1, replicas: [1, 2], isr: [1] },
      { partition: 1, leader: -1, replicas: [2], isr: [] },
    ];
    return { name, configs: { "cleanup.policy": "compact" }, partitions };
  };
  const names = async () => ["__offsets", "a", "b", "c", "onramp.sources"];
  const auth = createAuth({
    writer: { hash: writer.hash, produce: ["*"] },
    reader: { hash: reader.hash, read: ["b"] },
  });
  return { asked, api: startApi({ catalog: { names, describe }, topics, auth }) };
}
const as = ({ token }: { readonly token: string }) => ({ headers: { authorization: `Bearer ${token}` } });

const partitions = [
  {
    partition: 0,
    leader: 1,
    replicas: [
      { broker: 1, leader: true, in_sync: true },
      { broker: 2, leader: false, in_sync: false },
    ],
  },
  { partition: 1, leader: -1, replicas: [{ broker: 2, leader: false, in_sync: false }] },
];

describe("http: topics as they are shown", function () {
  this.timeout(2000);

  it("are those that the token may write or read, and none of Kafka's or Onramp's own", async () => {
    const api = await startCatalog().api;
    const { status, headers, body } = await send(api, "/topics", as(writer));
    assert.deepEqual([status, headers.get("content-type"), body], [200, V2, ["a", "b", "c"]]);
    assert.deepEqual((await send(api, "/topics", as(reader))).body, ["b"]);
    assert.equal((await send(api, "/topics")).status, 401);
  });

  it("has name, configurations and partitions in Confluent's v2 format", async () => {
    const api = await startCatalog().api;
    const { headers, body } = await send(api, "/topics/a", as(writer));
    assert.equal(headers.get("content-type"), V2);
    assert.deepEqual(body, { name: "a", configs: { "cleanup.policy": "compact" }, partitions });
    assert.deepEqual((await send(api, "/topics/a/partitions", as(writer))).body, partitions);
  });

  it("is refused to a token that may neither write nor read the topic: 403", async () => {
    const { api: starting, asked } = startCatalog();
    const api = await starting;
    for (const path of ["/topics/a", "/topics/a/partitions", "/topics/a/schema"]) {
      const { status, body } = await send(api, path, as(reader));
      assert.deepEqual([status, body.error_code], [403, 40301], path);
      assert.match(body.detail, /neither produce to nor read topic "a"/);
    }
    const reserved = await send(api, "/topics/__offsets", as(writer));
    assert.equal(reserved.status, 403);
    assert.match(reserved.body.detail, /is an internal topic of Kafka/);
    assert.deepEqual(asked, []);
  });

  it("includes the schema of the topic, or an error if there is none", async () => {
    const api = await startCatalog().api;
    const { status, headers, text } = await send(api, "/topics/a/schema", as(writer));
    assert.deepEqual([status, JSON.parse(text)], [200, document]);
    assert.match(headers.get("content-type") ?? "", /^application\/schema\+json/);
    for (const topic of ["b", "c"]) {
      const none = await send(api, `/topics/${topic}/schema`, as(writer));
      assert.deepEqual([none.status, none.body.error_code], [404, 40403]);
    }
  });
});

describe("http: routes", function () {
  this.timeout(2000);

  it("the contract is served as it is", async () => {
    const { status, headers, text } = await send(await startApi(), "/openapi.yaml");
    assert.deepEqual([status, text], [200, "openapi: 3.0.3\n"]);
    assert.match(headers.get("content-type") ?? "", /^application\/yaml/);
  });

  it("any other route is answered 404 with the method and the path, and reported", async () => {
    const api = await startApi();
    const { status, body, headers } = await send(api, `/${"x".repeat(300)}`);
    assert.deepEqual([status, body.error_code, api.reported.length], [404, 40403, 1]);
    assert.match(body.detail, /^The route GET \/x{199} does not exist/);
    assert.deepEqual([headers.get("x-powered-by"), headers.get("etag")], [null, null]);
  });

  it("a path that is not percent-encoded is refused: 400", async () => {
    const { status, body } = await send(await startApi(), "/webhooks/%FF", { method: "POST" });
    assert.deepEqual([status, body.error_code], [400, 40001]);
  });

  it("an origin that is not allowed is refused before anything else, and reported", async () => {
    const api = await startApi();
    const { status } = await send(api, "/openapi.yaml", { headers: { origin: "https://evil.example" } });
    assert.deepEqual([status, api.reported.map(({ code }) => code)], [403, [40301]]);
  });

  it("a preflight is answered before anything else", async () => {
    const origin = "https://app.example.com";
    const api = await startApi({ origins: { allowed: [origin], loopbackOnly: false } });
    const { status } = await send(api, "/topics/t", { method: "OPTIONS", headers: { origin } });
    assert.equal(status, 204);
  });

  it("responses have Connection: close while the process stops", async () => {
    const api = await startApi();
    const before = await send(api, "/openapi.yaml");
    api.drain();
    const after = await send(api, "/openapi.yaml");
    assert.deepEqual(
      [before, after].map(({ headers }) => headers.get("connection")),
      ["keep-alive", "close"],
    );
  });
});
