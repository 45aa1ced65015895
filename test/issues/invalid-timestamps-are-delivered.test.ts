// Timestamps of records that are not times: -1 (no timestamp), nanoseconds, and years after 9999.

import { strict as assert } from "node:assert";
import { replayDeadLetters } from "../../src/app/replay.ts";
import type { OutgoingRecord } from "../../src/core/sink.ts";
import { messageOf } from "../../src/sinks/slack/message.ts";
import { createTopic, produceWithKafkajs, useBroker } from "../support/broker.ts";
import { loadTestConfig } from "../support/config.ts";
import { keepingLog, startTestGateway, writeConfig } from "../support/gateway.ts";
import { sinkState } from "../support/http.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { until } from "../support/until.ts";

const ANY_TIME = { config: { "message.timestamp.after.max.ms": "9223372036854775807" } };
const NANOSECONDS = "1795651200000000000";
const YEAR_52149 = "1583500000000000";
const NONE = ["-1", NANOSECONDS, YEAR_52149];
const REAL = "1700000000000";

describe("invalid timestamps are delivered", function () {
  this.timeout(30_000);
  const broker = useBroker();
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver();
  });

  async function start(sink: object) {
    const topic = await broker.topic(ANY_TIME);
    await createTopic(broker.addresses(), {}, `${topic}.dead-letter`);
    const config = {
      kafka: { namespace: `ns-${topic}`, brokers: broker.addresses() },
      sinks: { out: { topics: [topic], from: "earliest", ...sink } },
    };
    const messages = [...NONE, REAL].map((timestamp, n) => ({ value: String(n), timestamp }));
    await produceWithKafkajs(broker.addresses(), topic, messages);
    const gateway = await startTestGateway(broker.addresses(), config);
    return { gateway, topic, config, state: () => sinkState(gateway) };
  }
  const events = () => ({
    ...{ type: "webhook", url: `${receiver.url}/`, allowAddresses: ["127.0.0.1"], format: "cloudevents" },
  });
  const times = () => receiver.taken.map(({ headers }) => headers["ce-time"]);

  it("CloudEvents are sent without ce-time, also in a replay of dead letters", async () => {
    receiver.script = () => ({ status: 400 });
    const { gateway, topic, config, state } = await start(events());
    await until(async () => (await state()).deadLettered === 4);
    await gateway.stop();
    receiver.script = () => ({ status: 200 });
    const { delivered } = await replayDeadLetters(
      loadTestConfig(writeConfig(config), {}),
      topic,
      keepingLog(),
      new AbortController().signal,
    );
    assert.equal(delivered, 4);
    assert.deepEqual(times(), [undefined, undefined, undefined, "2023-11-14T22:13:20.000Z"]);
  });

  it("CloudEvents are delivered", async () => {
    const { state } = await start(events());
    await until(async () => (await state()).delivered === 4);
    assert.deepEqual(times(), [undefined, undefined, undefined, "2023-11-14T22:13:20.000Z"]);
  });

  it("$timestamp has no value, so that $fromMillis does not fail", async () => {
    const text = "'at ' & $fromMillis($timestamp)";
    const { state } = await start({ type: "slack", webhookUrl: receiver.url, text, rate: 1000 });
    await until(async () => (await state()).delivered === 4);
    assert.deepEqual(
      receiver.taken.map(({ body }) => JSON.parse(body).text),
      ["at ", "at ", "at ", "at 2023-11-14T22:13:20.000Z"],
    );
  });

  it("a digest leaves them out of its time span", async () => {
    const text = { evaluate: async () => "t" };
    const digest = async (...timestamps: string[]): Promise<string | undefined> => {
      const records = timestamps.map((timestamp) => ({ timestamp: Number(timestamp) }) as OutgoingRecord);
      return (await messageOf(records, { text, blocks: undefined, thread: undefined })).text.split("\n")[1];
    };
    for (const none of NONE) {
      assert.equal(await digest(REAL, none), "1 more");
      assert.equal(await digest(none, REAL, String(Number(REAL) + 5000)), "2 more in the last 5 seconds");
    }
    assert.equal(await digest(REAL, String(Number(REAL) + 47 * 3_600_000)), "1 more in the last 47 hours");
    assert.equal(await digest(REAL, String(Number(REAL) + 72 * 3_600_000)), "1 more in the last 3 days");
  });
});
