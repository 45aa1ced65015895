// Who may call: tokens, web origins, reserved topics; and what the reading routes show.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import https from "node:https";
import { createToken } from "../../src/core/token.ts";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { post, rawExchange, send } from "../support/http.ts";
import { tlsFiles } from "../support/tls/files.ts";

describe("http: tokens", () => {
  const broker = useBroker();
  const [shop, reader] = [createToken(), createToken()];
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({
      http: {
        host: "127.0.0.1",
        auth: {
          tokens: {
            shop: { hash: shop.hash, produce: ["t-*"] },
            reader: { hash: reader.hash, read: ["t-*"] },
          },
        },
      },
    }),
  );
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  it("lets a token produce to the topics of its list, by Bearer or as Basic password", async () => {
    const topic = await broker.topic();
    assert.equal((await post(gateway(), `/topics/${topic}`, undefined, "x", bearer(shop.token))).status, 200);
    const basic = `Basic ${Buffer.from(`anybody:${shop.token}`).toString("base64")}`;
    assert.equal(
      (await post(gateway(), `/topics/${topic}`, undefined, "x", { authorization: basic })).status,
      200,
    );
  });

  it("does not let a reader produce", async () => {
    const topic = await broker.topic();
    assert.equal(
      (await post(gateway(), `/topics/${topic}`, undefined, "x", bearer(reader.token))).status,
      403,
    );
    assert.equal((await send(gateway(), `/topics/${topic}`, { headers: bearer(reader.token) })).status, 200);
  });

  it("lists only topics that the token may use, and never reserved ones", async () => {
    const topic = await broker.topic();
    const { body } = await send(gateway(), "/topics", { headers: bearer(shop.token) });
    assert.ok(body.includes(topic));
    assert.ok(body.every((name: string) => name.startsWith("t-")));
    assert.equal((await send(gateway(), "/topics")).status, 401);
    assert.equal(
      (await send(gateway(), "/topics/__consumer_offsets", { headers: bearer(shop.token) })).status,
      403,
    );
  });

  it("serves the contract without a token", async () => {
    const { status, text } = await send(gateway(), "/openapi.yaml");
    assert.equal(status, 200);
    assert.match(text, /^openapi: 3\.1/);
  });
});

describe("http: web origins", () => {
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { cors: ["https://app.example.com"] } }),
  );

  it("refuses a foreign origin, and `null`", async () => {
    const topic = await broker.topic();
    for (const origin of ["https://evil.example", "null"]) {
      const answer = await post(gateway(), `/topics/${topic}`, undefined, "x", { origin });
      assert.deepEqual([answer.status, answer.body.error_code], [403, 40301]);
    }
  });

  it("lets its own origin and listed ones pass, and answers preflights", async () => {
    const topic = await broker.topic();
    assert.equal(
      (await post(gateway(), `/topics/${topic}`, undefined, "x", { origin: gateway().apiUrl })).status,
      200,
    );
    const origin = "https://app.example.com";
    const allowed = await post(gateway(), `/topics/${topic}`, undefined, "x", { origin });
    assert.deepEqual([allowed.status, allowed.headers.get("access-control-allow-origin")], [200, origin]);
    const preflight = await send(gateway(), `/topics/${topic}`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
      },
    });
    assert.deepEqual(
      [preflight.status, preflight.headers.get("access-control-allow-headers")],
      [204, "content-type"],
    );
  });

  it("does not take a rebound DNS name for its own, while there is no auth", async () => {
    const answer = await rawExchange(
      gateway(),
      "POST /topics/t HTTP/1.1\r\nHost: rebound.example\r\nOrigin: http://rebound.example\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    );
    assert.match(answer, /^HTTP\/1\.1 403/);
  });
});

describe("http: reading", () => {
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    async () => ({
      files: { "s.json": '{"type":"object"}' },
      topics: { [await broker.topic({ partitions: 2 })]: { schema: "s.json" } },
    }),
  );

  it("shows topics in Confluent's v2 shapes", async () => {
    const topic = await broker.topic({ partitions: 2, config: { "retention.ms": "1234" } });
    const { body, headers } = await send(gateway(), `/topics/${topic}`);
    assert.equal(headers.get("content-type"), "application/vnd.kafka.v2+json; charset=utf-8");
    assert.deepEqual([body.name, body.configs["retention.ms"], body.partitions.length], [topic, "1234", 2]);
    const [first] = (await send(gateway(), `/topics/${topic}/partitions`)).body;
    assert.deepEqual(first, {
      partition: 0,
      leader: first.leader,
      replicas: [{ broker: first.leader, leader: true, in_sync: true }],
    });
    assert.deepEqual((await send(gateway(), "/topics/no-such")).body.error_code, 40401);
  });

  it("shows the schema in force, and 404 where there is none", async () => {
    const { body } = await send(gateway(), "/topics");
    const answers = await Promise.all(
      body.map((topic: string) => send(gateway(), `/topics/${topic}/schema`)),
    );
    assert.ok(answers.some(({ status, text }) => status === 200 && text === '{"type":"object"}'));
    const none = await send(gateway(), `/topics/${await broker.topic()}/schema`);
    assert.deepEqual([none.status, none.body.error_code], [404, 40403]);
  });

  it("answers health, readiness and metrics on the admin port alone", async () => {
    const admin = (path: string) => fetch(`${gateway().adminUrl}${path}`);
    assert.equal((await admin("/healthz")).status, 200);
    const ready = await admin("/readyz");
    assert.deepEqual([ready.status, ((await ready.json()) as { status: string }).status], [200, "ready"]);
    const metrics = await (await admin("/metrics")).text();
    for (const name of [
      "onramp_received_total",
      "onramp_produced_total",
      "onramp_rejected_total",
      "onramp_append_seconds_bucket",
      "onramp_batch_records_bucket",
      "onramp_in_flight_bytes",
      "onramp_lanes_open",
      "onramp_lanes_backing_off",
    ])
      assert.match(metrics, new RegExp(`^(# TYPE )?${name}`, "m"));
    assert.equal((await admin("/topics")).status, 404);
    assert.equal((await send(gateway(), "/metrics")).status, 404);
  });

  it("makes no metric label of a name that somebody made up", async () => {
    await post(gateway(), "/topics/made-up-by-somebody", undefined, "x");
    const metrics = await (await fetch(`${gateway().adminUrl}/metrics`)).text();
    assert.ok(!metrics.includes("made-up-by-somebody"));
    assert.match(metrics, /onramp_rejected_total\{code="40401"\} \d/);
  });
});

describe("http: TLS", () => {
  const broker = useBroker();
  const { cert, key, ca } = tlsFiles();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { tls: { cert, key } } }),
  );

  it("serves HTTPS with the configured certificate", async () => {
    const topic = await broker.topic();
    const { port } = new URL(gateway().apiUrl);
    const status = await new Promise((resolve, reject) => {
      const request = https.request(
        { port, host: "127.0.0.1", path: `/topics/${topic}`, method: "POST", ca: readFileSync(ca) },
        (response) => resolve(response.statusCode),
      );
      request.on("error", reject).end("x");
    });
    assert.equal(status, 200);
  });
});
