// The routes that read metadata.

import { strict as assert } from "node:assert";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { metric, metrics, post, send } from "../support/http.ts";

const SCHEMA = '{"type":"object","properties":{"id":{"enum":[9007199254740993]}}}';

describe("http: metadata", () => {
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    async () => ({
      files: { "s.json": SCHEMA },
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

  it("serves the schema of a topic with all digits of its numbers, and answers 404 if there is none", async () => {
    const { body } = await send(gateway(), "/topics");
    const answers = await Promise.all(
      body.map((topic: string) => send(gateway(), `/topics/${topic}/schema`)),
    );
    assert.ok(answers.some(({ status, text }) => status === 200 && text === SCHEMA));
    const none = await send(gateway(), `/topics/${await broker.topic()}/schema`);
    assert.deepEqual([none.status, none.body.error_code], [404, 40403]);
  });

  it("answers health, readiness and metrics on the admin port alone", async () => {
    const admin = (path: string) => fetch(`${gateway().adminUrl}${path}`);
    assert.equal((await admin("/healthz")).status, 200);
    const ready = await admin("/readyz");
    assert.deepEqual([ready.status, ((await ready.json()) as { status: string }).status], [200, "ready"]);
    const scraped = await metrics(gateway());
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
      assert.match(scraped, new RegExp(`^(# TYPE )?${name}`, "m"));
    assert.equal((await admin("/topics")).status, 404);
    assert.equal((await send(gateway(), "/metrics")).status, 404);
  });

  it("creates no metric label from a topic name that does not exist", async () => {
    await post(gateway(), "/topics/made-up-by-a-client", undefined, "x");
    assert.ok(!(await metrics(gateway())).includes("made-up-by-a-client"));
    assert.ok(((await metric(gateway(), "onramp_rejected_total", { code: "40401" })) ?? 0) > 0);
  });
});
