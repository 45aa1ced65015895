// A dead letter that its topic refuses: it is written without its largest parts, or the sink is reported as blocked.

import { strict as assert } from "node:assert";
import { createHmac, randomBytes } from "node:crypto";
import type kafkajs from "kafkajs";
import { replayDeadLetters } from "../../src/app/replay.ts";
import { createTopic, itOnDevBroker, produceWithKafkajs, useBroker, withAdmin } from "../support/broker.ts";
import { loadTestConfig } from "../support/config.ts";
import { keepingLog, startTestGateway, writeConfig } from "../support/gateway.ts";
import { metric, post, sinkState } from "../support/http.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";
import { run } from "../support/process.ts";
import { headersOf, readPartition } from "../support/read-back.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { until } from "../support/until.ts";

const LIMIT = { "max.message.bytes": "3000" };
/** 5,000 bytes that compression does not make much smaller. */
const BIG = randomBytes(3750).toString("base64");

describe("a dead letter always fits", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const forever = new AbortController().signal;
  let receiver: Receiver;
  let topic: string;
  beforeEach(async () => {
    receiver = await startReceiver();
    receiver.script = ({ body }) => ({ status: body === "fine" ? 200 : 400 });
    topic = await broker.topic();
  });

  const config = () => ({
    kafka: { namespace: `ns-${topic}`, brokers: broker.addresses() },
    sinks: {
      out: {
        type: "webhook",
        url: receiver.url,
        topics: [topic],
        from: "earliest",
        allowAddresses: ["127.0.0.1"],
      },
    },
  });
  const letters = () => readPartition(broker.addresses(), `${topic}.dead-letter`);
  const put = (...messages: kafkajs.Message[]) => produceWithKafkajs(broker.addresses(), topic, messages);

  /** Starts a gateway with the dead-letter topic. */
  async function start(topicConfig: Record<string, string>) {
    await createTopic(broker.addresses(), { config: topicConfig }, `${topic}.dead-letter`);
    const log = keepingLog();
    const gateway = await startTestGateway(broker.addresses(), config(), log, hurryingClock());
    return { gateway, log, state: () => sinkState(gateway) };
  }
  it("compressed, with all its parts, if it fits then", async () => {
    const { state } = await start(LIMIT);
    const text = "a line of a log\n".repeat(1000);
    await put({ key: "k", value: text });
    await until(async () => (await state()).deadLettered === 1);
    const [letter] = await letters();
    assert.deepEqual([letter?.value?.toString(), letter?.key?.toString()], [text, "k"]);
    assert.ok(!Object.keys(headersOf(letter)).some((key) => key.endsWith("-omitted")));
  });

  it("without the value if that is too large, and the next record is delivered", async () => {
    const { state } = await start(LIMIT);
    await put({ key: "k", value: BIG, headers: { a: "b" } }, { value: "fine" });
    await until(async () => (await state()).delivered === 1);
    const [letter, ...more] = await letters();
    const headers = headersOf(letter);
    assert.deepEqual([letter?.value, letter?.key?.toString(), more.length], [null, "k", 0]);
    assert.deepEqual(
      ["a", "__connect.errors.topic", "__connect.errors.partition", "__connect.errors.offset"].map(
        (key) => headers[key],
      ),
      ["b", topic, "0", "0"],
    );
    assert.match(
      headers["onramp.error.value-omitted"] ?? "",
      /^5000 bytes, omitted: the dead letter was too large/,
    );
    assert.match(headers["__connect.errors.exception.message"] ?? "", /400/);
    assert.equal((await state()).deadLettered, 1);
  });

  it("without its headers or its key if those are too large, and keeps the value", async () => {
    const { state } = await start(LIMIT);
    await put({ key: "k", value: "v", headers: { a: BIG, b: "c" } }, { key: BIG, value: "w" });
    await until(async () => (await state()).deadLettered === 2);
    const [first, second] = await letters();
    assert.deepEqual([first?.value?.toString(), first?.key?.toString()], ["v", "k"]);
    assert.deepEqual([headersOf(first)["a"], headersOf(first)["b"]], [undefined, undefined]);
    assert.match(
      headersOf(first)["onramp.error.headers-omitted"] ?? "",
      /^5003 bytes, omitted: the dead letter was too large/,
    );
    assert.deepEqual([second?.value?.toString(), second?.key], ["w", null]);
    assert.match(
      headersOf(second)["onramp.error.key-omitted"] ?? "",
      /^5000 bytes, omitted: the dead letter was too large/,
    );
  });

  it("without all three if each is too large", async () => {
    const { state } = await start(LIMIT);
    await put({ key: BIG, value: BIG, headers: { a: BIG } });
    await until(async () => (await state()).deadLettered === 1);
    const [letter] = await letters();
    assert.deepEqual([letter?.value, letter?.key], [null, null]);
    const omitted = Object.keys(headersOf(letter)).filter((key) => key.endsWith("-omitted"));
    assert.deepEqual(
      omitted.sort(),
      ["headers", "key", "value"].map((part) => `onramp.error.${part}-omitted`),
    );
  });

  it("with a shorter reason if even that is too large", async () => {
    receiver.script = () => ({ status: 400, body: "y".repeat(200) });
    const { state } = await start({ "max.message.bytes": "650" });
    await put({ key: "k", value: BIG });
    await until(async () => (await state()).deadLettered === 1);
    const reason = headersOf((await letters())[0])["__connect.errors.exception.message"] ?? "";
    assert.equal(reason.length, 100);
    assert.match(reason, /^the receiver answered 400: y+$/);
  });

  itOnDevBroker("without the value if only the broker refuses it as too large", async () => {
    const { state } = await start({});
    await put({ value: BIG });
    broker.dev().faults.produce = ({ topic: name, bytes }) =>
      name.endsWith(".dead-letter") && bytes.length > 3000 ? { append: false, errorCode: 10 } : undefined;
    await until(async () => (await state()).deadLettered === 1);
    assert.equal((await letters())[0]?.value, null);
  });

  it("or its sink is blocked, with the next step: the topic is compacted, and the record has no key", async () => {
    const { gateway, state, log } = await start({ "cleanup.policy": "compact" });
    await put({ value: "no" });
    await until(async () => (await state()).state === "blocked", 10_000);
    const { lastError, blocked, deadLettered } = await state();
    assert.match(
      lastError.message,
      /dead letter of \S+\/0, offset 0, cannot be written: .* is compacted.*400/,
    );
    assert.deepEqual([blocked, deadLettered], [1, 0]);
    assert.equal(await metric(gateway, "onramp_sink_partitions_blocked", { sink: "out" }), 1);
    assert.equal(log.lines.filter(({ event }) => event.startsWith("delivery is blocked")).length, 1);
  });

  for (const [title, errorCode] of [
    ["an ACL is missing", 29],
    ["a policy refuses it", 44],
    ["the topic requires another timestamp", 32],
  ] as const)
    itOnDevBroker(`or its sink is blocked, and tries about once a minute: ${title}`, async () => {
      let tries = 0;
      broker.dev().faults.produce = ({ topic: name }) =>
        name.endsWith(".dead-letter") && ++tries <= 20 ? { append: false, errorCode } : undefined;
      const { state, log } = await start({});
      await put({ value: "no" }, { value: "fine" });
      await until(async () => (await state()).delivered === 1);
      assert.deepEqual([(await state()).deadLettered, (await letters()).length, tries], [1, 1, 21]);
      const events = log.lines.map(({ event }) => event).filter((event) => /blocked|not written/.test(event));
      assert.deepEqual(events, [
        "delivery is blocked; it resumes when the cause is resolved",
        "delivery is no longer blocked",
      ]);
    });

  it("is replayed from its original; if that no longer exists, it is reported and not delivered", async () => {
    const { gateway, state } = await start(LIMIT);
    await put({ key: "k", value: BIG, headers: { a: "b" } }, { value: `${BIG}2` });
    await until(async () => (await state()).deadLettered === 2);
    await gateway.stop();
    await withAdmin(broker.addresses(), async (admin) => {
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "1" }] });
    });
    receiver.script = () => ({ status: 200 });
    const file = writeConfig(config());
    const ended = await run(["dead-letter", "replay", topic, "--config", file]);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, new RegExp(`the original \\(${topic}/0, offset 0\\) no longer exists`));
    assert.deepEqual(
      receiver.taken.map(({ body, headers }) => [body, headers["webhook-id"]]),
      [[`${BIG}2`, `${topic}-0-1`]],
    );
    const again = await replayDeadLetters(loadTestConfig(file, {}), topic, keepingLog(), forever);
    assert.deepEqual([again.delivered, again.lost], [0, []]);
  });

  it("is not replayed as a record of a recreated topic that has the same offset", async () => {
    const { gateway, state } = await start(LIMIT);
    await put({ value: BIG });
    await until(async () => (await state()).deadLettered === 1);
    await gateway.stop();
    await withAdmin(broker.addresses(), (admin) => admin.deleteTopics({ topics: [topic] }));
    await createTopic(broker.addresses(), {}, topic);
    await put({ value: "another" });
    receiver.script = () => ({ status: 200 });
    const loaded = loadTestConfig(writeConfig(config()), {});
    const { delivered, lost } = await replayDeadLetters(loaded, topic, keepingLog(), forever);
    assert.deepEqual([delivered, lost], [0, [`${topic}/0, offset 0`]]);
  });

  itOnDevBroker("is replayed later if its original cannot be read now", async () => {
    const { gateway, state } = await start(LIMIT);
    await put({ value: BIG });
    await until(async () => (await state()).deadLettered === 1);
    await gateway.stop();
    receiver.script = () => ({ status: 200 });
    const replay = () =>
      replayDeadLetters(loadTestConfig(writeConfig(config()), {}), topic, keepingLog(), forever);
    broker.dev().faults.fetch = (name) => (name === topic ? { errorCode: 29 } : undefined);
    await assert.rejects(replay(), /ACL "Read"/);
    broker.dev().faults.clear();
    const { delivered, lost } = await replay();
    assert.deepEqual([delivered, lost, receiver.taken.at(-1)?.body], [1, [], BIG]);
  });

  it("or the sender of a webhook gets 413 with both reasons, since it still has the delivery", async () => {
    await createTopic(broker.addresses(), { config: LIMIT }, `${topic}.dead-letter`);
    const gateway = await startTestGateway(broker.addresses(), {
      kafka: { namespace: `ns-${topic}` },
      topics: { [topic]: { schema: "s.json" } },
      webhooks: { hook: { type: "github", secrets: ["secret"], topic, onInvalid: "dead-letter" } },
      files: { "s.json": '{"required":["id"]}' },
    });
    const deliver = (body: string) => {
      const signature = createHmac("sha256", "secret").update(body).digest("hex");
      return post(gateway, "/webhooks/hook", "application/json", body, {
        ...{ "x-hub-signature-256": `sha256=${signature}`, "x-github-event": "push" },
        "x-github-delivery": "1",
      });
    };
    const { status, body } = await deliver(JSON.stringify({ a: BIG }));
    assert.deepEqual([status, body.error_code, (await letters()).length], [413, 41301, 0]);
    assert.match(
      body.message,
      /max\.message\.bytes.*do not match the rules of topic.*must have required property 'id'/,
    );
    assert.deepEqual([(await deliver('{"a":1}')).status, (await letters()).length], [200, 1]);
  });
});
