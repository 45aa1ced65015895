// Patches kafkajs 2.2.4, which has no new releases. Each patch describes the bug and has a test that fails without it.

import { createRequire } from "node:module";

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

const { prototype } = createRequire(import.meta.url)("kafkajs/src/network/requestQueue/index.js") as {
  prototype: RequestQueue;
};
const schedule = prototype.scheduleCheckPendingRequests;

/**
 * Bug: without pending requests and throttling, kafkajs starts a timer with a negative delay, which fires after 1 ms
 * and starts the next timer. This polls as long as a client is connected, and logs a TimeoutNegativeWarning on Node 24
 * (https://github.com/tulios/kafkajs/issues/1751). The patch starts a timer only when requests are pending.
 */
prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.pending.length > 0) schedule.call(this);
};
