// What changes while a request waits for its connection, or for its answer.

import { strict as assert } from "node:assert";
import { BrokerGone } from "../../../src/kafka/client/errors.ts";
import { turn } from "../../support/produce-brokers.ts";
import { codesOf } from "../../support/segments.ts";
import { PAUSE, startSender } from "../../support/sender.ts";
import { topicState } from "../../support/topics.ts";

/** Holds back every connection of the brokers until it is called. */
function holdConnections(brokers: ReturnType<typeof startSender>["brokers"]): () => Promise<void> {
  let open = (): void => {};
  brokers.connecting = new Promise((resolve) => {
    open = resolve;
  });
  return async () => {
    open();
    await turn();
  };
}

describe("kafka: sender, while a request waits", function () {
  this.timeout(2000);

  it("sends nothing of a request whose callers were answered before it had a connection", async () => {
    const { sender, brokers, lane, log, push, pump } = startSender([topicState("t", [1])]);
    const open = holdConnections(brokers);
    const request = push("t/0", "a");
    await pump();
    sender.expire(Number.POSITIVE_INFINITY);
    await open();
    assert.deepEqual([codesOf(request), brokers.requests.length, log.lines], [[50301], 0, []]);
    assert.deepEqual([lane("t/0").reserved, sender.active.size], [false, 0]);
    push("t/0", "b");
    await pump();
    assert.deepEqual(brokers.last.parts[0]?.values, ["b"]);
  });

  it("leaves those out whose callers were answered, and sends the others", async () => {
    const { brokers, lane, push, pump } = startSender([topicState("t", [1, 1])]);
    const open = holdConnections(brokers);
    push("t/0", "a");
    push("t/1", "b");
    await pump();
    lane("t/0").expire(Number.POSITIVE_INFINITY);
    await open();
    assert.deepEqual(brokers.last.places, ["t/1"]);
  });

  it("sends a request whose topic is gone from the metadata since", async () => {
    const { brokers, log, push, pump } = startSender([topicState("t", [1])]);
    const open = holdConnections(brokers);
    const request = push("t/0", "a");
    await pump();
    brokers.topics.clear();
    await open();
    await brokers.last.answer();
    assert.deepEqual([request.receipts.offsets, log.lines], [[50], []]);
  });

  it("gives a lane that waits for its connection to no other connection", async () => {
    const led = { leader: 1, leaderEpoch: 0, replicas: [1, 2], isr: [1, 2] };
    const { brokers, push, pump, pass } = startSender([{ ...topicState("t", []), partitions: [led, led] }]);
    push("t/0", "slow");
    await pump();
    pass(501);
    await brokers.last.answer();
    push("t/0", "a");
    await pump();
    const apart = brokers.last;
    const open = holdConnections(brokers);
    push("t/1", "b");
    await pump();
    // From now on lanes that need broker 2 travel apart, but this one has its place.
    await apart.answer({ "t/0": { errorCode: 7 } });
    await open();
    assert.deepEqual(
      brokers.requests.slice(2).map(({ places }) => places),
      [["t/1"]],
    );
  });

  it("keeps a batch of unknown outcome whose partition is gone, and goes on with others", async () => {
    const { sender, brokers, push, pump, later } = startSender([
      topicState("t", [1, 1]),
      topicState("u", [1]),
    ]);
    const request = push("t/1", "a");
    await pump();
    await brokers.last.fail(new BrokerGone("gone", { sent: true }));
    brokers.topics.set("t", topicState("t", [1]));
    push("u/0", "b");
    await later(PAUSE);
    assert.deepEqual([brokers.last.places, codesOf(request), sender.active.size], [["u/0"], undefined, 2]);
  });

  it("has room for all the open batches of a broker, whatever their topics are called", async () => {
    const names = Array.from({ length: 20 }, (_, n) => `${n}-`.padEnd(200, "x"));
    const { brokers, push, pump, later } = startSender(names.map((name) => topicState(name, [1, 1])));
    const requests = names.flatMap((name) => [push(`${name}/0`, "a"), push(`${name}/1`, "b")]);
    await pump();
    await brokers.last.fail(new BrokerGone("gone", { sent: true }));
    await later(PAUSE);
    await brokers.last.answer();
    assert.deepEqual(new Set(requests.map(({ receipts }) => receipts.offsets[0])), new Set([50]));
    assert.equal(brokers.requests.length, 2);
  });
});
