// Replay: delivers dead letters, or ranges of a sink's topics, to sinks again.

import { strict as assert } from "node:assert";
import { ReplayError, replayDeadLetters, replaySink } from "../../src/app/replay.ts";
import { createTopic, itOnDevBroker, produceWithKafkajs, useBroker, withAdmin } from "../support/broker.ts";
import { loadTestConfig } from "../support/config.ts";
import { keepingLog, startTestGateway, writeConfig } from "../support/gateway.ts";
import { post, sinkState } from "../support/http.ts";
import { readPartition } from "../support/read-back.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { until } from "../support/until.ts";

describe("app: replay", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const forever = new AbortController().signal;
  let receiver: Receiver;
  let topic: string;
  beforeEach(async () => {
    receiver = await startReceiver();
    topic = await broker.topic();
  });

  const sinks = () => {
    const out = {
      type: "webhook",
      url: `${receiver.url}/`,
      topics: [topic],
      from: "earliest",
      allowAddresses: ["127.0.0.1"],
    };
    return { out };
  };
  const kafka = () => ({ createTopics: true, namespace: `ns-${topic}`, brokers: broker.addresses() });
  const config = () => loadTestConfig(writeConfig({ kafka: kafka(), sinks: sinks() }), {});
  const start = () => startTestGateway(broker.addresses(), { kafka: kafka(), sinks: sinks() });
  const bodies = (): string[] => receiver.taken.map(({ body }) => body);

  it("dead letters go to their sink again, unchanged and once, and not to the topic", async () => {
    receiver.script = ({ body }) => ({ status: body === "2" || body === "3" ? 400 : 200 });
    const gateway = await start();
    for (const n of [1, 2, 3, 4])
      await post(gateway, `/topics/${topic}`, "application/json", String(n), { "kafka-header-a": "b" });
    await until(
      async () => (await sinkState(gateway)).deadLettered === 2 && (await sinkState(gateway)).delivered === 2,
    );
    await gateway.stop();
    receiver.script = ({ body }) => ({ status: body === "3" ? 400 : 200 });
    const first = await replayDeadLetters(config(), topic, keepingLog(), forever);
    assert.deepEqual([first.delivered, first.deadLettered], [1, 1]);
    assert.deepEqual(bodies(), ["1", "4", "2"]);
    const id = (body: string) =>
      receiver.arrived.filter((each) => each.body === body).map(({ headers }) => headers["webhook-id"]);
    assert.deepEqual(id("2"), [`${topic}-0-1`, `${topic}-0-1`]);
    receiver.script = () => ({ status: 200 });
    const second = await replayDeadLetters(config(), topic, keepingLog(), forever);
    assert.deepEqual([second.delivered, bodies()], [1, ["1", "4", "2", "3"]]);
    const third = await replayDeadLetters(config(), topic, keepingLog(), forever);
    assert.equal(third.delivered, 0);
    assert.equal((await readPartition(broker.addresses(), topic)).length, 4);
    const [letter] = await readPartition(broker.addresses(), `${topic}.dead-letter`);
    assert.equal(letter?.headers.filter(({ key }) => key === "onramp.error.sink").length, 1);
  });

  it("a range of a sink's topics is delivered again, without a change of the sink's offsets", async () => {
    const gateway = await start();
    const at: number[] = [];
    for (const n of [1, 2, 3]) {
      const { body } = await post(
        gateway,
        `/topics/${topic}?timestamp=${1_700_000_000_000 + n * 1000}`,
        "application/json",
        String(n),
      );
      at.push(body.timestamp);
    }
    await until(() => receiver.taken.length === 3);
    const report = await replaySink(config(), "out", { from: at[1] ?? 0, to: at[2] }, keepingLog(), forever);
    assert.deepEqual([report.delivered, bodies()], [1, ["1", "2", "3", "2"]]);
    const rest = await replaySink(
      config(),
      "out",
      { from: at[1] ?? 0, to: undefined },
      keepingLog(),
      forever,
    );
    assert.equal(rest.delivered, 2);
    await post(gateway, `/topics/${topic}`, "application/json", "4");
    await until(() => receiver.taken.length === 7);
    assert.equal(bodies().at(-1), "4");
  });

  it("dead letters of a sink that is not configured are not replayed, and delay no others", async () => {
    receiver.script = () => ({ status: 400 });
    const unknownSinks = { ...sinks().out };
    const gateway = await startTestGateway(broker.addresses(), {
      kafka: kafka(),
      sinks: { ...sinks(), unknownSinks },
    });
    await post(gateway, `/topics/${topic}`, "application/json", "1");
    const letters = () => readPartition(broker.addresses(), `${topic}.dead-letter`);
    await until(async () => (await letters()).length === 2);
    await gateway.stop();
    receiver.script = () => ({ status: 200 });
    const report = await replayDeadLetters(config(), topic, keepingLog(), forever);
    assert.deepEqual(
      [report.delivered, report.notReplayed, [...report.unknownSinks]],
      [1, 1, ["unknownSinks"]],
    );
  });

  it("a replay that is stopped while the receiver is away reports the interruption", async () => {
    receiver.script = () => ({ status: 400 });
    const gateway = await start();
    await post(gateway, `/topics/${topic}`, "application/json", "1");
    await until(async () => (await sinkState(gateway)).deadLettered === 1);
    await gateway.stop();
    receiver.script = () => ({ status: 503 });
    for (const run of [
      (signal: AbortSignal) => replayDeadLetters(config(), topic, keepingLog(), signal),
      (signal: AbortSignal) => replaySink(config(), "out", { from: 0, to: undefined }, keepingLog(), signal),
    ]) {
      const before = receiver.arrived.length;
      const stop = new AbortController();
      const running = run(stop.signal);
      await until(() => receiver.arrived.length > before);
      stop.abort();
      const { delivered, interrupted } = await running;
      assert.deepEqual([delivered, interrupted], [0, true]);
    }
  });

  it("a dead letter has the timestamp of its record", async () => {
    receiver.script = () => ({ status: 400 });
    const events = { out: { ...sinks().out, format: "cloudevents" } };
    const gateway = await startTestGateway(broker.addresses(), { kafka: kafka(), sinks: events });
    await post(gateway, `/topics/${topic}?timestamp=1700000000000`, "application/json", "1");
    await until(async () => (await sinkState(gateway)).deadLettered === 1);
    await gateway.stop();
    const again = loadTestConfig(writeConfig({ kafka: kafka(), sinks: events }), {});
    await replayDeadLetters(again, topic, keepingLog(), forever);
    assert.deepEqual(
      receiver.arrived.map(({ headers }) => headers["ce-time"]),
      ["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.000Z"],
    );
  });

  it("a complete dead letter is replayed without its original, also if its record has a header of a dead letter", async () => {
    receiver.script = () => ({ status: 400 });
    const gateway = await start();
    const own = { "kafka-header-onramp.error.value-omitted": "1" };
    await post(gateway, `/topics/${topic}`, undefined, "precious", own);
    await until(async () => (await sinkState(gateway)).deadLettered === 1);
    await gateway.stop();
    await withAdmin(broker.addresses(), async (admin) => {
      // Loads the metadata, which deleteTopicRecords of kafkajs does not.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "1" }] });
    });
    receiver.script = () => ({ status: 200 });
    const { delivered, lost } = await replayDeadLetters(config(), topic, keepingLog(), forever);
    assert.deepEqual([delivered, lost, bodies()], [1, [], ["precious"]]);
  });

  it("the error for a sink that is not configured lists the configured sinks", async () => {
    await assert.rejects(
      replaySink(config(), "unknown", { from: 0, to: undefined }, keepingLog(), forever),
      (error) => error instanceof ReplayError && /sinks are: out/.test(error.message),
    );
  });

  itOnDevBroker("dead letters that cannot be read are reported after ten seconds", async () => {
    await createTopic(broker.addresses(), {}, `${topic}.dead-letter`);
    await produceWithKafkajs(broker.addresses(), `${topic}.dead-letter`, [{ value: "x" }]);
    broker.dev().faults.fetch = () => ({ errorCode: 29 });
    await assert.rejects(
      replayDeadLetters(config(), topic, keepingLog(), forever),
      (error) =>
        error instanceof ReplayError && /dead-letter\/0 can't be read.*ACL "Read"/.test(error.message),
    );
  });
});
