// The patches of kafkajs.

import { strict as assert } from "node:assert";
import { createRequire } from "node:module";
import "../../../src/kafka/admin/kafkajs-repairs.ts";

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

  it("requests the metadata of no topic before it creates one (any partition without a leader prevented that)", () => {
    const Encoder = createRequire(import.meta.url)("kafkajs/src/protocol/encoder.js");
    assert.deepEqual(new Encoder().writeNullableArray([]).buffer, Buffer.alloc(4));
    assert.deepEqual(new Encoder().writeNullableArray(["t"]).buffer, Buffer.from("\0\0\0\x01\0\x01t"));
  });
});
