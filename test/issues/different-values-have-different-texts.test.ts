// Ids that JavaScript would round to the same number keep different keys, messages and bodies, or are refused.

import { strict as assert } from "node:assert";
import { useBroker } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { NDJSON, post, sinkState, V2_JSON } from "../support/http.ts";
import { headersOf, readPartition } from "../support/read-back.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { until } from "../support/until.ts";

const JSON_TYPE = "application/json";
const IDS = ["9007199254740992", "9007199254740993", "12345678901234567890"];
const SURROGATE = '{"id":"\\ud800"}';

describe("issue: different values have different texts", function () {
  this.timeout(60_000);
  const broker = useBroker();
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver();
  });

  /** Starts a gateway on a new topic with these rules. */
  async function start(rules: object, files: Readonly<Record<string, string>> = {}) {
    const topic = await broker.topic();
    const gateway = await startTestGateway(broker.addresses(), { topics: { [topic]: rules }, files });
    const send = (type: string, body: string) => post(gateway, `/topics/${topic}`, type, body);
    const records = async () =>
      (await readPartition(broker.addresses(), topic)).map(({ key, value }) => [`${key}`, `${value}`]);
    return { send, records };
  }

  /** Starts a gateway with a sink, writes these values, and waits for their deliveries and dead letters. */
  async function deliver(sink: object, values: readonly string[], expected: object) {
    const topic = await broker.topic();
    const gateway = await startTestGateway(broker.addresses(), {
      kafka: { createTopics: true, namespace: `ns-${topic}` },
      sinks: { out: { topics: [topic], from: "earliest", ...sink } },
    });
    for (const value of values) await post(gateway, `/topics/${topic}`, JSON_TYPE, value);
    const counts = async () => {
      const { delivered, deadLettered, skipped } = await sinkState(gateway);
      return { delivered, deadLettered, skipped };
    };
    await until(async () => {
      const { delivered, deadLettered, skipped } = await counts();
      return delivered + deadLettered + skipped === values.length;
    });
    assert.deepEqual(await counts(), { delivered: 0, deadLettered: 0, skipped: 0, ...expected });
    return topic;
  }
  const webhook = (options: object) => ({
    type: "webhook",
    url: receiver.url,
    allowAddresses: ["127.0.0.0/8"],
    ...options,
  });
  const bodies = (): readonly string[] => receiver.arrived.map(({ body }) => body);

  for (const [key, keyOf] of [
    ["id", (id: string) => id],
    ["{'of': [id]}", (id: string) => `{"of":["${id}"]}`],
    ["'order-' & id", (id: string) => `order-${id}`],
  ] as const)
    it(`the key ${key} has all digits of the id, in every format`, async () => {
      const { send, records } = await start({ key });
      const values = IDS.map((id) => `{"id":${id}}`);
      for (const value of values) assert.equal((await send(JSON_TYPE, value)).status, 200);
      assert.equal((await send(NDJSON, values.join("\n"))).status, 200);
      const envelope = `{"records":[${values.map((value) => `{"value":${value}}`).join(",")}]}`;
      assert.equal((await send(V2_JSON, envelope)).status, 200);
      const expected = IDS.map((id) => [keyOf(id), `{"id":${id}}`]);
      assert.deepEqual(await records(), [...expected, ...expected, ...expected]);
    });

  it("a key that would lose a digit or a surrogate is refused, and nothing is written", async () => {
    const { send, records } = await start({ key: "$type(id) = 'string' ? id : 'k' & id * 1000" });
    for (const value of [SURROGATE, '{"id":9007199254741}']) {
      const { status, body } = await send(JSON_TYPE, value);
      assert.deepEqual([status, body.error_code], [400, 40001]);
      assert.match(body.message, /could not be computed: .* Send a key, or correct the value\./);
    }
    assert.deepEqual(await records(), []);
  });

  it("a number in an expression that JavaScript would round is refused when Onramp starts", async () => {
    await assert.rejects(
      start({ key: "id = 9007199254740993" }),
      /topics\..*key.*position 21; write it in quotes/s,
    );
  });

  it("a schema file compares ids as they were sent, and as it contains them", async () => {
    const schema =
      '{"properties":{"id":{"type":"integer","not":{"const":9007199254740993},"maximum":9223372036854775807}}}';
    const { send } = await start({ schema: "s.json" }, { "s.json": schema });
    for (const [id, status] of [
      ["9007199254740992", 200],
      ["9007199254740993", 422],
      ["9007199254740994", 200],
      ["9223372036854775807", 200],
      ["9223372036854775808", 422],
      ["5", 200],
    ] as const)
      assert.equal((await send(JSON_TYPE, `{"id":${id}}`)).status, status, id);
    await assert.rejects(
      start({ schema: "s.json" }, { "s.json": '{"maximum":1e400}' }),
      /s\.json#\/maximum: JavaScript cannot represent the number 1e400/,
    );
  });

  it("a body has all digits of the id, and a filter compares them", async () => {
    const values = [...IDS, "5"].map((id) => `{"id":${id}}`);
    await deliver(
      webhook({ filter: "id != '9007199254740992'", body: "{'id': id, 'text': 'id ' & id}" }),
      values,
      { delivered: 3, skipped: 1 },
    );
    assert.deepEqual(bodies(), [
      '{"id":"9007199254740993","text":"id 9007199254740993"}',
      '{"id":"12345678901234567890","text":"id 12345678901234567890"}',
      '{"id":5,"text":"id 5"}',
    ]);
  });

  it("a record whose body or filter cannot be exact becomes a dead letter with the reason", async () => {
    const filter = "id = 1 or id * 2 > 0";
    const body = "{'id': $type(id) = 'number' ? id * 9007199254740991 : id}";
    const values = [SURROGATE, '{"id":3}', '{"id":9007199254740993}', '{"id":1}'];
    const topic = await deliver(webhook({ body }), [SURROGATE, '{"id":3}', '{"id":1}'], {
      delivered: 1,
      deadLettered: 2,
    });
    const letters = await readPartition(broker.addresses(), `${topic}.dead-letter`);
    assert.deepEqual(
      letters.map(({ value }) => `${value}`),
      values.slice(0, 2),
    );
    const reasons = letters.map((letter) => headersOf(letter)["__connect.errors.exception.message"] ?? "");
    assert.match(reasons[0] ?? "", /unpaired surrogate/);
    assert.match(reasons[1] ?? "", /integer with more digits/);
    const filtered = await deliver(webhook({ filter }), values.slice(2), { delivered: 1, deadLettered: 1 });
    const [letter] = await readPartition(broker.addresses(), `${filtered}.dead-letter`);
    assert.match(
      headersOf(letter)["__connect.errors.exception.message"] ?? "",
      /^filter: .* \(in expressions, integers over 2\^53 - 1 .* are strings/,
    );
  });

  it("a filter compares numbers of any size, and skips a record for any result but true", async () => {
    const values = IDS.map((id) => `{"id":${id}}`);
    await deliver(webhook({ filter: `id > ${Number.MAX_SAFE_INTEGER}` }), ['{"id":5}', ...values], {
      delivered: values.length,
      skipped: 1,
    });
    const urgent = { filter: "title ~> /urgent/", body: "title" };
    await deliver(webhook(urgent), ['{"title":"urgent"}'], { delivered: 0, deadLettered: 0, skipped: 1 });
  });

  it("a message to Slack has all digits of the id", async () => {
    const slack = {
      type: "slack",
      webhookUrl: `${receiver.url}/services/x`,
      rate: 50,
      text: "'order ' & id",
    };
    await deliver(
      slack,
      IDS.slice(0, 2).map((id) => `{"id":${id}}`),
      { delivered: 2 },
    );
    assert.deepEqual(
      bodies().map((body) => JSON.parse(body).text),
      IDS.slice(0, 2).map((id) => `order ${id}`),
    );
  });

  it("a value that is a number beyond 2^53 is delivered as JSON", async () => {
    await deliver(webhook({}), ["9007199254740993"], { delivered: 1 });
    assert.deepEqual(bodies(), ["9007199254740993"]);
    assert.equal(receiver.arrived[0]?.headers["content-type"], JSON_TYPE);
  });
});
