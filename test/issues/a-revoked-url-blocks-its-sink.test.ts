// Only an operator can replace a URL or token that the receiver has revoked: the sink keeps its records and is reported
// as blocked.

import { strict as assert } from "node:assert";
import { useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { metric, post, sinkState } from "../support/http.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";
import { readPartition } from "../support/read-back.ts";
import { type Receiver, type Reply, startReceiver } from "../support/receiver.ts";
import { until } from "../support/until.ts";

const refusal = (error: string): Reply => ({ status: 200, body: JSON.stringify({ ok: false, error }) });

describe("a revoked URL blocks its sink", function () {
  this.timeout(30_000);
  const broker = useBroker();
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver();
  });
  const incoming = () => ({
    type: "slack",
    webhookUrl: `${receiver.url}/services/T0/B0/SECRET`,
    text: "'t'",
  });
  const bot = () => ({
    ...{ type: "slack", token: "xoxb-SECRET", channel: "C1", apiUrl: `${receiver.url}/api/` },
    text: "'t'",
  });
  const webhook = () => ({
    ...{ type: "webhook", url: `${receiver.url}/hook`, allowAddresses: ["127.0.0.1"], onRevoked: "hold" },
  });

  async function start(sink: object, clock = hurryingClock()) {
    const topic = await broker.topic();
    const log = keepingLog();
    const config = {
      kafka: { createTopics: true, namespace: `ns-${topic}` },
      sinks: { out: { topics: [topic], from: "earliest", giveUpAfter: "1s", ...sink } },
    };
    const gateway = await startTestGateway(broker.addresses(), config, log, clock);
    await post(gateway, `/topics/${topic}`, "application/json", "{}");
    const state = () => sinkState(gateway);
    const letters = () => readPartition(broker.addresses(), `${topic}.dead-letter`);
    const events = (): string[] =>
      log.lines
        .map(({ event }) => event)
        .filter((event) => /^deliver/.test(event) && event !== "delivery failed");
    return { gateway, state, letters, events, log };
  }

  type Case = readonly [title: string, sink: () => object, reply: Reply, fine: Reply];
  const ok: Reply = { status: 200, body: "ok" };
  const posted: Reply = { status: 200, body: '{"ok":true,"ts":"1.1"}' };
  const cases: readonly Case[] = [
    ["404 no_service of an incoming webhook", incoming, { status: 404, body: "no_service" }, ok],
    ["404 without a code of an incoming webhook", incoming, { status: 404, body: "<html>gone</html>" }, ok],
    ["410 of an incoming webhook", incoming, { status: 410, body: "channel_is_archived" }, ok],
    ["403 of an incoming webhook", incoming, { status: 403, body: "invalid_token" }, ok],
    ...[
      "token_revoked",
      "account_inactive",
      "invalid_auth",
      "not_authed",
      "missing_scope",
      "is_archived",
      "channel_not_found",
      "restricted_action",
    ].map((code): Case => [`${code} of a bot token`, bot, refusal(code), posted]),
    ...[401, 403, 410].map(
      (status): Case => [`${status} of a webhook`, webhook, { status, body: "gone" }, { status: 200 }],
    ),
  ];
  for (const [title, sink, reply, fine] of cases)
    it(`${title}: reported as blocked, checked slowly, and resumed by itself`, async () => {
      const clock = hurryingClock();
      receiver.script = () => (receiver.arrived.length < 20 ? reply : fine);
      const began = clock.now();
      const { gateway, state, letters, events, log } = await start(sink(), clock);
      await until(async () => (await state()).delivered === 1);
      // 20 attempts, with 30 to 60 seconds after each.
      const minutes = (clock.now() - began) / 60_000;
      assert.ok(minutes >= 10 && minutes <= 20.5, `${minutes} minutes`);
      assert.deepEqual([receiver.arrived.length, (await letters()).length], [21, 0]);
      assert.deepEqual(events(), [
        "delivery is blocked; it resumes when the cause is resolved",
        "delivery is no longer blocked",
      ]);
      assert.equal((await state()).state, "running");
      assert.equal(await metric(gateway, "onramp_sink_partitions_blocked", { sink: "out" }), 0);
      assert.doesNotMatch(JSON.stringify(log.lines), /SECRET/);
    });

  it("an accepted message with response_metadata: null is delivered once", async () => {
    receiver.script = () => ({ status: 200, body: '{"ok":true,"ts":"1.1","response_metadata":null}' });
    const { state, letters } = await start(bot());
    await until(async () => (await state()).delivered === 1);
    assert.deepEqual([receiver.arrived.length, (await letters()).length], [1, 0]);
  });

  it("is logged once while 404 and 503 alternate, and the sink remains blocked", async () => {
    receiver.script = () => {
      const n = receiver.arrived.length;
      return n >= 60 ? ok : n % 2 === 0 ? { status: 404, body: "no_service" } : { status: 503 };
    };
    const { state, events } = await start(incoming());
    await until(async () => (await state()).delivered === 1);
    assert.deepEqual(
      events().filter((event) => /blocked/.test(event)),
      ["delivery is blocked; it resumes when the cause is resolved", "delivery is no longer blocked"],
    );
  });

  it("shows the state, the answer, the next step and the partition at once", async () => {
    receiver.script = () => ({ status: 404, body: "no_service" });
    const topic = await broker.topic();
    const gateway = await startTestGateway(broker.addresses(), {
      kafka: { createTopics: true, namespace: `ns-${topic}` },
      sinks: { out: { ...incoming(), topics: [topic], from: "earliest" } },
    });
    await post(gateway, `/topics/${topic}`, "application/json", "{}");
    await until(async () => (await sinkState(gateway)).state === "blocked", 10_000);
    const { lastError, blocked, partitions, deadLettered } = await sinkState(gateway);
    assert.match(lastError.message, /^Slack answered 404: no_service\. .*replace webhookUrl/);
    assert.deepEqual([blocked, deadLettered, partitions[0].error], [1, 0, lastError.message]);
    assert.equal(await metric(gateway, "onramp_sink_partitions_blocked", { sink: "out" }), 1);
  });

  it("dead-letters the record at once with onRevoked: dead-letter", async () => {
    for (const [sink, reply] of [
      [incoming(), { status: 404, body: "no_service" }],
      [bot(), refusal("token_revoked")],
      [webhook(), { status: 410 }],
    ] as const) {
      receiver.script = () => reply;
      const { state, letters } = await start({ ...sink, onRevoked: "dead-letter" });
      await until(async () => (await state()).deadLettered === 1);
      assert.equal((await letters()).length, 1);
    }
  });
});
