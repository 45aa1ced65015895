// What is left of streams, and what Node.js reports about the process, such as listeners that seem to leak.

import { strict as assert } from "node:assert";
import { produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { openEvents } from "../../support/event-client.ts";
import { startTestGateway } from "../../support/gateway.ts";
import { connect, metric } from "../../support/http.ts";
import { until } from "../../support/until.ts";

/** @returns the warnings of Node.js while `run` runs */
async function warningsOf(run: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error): void => void warnings.push(message);
  process.on("warning", onWarning);
  await run().finally(() => process.off("warning", onWarning));
  return warnings;
}

describe("http: what streams of events leave behind", () => {
  const broker = useBroker();

  it("a topic with many partitions causes no warning of Node.js", async () => {
    const warnings = await warningsOf(async () => {
      const gateway = await startTestGateway(broker.addresses());
      const topic = await broker.topic({ partitions: 30 });
      const [live, earlier] = ["latest", "earliest"].map((from) =>
        openEvents(`${gateway.apiUrl}/topics/${topic}/events?from=${from}`),
      );
      await Promise.all([live, earlier]);
      await produceWithKafkajs(broker.addresses(), topic, [{ value: "1", partition: 29 }]);
      for (const client of [live, earlier]) await (await client)?.untilRecords(1);
    });
    assert.deepEqual(warnings, []);
  });

  it("requests that follow a stream on its connection open no streams, and leave nothing", async () => {
    const warnings = await warningsOf(async () => {
      // The socket is not read while requests wait, so that the write of a heartbeat fails first.
      const gateway = await startTestGateway(broker.addresses(), { http: { events: { heartbeat: "1s" } } });
      const topic = await broker.topic();
      const socket = await connect(gateway);
      const request = `GET /topics/${topic}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`;
      socket.write(`GET /topics/${topic} HTTP/1.1\r\nHost: localhost\r\n\r\n${request.repeat(20)}`);
      let text = "";
      socket.on("data", (chunk) => (text += chunk));
      await until(() => text.includes("event: position"));
      assert.equal(await metric(gateway, "onramp_events_clients"), 1);
      socket.destroy();
      await until(async () => (await metric(gateway, "onramp_events_clients")) === 0);
    });
    assert.deepEqual(warnings, []);
  });
});
