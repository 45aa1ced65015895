// The patches of kafkajs.

import { strict as assert } from "node:assert";
import { createRequire } from "node:module";
import "../../../src/kafka/admin/kafkajs-repairs.ts";
import { createTopic, startDevBroker, withAdmin } from "../../support/broker.ts";

describe("kafka: repairs of kafkajs", () => {
  it("sets no timer for an idle request queue (it polled every millisecond, and warned on Node 24)", () => {
    const RequestQueue = createRequire(import.meta.url)("kafkajs/src/network/requestQueue/index.js");
    const logger = { namespace: () => ({ debug: () => {} }) };
    const queue = new RequestQueue({
      maxInFlightRequests: null,
      requestTimeout: 1000,
      enforceRequestTimeout: false,
      clientId: "x",
      broker: "x",
      logger,
      isConnected: () => true,
    });
    queue.checkPendingRequests();
    assert.ok(!queue.throttleCheckTimeoutId);
    queue.pending.push({});
    queue.maxInFlight = 0;
    queue.scheduleCheckPendingRequests();
    assert.ok(queue.throttleCheckTimeoutId);
    queue.destroy();
  });

  it("creates a topic while another one has no leader, and still lists all topics", async () => {
    const broker = await startDevBroker();
    await createTopic([broker.address], {}, "lost");
    broker.faults.leaderless = (topic) => topic === "lost";
    await withAdmin([broker.address], async (admin) => {
      await admin.createTopics({ topics: [{ topic: "made" }], waitForLeaders: false });
      broker.faults.clear();
      assert.deepEqual((await admin.listTopics()).sort(), ["lost", "made"]);
    });
  });
});
