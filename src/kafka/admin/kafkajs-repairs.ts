// Patches kafkajs 2.2.4, which has no new releases. Each patch describes the bug and has a test that fails without it.

import { createRequire } from "node:module";

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

interface Encoder {
  writeArray(array: readonly unknown[], type?: string): Encoder;
  writeNullableArray(array: readonly unknown[], type?: string): Encoder;
}

interface BrokerPool {
  refreshMetadata(topics: readonly string[]): Promise<void>;
}

const require = createRequire(import.meta.url);
const { prototype: requestQueue } = require("kafkajs/src/network/requestQueue/index.js") as {
  prototype: RequestQueue;
};
const { prototype: encoder } = require("kafkajs/src/protocol/encoder.js") as { prototype: Encoder };
const { prototype: brokerPool } = require("kafkajs/src/cluster/brokerPool.js") as { prototype: BrokerPool };
const [refresh, write] = [brokerPool.refreshMetadata, encoder.writeNullableArray];
const schedule = requestQueue.scheduleCheckPendingRequests;

/**
 * Bug: without pending requests and throttling, kafkajs starts a timer with a negative delay, which fires after 1 ms
 * and starts the next timer. This polls as long as a client is connected, and logs a TimeoutNegativeWarning on Node 24
 * (https://github.com/tulios/kafkajs/issues/1751). The patch starts a timer only when requests are pending.
 */
requestQueue.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.pending.length > 0) schedule.call(this);
};

/**
 * Bug: before it creates a topic, the admin client requests the metadata of all topics, and fails when any partition of the cluster has
 * no leader. The patch requests the metadata of no topic. (kafkajs encodes an empty array as null, which means all topics.)
 */
const NO_TOPICS: readonly string[] = Object.freeze([]);
brokerPool.refreshMetadata = function (this: BrokerPool, topics) {
  return refresh.call(this, topics.length === 0 ? NO_TOPICS : topics);
};
encoder.writeNullableArray = function (this: Encoder, array, type) {
  return array === NO_TOPICS ? this.writeArray(array) : write.call(this, array, type);
};
