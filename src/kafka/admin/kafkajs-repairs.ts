// Repairs of kafkajs 2.2.4, which is frozen. Each names the fault and has a test that fails without it.

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
 * With nothing pending and no throttle it sets a timer to a negative time, which fires after 1 ms and sets the
 * next: a polling loop for as long as a client is connected, and a TimeoutNegativeWarning on Node 24
 * (https://github.com/tulios/kafkajs/issues/1751).
 */
prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.pending.length > 0) schedule.call(this);
};
