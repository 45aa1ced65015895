// The sender's connections to one broker.

import { strict as assert } from "node:assert";
import { BrokerChannels, MAIN } from "../../../src/kafka/produce/broker-channels.ts";
import { Lane } from "../../../src/kafka/produce/lane.ts";

const host = { refresh: () => {}, renewProducerId: () => {}, reportSuspectedLoss: () => {} };
const lanes = [0, 1, 2].map((partition) => new Lane("t", partition, host));

describe("kafka: channels of a broker", () => {
  it("the main channel is free until it is acquired, and again after it is released", () => {
    const broker = new BrokerChannels(1);
    assert.equal(broker.mainFree, true);
    broker.acquire("spare-0", "t");
    assert.equal(broker.mainFree, true);
    broker.acquire(MAIN, undefined);
    assert.equal(broker.mainFree, false);
    broker.release(MAIN, undefined);
    assert.equal(broker.mainFree, true);
  });

  it("a topic has one spare channel at a time, and other topics have others", () => {
    const broker = new BrokerChannels(1);
    const first = broker.spareFor("a");
    assert.ok(first);
    broker.acquire(first, "a");
    assert.equal(broker.spareFor("a"), undefined);
    const second = broker.spareFor("b");
    assert.ok(second);
    assert.notEqual(second, first);
    broker.release(first, "a");
    assert.equal(broker.spareFor("a"), first);
  });

  it("the main channel does not affect the spare channel of a topic", () => {
    const broker = new BrokerChannels(1);
    broker.acquire(MAIN, undefined);
    assert.ok(broker.spareFor("a"));
    broker.acquire("spare-0", "a");
    broker.release(MAIN, undefined);
    assert.equal(broker.spareFor("a"), undefined);
  });

  it("there are eight spare channels, and none of them is the main one", () => {
    const broker = new BrokerChannels(1);
    const channels = new Set<string>();
    for (let n = 0; n < 8; n++) {
      const channel = broker.spareFor(`topic ${n}`);
      assert.ok(channel);
      channels.add(channel);
      broker.acquire(channel, `topic ${n}`);
    }
    assert.deepEqual([channels.size, channels.has(MAIN)], [8, false]);
    assert.equal(broker.spareFor("one more"), undefined);
  });

  it("lanes that were slow together are sent one by one, until an answer is fast", () => {
    const broker = new BrokerChannels(1);
    assert.equal(broker.nextLanes("t", lanes), lanes);
    broker.noteRoundTrip("t", true);
    assert.deepEqual(broker.nextLanes("t", lanes), [lanes[0]]);
    assert.equal(broker.nextLanes("other", lanes), lanes);
    broker.noteRoundTrip("t", false);
    assert.equal(broker.nextLanes("t", lanes), lanes);
  });

  it("a follower that delayed a batch is a suspect for five seconds", () => {
    const broker = new BrokerChannels(1);
    assert.equal(broker.hasSuspect([2, 3], 1000), false);
    broker.addSuspects([3], 1000);
    assert.deepEqual(
      [broker.hasSuspect([2, 3], 5999), broker.hasSuspect([2], 5999), broker.hasSuspect([2, 3], 6000)],
      [true, false, false],
    );
    assert.equal(broker.hasSuspect([], 1000), false);
  });

  it("a follower that keeps up is no longer a suspect", () => {
    const broker = new BrokerChannels(1);
    broker.addSuspects([2, 3], 1000);
    broker.removeSuspects([2]);
    assert.deepEqual([broker.hasSuspect([2], 1001), broker.hasSuspect([3], 1001)], [false, true]);
  });
});

describe("kafka: a throttled broker", () => {
  it("is throttled until the time is over, or until its connection is closed", () => {
    const broker = new BrokerChannels(1);
    const connection: { closeReason: string | undefined } = { closeReason: undefined };
    broker.throttle(connection, 100);
    assert.deepEqual([broker.isThrottled(99), broker.isThrottled(100)], [true, false]);
    connection.closeReason = "the broker restarted";
    assert.equal(broker.isThrottled(99), false);
  });
});
