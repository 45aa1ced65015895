// The health of deliveries: what is blocked, and one line in the log per change.

import { strict as assert } from "node:assert";
import { DeliveryHealth } from "../../src/runners/delivery-health.ts";
import { recordAt } from "../support/deliverer.ts";
import { keepingLog } from "../support/gateway.ts";

const BEGINS = "delivery is blocked; it resumes when the cause is resolved";
const ENDS = "delivery is no longer blocked";

function setUp() {
  let now = 1000;
  const log = keepingLog();
  const clock = { now: () => now, sleep: async () => {} };
  const health = new DeliveryHealth("out", { clock, log });
  const lines = () => log.lines.splice(0).map(({ level, event, fields }) => [level, event, fields["reason"]]);
  const pass = (ms: number): void => {
    now += ms;
  };
  return { health, lines, pass };
}

describe("runners: delivery health", () => {
  it("logs once when a partition is blocked, and once when it is not, whatever the answers say", () => {
    const { health, lines, pass } = setUp();
    health.onRetry(recordAt(0), "404: request 1");
    pass(60_000);
    health.onRetry(recordAt(0), "404: request 2");
    assert.deepEqual(lines(), [["warn", BEGINS, "404: request 1"]]);
    assert.deepEqual(health.blockedReasons, [{ since: 1000, message: "404: request 2" }]);
    health.onDelivered(recordAt(0));
    assert.deepEqual(lines(), [["info", ENDS, "404: request 2"]]);
    assert.deepEqual([health.blockedReasons, health.blocked, health.isRetrying], [[], 0, false]);
  });

  it("logs a cause that several partitions have once, when it begins and when it ends for all", () => {
    const { health, lines, pass } = setUp();
    for (const partition of [0, 1, 2]) {
      health.onRetry(recordAt(0, partition), "no_service");
      pass(10);
    }
    assert.deepEqual(lines(), [["warn", BEGINS, "no_service"]]);
    assert.equal(health.blocked, 3);
    assert.deepEqual(health.blockedReasons, [{ since: 1000, message: "no_service" }]);
    health.onDone(recordAt(0, 0));
    health.onDone(recordAt(0, 1));
    assert.deepEqual(lines(), []);
    health.onDone(recordAt(0, 2));
    assert.deepEqual(lines(), [["info", ENDS, "no_service"]]);
  });

  it("is blocked at once, and until the delivery, also while the receiver is away", () => {
    const { health, lines, pass } = setUp();
    health.onRetry(recordAt(0), undefined);
    assert.deepEqual([health.blocked, health.reasonOf(recordAt(0))], [0, undefined]);
    pass(4999);
    assert.equal(health.blocked, 0);
    pass(1);
    assert.equal(health.blocked, 1);
    for (let n = 0; n < 30; n++) {
      health.onRetry(recordAt(0), "410");
      assert.deepEqual([health.blocked, health.reasonOf(recordAt(0))], [1, "410"]);
      pass(1000);
      health.onRetry(recordAt(0), undefined);
      assert.deepEqual(health.blockedReasons, [{ since: 6000, message: "410" }]);
    }
    assert.deepEqual(lines(), [["warn", BEGINS, "410"]]);
    health.onDelivered(recordAt(0));
    assert.deepEqual(lines(), [["info", ENDS, "410"]]);
    assert.deepEqual(health.blockedReasons, []);
  });

  it("logs once for all partitions, also if each answer has another text", () => {
    const { health, lines } = setUp();
    for (let n = 0; n < 24; n++) health.onRetry(recordAt(0, n % 8), `403: request ${n}`);
    for (let partition = 0; partition < 8; partition++) health.onDelivered(recordAt(0, partition));
    assert.deepEqual(lines(), [
      ["warn", BEGINS, "403: request 0"],
      ["info", ENDS, "403: request 23"],
    ]);
  });

  it("logs a block that several members of the group have in turn once, and its end after a delivery", () => {
    const { health, lines } = setUp();
    for (let n = 0; n < 3; n++) {
      health.onRetry(recordAt(0), "410");
      health.onAborted(recordAt(0));
    }
    health.onDone(recordAt(0, 1));
    assert.deepEqual(lines(), [["warn", BEGINS, "410"]]);
    health.onDelivered(recordAt(0));
    assert.deepEqual(lines(), [["info", ENDS, "410"]]);
  });

  it("does not report an end when the partition is revoked: the cause may remain", () => {
    const { health, lines } = setUp();
    health.onRetry(recordAt(0), "410");
    health.onAborted(recordAt(0));
    assert.deepEqual([lines().length, health.isRetrying], [1, false]);
  });
});
