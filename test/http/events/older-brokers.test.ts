// Streams of events from brokers without topic ids, such as Kafka before 2.8.

import { strict as assert } from "node:assert";
import { describeOnDevBroker, produceWithKafkajs, startDevBroker, withAdmin } from "../../support/broker.ts";
import { brokerVersions } from "../../support/broker-versions.ts";
import { openEvents } from "../../support/event-client.ts";
import { startTestGateway } from "../../support/gateway.ts";

const PARTITIONS = [0, 1, 2, 3, 4, 5];

describeOnDevBroker("http: events of a broker without topic ids", () => {
  it("a topic that was recreated, and is shorter, is reset once and sent from its first record", async () => {
    const old = await startDevBroker({ versions: brokerVersions("Apache Kafka 2.7") });
    const produce = (value: string): Promise<void> =>
      produceWithKafkajs(
        [old.address],
        "t",
        PARTITIONS.map((partition) => ({ value, partition })),
      );
    const create = () => old.createTopic("t", PARTITIONS.length);
    create();
    const gateway = await startTestGateway([old.address]);
    const client = await openEvents(`${gateway.apiUrl}/topics/t/events?from=earliest`);
    for (const value of ["old 1", "old 2"]) await produce(value);
    await client.untilRecords(12);
    await withAdmin([old.address], (admin) => admin.deleteTopics({ topics: ["t"] }));
    create();
    await client.untilEvent("reset");
    for (const value of ["new 1", "new 2", "new 3"]) await produce(value);
    await client.untilRecords(30);
    const received = client.events.flatMap(({ name, data }) =>
      name === "position" ? [] : (name ?? JSON.parse(data).value.slice(0, 3)),
    );
    assert.deepEqual(received, [...Array(12).fill("old"), "reset", ...Array(18).fill("new")]);
  });
});
