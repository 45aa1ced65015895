// The sequence numbers and epochs of the batches of a lane.

import { strict as assert } from "node:assert";
import { LaneIdentity } from "../../../src/kafka/produce/lane-identity.ts";

describe("kafka: sequences", () => {
  it("have no producer id until the lane has one", () => {
    const identity = new LaneIdentity();
    assert.equal(identity.producerId, undefined);
    assert.deepEqual(identity.current, { producerId: -1, epoch: 0, sequence: 0 });
  });

  it("start at 0 with a new id, and advance by the records that were written", () => {
    const identity = new LaneIdentity();
    identity.adopt(7);
    identity.advance(3);
    identity.advance(2);
    assert.deepEqual(identity.current, { producerId: 7, epoch: 0, sequence: 5 });
    identity.adopt(8);
    assert.deepEqual([identity.producerId, identity.current], [8, { producerId: 8, epoch: 0, sequence: 0 }]);
  });

  it("start at 0 with a new epoch of the same id", () => {
    const identity = new LaneIdentity();
    identity.adopt(7, 4);
    identity.advance(3);
    assert.equal(identity.nextEpoch(), undefined);
    assert.deepEqual(identity.current, { producerId: 7, epoch: 5, sequence: 0 });
  });

  it("reach 2147483647, and continue at 0", () => {
    const identity = new LaneIdentity();
    identity.adopt(7);
    identity.advance(2147483647);
    assert.equal(identity.current.sequence, 2147483647);
    identity.advance(1);
    assert.equal(identity.current.sequence, 0);
    identity.advance(2147483646);
    identity.advance(5);
    assert.equal(identity.current.sequence, 3);
  });

  it("start at 0 again under another id when the epochs are used up", () => {
    const identity = new LaneIdentity();
    identity.adopt(7, 32767);
    identity.advance(9);
    assert.equal(identity.nextEpoch(), 7);
    assert.equal(identity.producerId, undefined);
    identity.adopt(8);
    assert.deepEqual(identity.current, { producerId: 8, epoch: 0, sequence: 0 });
  });
});
