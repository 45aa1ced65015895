// Messages to Slack: blocks, rate, digests and threads.

import { strict as assert } from "node:assert";
import { useBroker } from "../../support/broker.ts";
import { startTestGateway } from "../../support/gateway.ts";
import { post, sinkState } from "../../support/http.ts";
import { readPartition } from "../../support/read-back.ts";
import { type Receiver, startReceiver } from "../../support/receiver.ts";
import { until } from "../../support/until.ts";

const POSTED = { status: 200, body: '{"ok":true,"ts":"1.1"}' };
const form = (body: string) => Object.fromEntries(new URLSearchParams(body));

describe("sinks: slack", function () {
  this.timeout(30_000);
  const broker = useBroker();
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver();
  });
  async function start(options: object) {
    const topic = await broker.topic();
    const gateway = await startTestGateway(broker.addresses(), {
      kafka: { createTopics: true, namespace: `ns-${topic}` },
      sinks: { team: { type: "slack", topics: [topic], from: "earliest", ...options } },
    });
    const put = (value: object) =>
      post(gateway, `/topics/${topic}`, "application/json", JSON.stringify(value));
    const state = () => sinkState(gateway);
    return { gateway, put, state };
  }

  it("refuses to start with an invalid expression, and names its path", async () => {
    await assert.rejects(
      start({ webhookUrl: receiver.url, text: "a & & b" }),
      /sinks\.team\.text: .*position \d+/,
    );
    await assert.rejects(start({ webhookUrl: receiver.url }), /needs text, or blocks/);
    await assert.rejects(start({ text: "a" }), /webhookUrl, or token and channel/);
  });

  it("dead-letters a record for which an expression has no result, or fails", async () => {
    const { put, state } = await start({
      webhookUrl: receiver.url,
      text: "$uppercase(name)",
      rate: 100,
    });
    await put({ name: "a" });
    await put({ name: 5 });
    await put({});
    await until(async () => (await state()).deadLettered === 2);
    assert.deepEqual(
      receiver.arrived.map(({ body }) => JSON.parse(body).text),
      ["A"],
    );
  });

  it("sends blocks of Block Kit", async () => {
    const blocks = "[{'type':'section','text':{'type':'mrkdwn','text': '*' & name & '*'}}]";
    const { put } = await start({ webhookUrl: receiver.url, text: "name", blocks });
    await put({ name: "a<b" });
    await until(() => receiver.arrived.length === 1);
    assert.deepEqual(JSON.parse(receiver.arrived[0]?.body ?? ""), {
      text: "a&lt;b",
      blocks: [{ type: "section", text: { type: "mrkdwn", text: "*a&lt;b*" } }],
    });
  });

  it("keeps to the rate for all messages to one channel", async () => {
    const { put } = await start({ webhookUrl: receiver.url, text: "$string(n)", rate: 10 });
    for (let n = 0; n < 6; n++) await put({ n });
    await until(() => receiver.arrived.length === 6);
    const at = receiver.arrived.map((each) => each.at);
    assert.ok((at.at(-1) ?? 0) - (at[0] ?? 0) >= 480, String(at));
  });

  it("sends the message again when the answer is cut", async () => {
    for (const how of [
      { webhookUrl: receiver.url },
      { token: "x", channel: "C1", apiUrl: `${receiver.url}/` },
    ]) {
      const before = receiver.arrived.length;
      receiver.script = () => (receiver.arrived.length === before ? "cut the answer" : POSTED);
      const { put, state } = await start({ ...how, text: "$string(n)", rate: 100 });
      await put({ n: 1 });
      await until(async () => (await state()).delivered === 1);
      assert.deepEqual([receiver.arrived.length - before, (await state()).deadLettered], [2, 0]);
    }
  });

  it("does not deliver a record that waits for its turn at a stop, but after the next start", async () => {
    const { gateway, put, state } = await start({ webhookUrl: receiver.url, text: "$string(n)", rate: 0.01 });
    await put({ n: 1 });
    await put({ n: 2 });
    await until(async () => (await state()).delivered === 1 && (await state()).lag === 1);
    const [{ topic }] = (await state()).partitions;
    await gateway.stop();
    assert.equal((await readPartition(broker.addresses(), `${topic}.dead-letter`)).length, 0);
  });

  it("digest: sends all waiting records as one message", async () => {
    const { put, state } = await start({
      webhookUrl: receiver.url,
      text: "$string(n)",
      rate: 1,
      digest: true,
    });
    for (let n = 0; n < 20; n++) await put({ n });
    await until(async () => (await state()).delivered === 20);
    const texts = receiver.arrived.map(({ body }) => JSON.parse(body).text as string);
    assert.ok(texts.length < 6, String(texts));
    assert.match(texts.at(-1) ?? "", /^\d+\n\d+ more in the last \d+ seconds$/);
  });

  it("threads: posts messages of one key below the first", async () => {
    let ts = 0;
    receiver.script = () => ({ status: 200, body: JSON.stringify({ ok: true, ts: `1.${++ts}` }) });
    const { put } = await start({
      token: "xoxb-secret",
      channel: "C1",
      apiUrl: `${receiver.url}/api/`,
      text: "$string(n)",
      thread: "pr",
      rate: 100,
    });
    for (const [n, pr] of [
      [1, "a"],
      [2, "b"],
      [3, "a"],
    ] as const)
      await put({ n, pr });
    await until(() => receiver.arrived.length === 3);
    assert.deepEqual(
      receiver.arrived.map(({ body }) => form(body)["thread_ts"]),
      [undefined, undefined, "1.1"],
    );
    assert.ok(
      receiver.arrived.every(
        ({ headers, path }) =>
          headers.authorization === "Bearer xoxb-secret" && path === "/api/chat.postMessage",
      ),
    );
  });

  it("dead-letters a message that Slack refuses by name, and retries after Slack's own errors", async () => {
    const answers = [
      '{"ok":false,"error":"internal_error"}',
      '{"ok":false,"error":"invalid_blocks"}',
      POSTED.body,
    ];
    receiver.script = () => ({ status: 200, body: answers[receiver.arrived.length] ?? POSTED.body });
    const { put, state } = await start({
      token: "xoxb-secret",
      channel: "C1",
      apiUrl: `${receiver.url}/api/`,
      text: "$string(n)",
      rate: 100,
    });
    await put({ n: 1 });
    await put({ n: 2 });
    await until(async () => (await state()).delivered === 1);
    assert.deepEqual([(await state()).deadLettered, receiver.arrived.length], [1, 3]);
    assert.ok(!JSON.stringify(await state()).includes("xoxb-secret"));
  });
});
