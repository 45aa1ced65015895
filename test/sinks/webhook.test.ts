// The webhook sink: the contract of sinks, requests, bodies, and the addresses that it may call.

import { strict as assert } from "node:assert";
import { createHmac } from "node:crypto";
import { ConfigError } from "../../src/config/problems.ts";
import { sinkContract } from "../contract/sink.ts";
import { useBroker } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { post, send, sinkState, V2_BINARY } from "../support/http.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { until } from "../support/until.ts";

const LOOPBACK = { allowAddresses: ["127.0.0.0/8"] };

const dead = ({ arrived }: Receiver): number =>
  arrived.filter(({ reply }) => typeof reply === "object" && reply.status >= 300 && reply.status < 500)
    .length;

sinkContract("webhook", {
  options: ({ url }) => ({ type: "webhook", url: `${url}/hook`, ...LOOPBACK }),
  numberIn: ({ body }) => JSON.parse(body).n,
});

describe("sinks: webhook", function () {
  this.timeout(30_000);
  const broker = useBroker();
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver();
  });

  /** Sends one record through a gateway with this sink, and returns what arrived. */
  async function through(options: object, type: string, body: string, path = "") {
    const topic = await broker.topic();
    const gateway = await startTestGateway(broker.addresses(), {
      kafka: { createTopics: true, namespace: `ns-${topic}` },
      sinks: {
        out: {
          type: "webhook",
          url: `${receiver.url}/hook`,
          topics: [topic],
          from: "earliest",
          ...LOOPBACK,
          ...options,
        },
      },
    });
    const headers = { "kafka-header-ce_type": Buffer.from("com.example.é b").toString("latin1") };
    assert.equal((await post(gateway, `/topics/${topic}${path}`, type, body, headers)).status, 200);
    await until(() => receiver.taken.length + dead(receiver) > 0);
    const [arrived] = receiver.arrived;
    return { topic, ...(arrived as NonNullable<typeof arrived>) };
  }

  it("sends the value byte for byte, signed, with the same id in every attempt", async () => {
    const key = Buffer.alloc(32, 1);
    receiver.script = () => (receiver.arrived.length === 0 ? { status: 500 } : { status: 204 });
    const { topic } = await through(
      { secrets: [`whsec_${key.toString("base64")}`] },
      "application/json",
      '{"a": 1.0}',
    );
    for (const { method, path, headers, body } of receiver.arrived) {
      assert.deepEqual([method, path, body], ["POST", "/hook", '{"a": 1.0}']);
      assert.deepEqual(
        [headers["webhook-id"], headers["content-type"]],
        [`${topic}-0-0`, "application/json"],
      );
      const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
      const mac = createHmac("sha256", key).update(signed).digest("base64");
      assert.equal(headers["webhook-signature"], `v1,${mac}`);
    }
  });

  it("sends CloudEvents with the record's attributes", async () => {
    const { topic, headers, body } = await through({ format: "cloudevents" }, "application/json", '{"a":1}');
    assert.deepEqual(
      [headers["ce-specversion"], headers["ce-id"], headers["ce-source"], headers["ce-type"], body],
      ["1.0", `${topic}-0-0`, `/topics/${topic}`, "com.example.%C3%A9%20b", '{"a":1}'],
    );
  });

  it("sends the result of an expression, with the method and headers of the configuration", async () => {
    const options = {
      method: "PUT",
      headers: { "x-team": "shop" },
      body: '{"id": $topic & "-" & $string($offset), "key": $key, "total": total * 2}',
    };
    const { topic, method, headers, body } = await through(
      options,
      "application/json",
      '{"total":21}',
      "?key=k",
    );
    assert.deepEqual([method, headers["x-team"]], ["PUT", "shop"]);
    assert.deepEqual(JSON.parse(body), { id: `${topic}-0`, key: "k", total: 42 });
  });

  it("refuses, at the start, headers that are invalid or that it sets itself", async () => {
    for (const headers of [
      { "a b": "c" },
      { a: "b\nc: d" },
      { "Content-Length": "5" },
      { "webhook-id": "x" },
    ])
      await assert.rejects(through({ headers }, "application/json", "{}"), /sinks\.out: headers/);
  });

  it("sends a tombstone, and bytes that are not text, unchanged", async () => {
    const { body, headers } = await through({}, V2_BINARY, '{"records":[{"key":"aw==","value":null}]}');
    assert.deepEqual([body, headers["content-type"]], ["", "application/octet-stream"]);
  });

  it("counts a record as delivered at 2xx, even if the rest of the answer is cut", async () => {
    const topic = await broker.topic();
    const gateway = await startTestGateway(broker.addresses(), {
      kafka: { createTopics: true, namespace: `ns-${topic}` },
      sinks: { out: { type: "webhook", url: receiver.url, topics: [topic], from: "earliest", ...LOOPBACK } },
    });
    receiver.script = () => "cut the answer";
    for (const n of [1, 2]) await post(gateway, `/topics/${topic}`, "application/json", String(n));
    await until(async () => (await sinkState(gateway)).delivered === 2);
    assert.deepEqual(
      receiver.arrived.map(({ body }) => body),
      ["1", "2"],
    );
  });

  it("treats a redirect as a permanent failure", async () => {
    receiver.script = () => ({ status: 302, headers: { location: `${receiver.url}/elsewhere` } });
    await through({}, "application/json", "{}");
    assert.equal(receiver.arrived.length, 1);
  });

  it("calls no address of this host or network, given as name or number, unless it is allowed", async () => {
    const topic = await broker.topic();
    const start = (url: string) =>
      startTestGateway(broker.addresses(), {
        kafka: { createTopics: true, namespace: `ns-${topic}` },
        sinks: { out: { type: "webhook", url, topics: [topic], from: "earliest" } },
      });
    for (const url of [
      "http://169.254.169.254/latest/meta-data",
      "http://0x7f.1/",
      "http://[::ffff:10.0.0.1]/",
    ])
      await assert.rejects(start(url), ConfigError, url);
    // The address of a name is checked each time that it is resolved: DNS rebinding gains nothing.
    const gateway = await start(`http://localhost:${receiver.port}/`);
    await post(gateway, `/topics/${topic}`, "application/json", "{}");
    const state = () => sinkState(gateway);
    await until(async () => (await state()).deadLettered === 1);
    assert.match((await state()).lastError.message, /not public/);
    assert.equal(receiver.arrived.length, 0);
    assert.equal((await send(gateway, `/topics/${topic}.dead-letter`)).status, 200);
  });
});
