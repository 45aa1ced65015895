// What Node.js reports about the process, such as listeners that seem to leak.

import { strict as assert } from "node:assert";
import { produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { openEvents } from "../../support/event-client.ts";
import { startTestGateway } from "../../support/gateway.ts";

describe("http: streams of a topic with many partitions", () => {
  const broker = useBroker();

  it("cause no warning of Node.js", async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on("warning", onWarning);
    try {
      const gateway = await startTestGateway(broker.addresses());
      const topic = await broker.topic({ partitions: 30 });
      const [live, earlier] = ["latest", "earliest"].map((from) =>
        openEvents(`${gateway.apiUrl}/topics/${topic}/events?from=${from}`),
      );
      await Promise.all([live, earlier]);
      await produceWithKafkajs(broker.addresses(), topic, [{ value: "1", partition: 29 }]);
      for (const client of [live, earlier]) await (await client)?.untilRecords(1);
      assert.deepEqual(warnings, []);
    } finally {
      process.off("warning", onWarning);
    }
  });
});
