// How soon a client receives its first record.

import { strict as assert } from "node:assert";
import { produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { openEvents } from "../../support/event-client.ts";
import { startTestGateway } from "../../support/gateway.ts";
import { untilReady } from "../../support/http.ts";
import { bound } from "../../support/soak.ts";

const FIRST_MS = 100;

describe("http: the first event", () => {
  const broker = useBroker();

  it("arrives soon from a topic with records, in a process that has not read the topic yet", async () => {
    const topic = await broker.topic({ partitions: 3 });
    const messages = Array.from({ length: 3000 }, (_, n) => ({
      value: `${n}`.padEnd(300, "."),
      partition: n % 3,
    }));
    await produceWithKafkajs(broker.addresses(), topic, messages);
    const gateway = await startTestGateway(broker.addresses());
    await untilReady(gateway);
    const began = performance.now();
    const client = await openEvents(`${gateway.apiUrl}/topics/${topic}/events?from=earliest`);
    await client.untilRecords(1);
    const first = performance.now() - began;
    await client.untilRecords(messages.length);
    console.log(`      the first record after ${first.toFixed(0)} ms`);
    assert.ok(first < bound(FIRST_MS));
  });
});
