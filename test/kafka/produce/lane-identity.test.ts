// The producer id, epoch and sequence of a lane.

import { strict as assert } from "node:assert";
import "../../../src/kafka/admin/kafkajs-repairs.ts";
import { LaneIdentity } from "../../../src/kafka/produce/lane-identity.ts";

describe("kafka: lane identity", () => {
  it("wraps the sequence as the broker does, counts epochs, and needs another id after the last", () => {
    const identity = new LaneIdentity();
    identity.adopt(7, 32766);
    identity.advance(2 ** 31 - 1);
    identity.advance(1);
    assert.deepEqual(identity.current, { producerId: 7, epoch: 32766, sequence: 0 });
    assert.equal(identity.nextEpoch(), undefined);
    assert.equal(identity.nextEpoch(), 7);
    assert.equal(identity.producerId, undefined);
  });
});
