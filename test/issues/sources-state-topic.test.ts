// The state topic is created with its settings, or the commands that create or correct it are printed.

import { strict as assert } from "node:assert";
import { createTopic, useBroker, withAdmin } from "../support/broker.ts";
import { keepingLog, startTestGateway, type TestConfig } from "../support/gateway.ts";
import { untilReady } from "../support/http.ts";

const SETTINGS = {
  "cleanup.policy": "compact",
  "segment.bytes": "8388608",
  "min.cleanable.dirty.ratio": "0.1",
  "delete.retention.ms": "60000",
};

describe("the state topic of sources", function () {
  this.timeout(30_000);
  const broker = useBroker();
  let topic: string;
  let state: string;
  beforeEach(async () => {
    topic = await broker.topic();
    await createTopic(broker.addresses(), {}, `${topic}.dead-letter`);
    state = `ns-${topic}.sources`;
  });
  const config = (more: object = {}): TestConfig => ({
    kafka: { namespace: `ns-${topic}`, ...more },
    sources: { in: { type: "clock", interval: "1h", topic } },
  });
  const start = (more: object = {}, log = keepingLog()) =>
    startTestGateway(broker.addresses(), config(more), log);

  it("is created with 16 partitions and its settings, if Onramp may create topics", async () => {
    await untilReady(await start({ createTopics: true }));
    await withAdmin(broker.addresses(), async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [state] });
      assert.equal(topics[0]?.partitions.length, 16);
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: 2, name: state, configNames: Object.keys(SETTINGS) }],
      });
      const found = resources[0]?.configEntries.map(({ configName, configValue }) => [
        configName,
        configValue,
      ]);
      assert.deepEqual(Object.fromEntries(found ?? []), SETTINGS);
    });
  });

  it("is not needed without sources", async () => {
    const gateway = await startTestGateway(broker.addresses(), { kafka: { namespace: `ns-${topic}` } });
    await untilReady(gateway);
  });

  it("stops the start and prints the commands when it is missing", async () => {
    await assert.rejects(start(), (error: Error) => {
      assert.match(error.message, /Topics are missing in Kafka: ns-.*\.sources/);
      assert.match(
        error.message,
        /--create --topic ns-\S+\.sources --partitions 16 .*--config cleanup\.policy=compact/,
      );
      assert.match(error.message, /kind: KafkaTopic/);
      return true;
    });
  });

  it("stops the start when it is not compacted, because cursors would be lost", async () => {
    const wrong = { ...SETTINGS, "cleanup.policy": "delete" };
    await createTopic(broker.addresses(), { partitions: 16, config: wrong }, state);
    await assert.rejects(
      start(),
      /cleanup\.policy is delete and should be compact.*kafka-configs .*--alter --entity-type topics --entity-name ns-\S+ --add-config cleanup\.policy=compact\n/s,
    );
  });

  it("stops the start when it has another number of partitions", async () => {
    await createTopic(broker.addresses(), { partitions: 3, config: SETTINGS }, state);
    await assert.rejects(start(), /has 3 partitions; it must have 16/);
  });

  it("causes a warning with the command when its settings make takeovers slow", async () => {
    const slow = { ...SETTINGS, "segment.bytes": "1073741824" };
    await createTopic(broker.addresses(), { partitions: 16, config: slow }, state);
    const log = keepingLog();
    await untilReady(await start({}, log));
    const warning = log.lines.find(({ event }) => event.includes("kafka-configs"));
    assert.match(
      warning?.event ?? "",
      /segment\.bytes is 1073741824 and should be 8388608.*--add-config segment\.bytes=8388608/s,
    );
  });

  it("cannot be written or read over HTTP, and no topic of the configuration may have its name", async () => {
    await assert.rejects(
      startTestGateway(broker.addresses(), {
        kafka: { namespace: `ns-${topic}` },
        sources: { in: { type: "clock", interval: "1h", topic: state } },
      }),
      /contains the state of Onramp's sources/,
    );
  });
});
