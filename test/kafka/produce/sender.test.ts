// The requests that the sender sends to each broker, and their results.

import { strict as assert } from "node:assert";
import { BrokerGone } from "../../../src/kafka/client/errors.ts";
import { MAIN } from "../../../src/kafka/produce/broker-channels.ts";
import { compressionOf } from "../../../src/kafka/produce/compression.ts";
import { codesOf, messageOf } from "../../support/segments.ts";
import { PAUSE, startSender } from "../../support/sender.ts";
import { topicState } from "../../support/topics.ts";

describe("kafka: sender, requests", function () {
  this.timeout(2000);
  it("sends all batches for a broker in one request, and returns the receipts", async () => {
    const { sender, brokers, batches, push, pump } = startSender([
      topicState("a", [1, 1]),
      topicState("b", [1]),
    ]);
    const requests = [push("a/0", "x", "y"), push("b/0", "z"), push("a/1", "w")];
    await pump();
    assert.equal(brokers.requests.length, 1);
    const { node, parts, timeouts } = brokers.last;
    assert.equal(node, 1);
    assert.deepEqual(
      parts.map(({ place, values }) => [place, values]),
      [
        ["a/0", ["x", "y"]],
        ["a/1", ["w"]],
        ["b/0", ["z"]],
      ],
    );
    assert.deepEqual(timeouts, { broker: 5000, connection: 5400 });
    assert.deepEqual([...batches].sort(), [1, 1, 2]);
    await brokers.last.answer({ "a/0": { baseOffset: 10 }, "b/0": { baseOffset: 20 } });
    assert.deepEqual(
      requests.map(({ receipts }) => receipts.offsets),
      [[10, 11], [20], [50]],
    );
    assert.equal(sender.active.size, 0);
  });

  it("sends to each partition's own leader", async () => {
    const { brokers, push, pump } = startSender([topicState("t", [1, 2])]);
    push("t/0", "a");
    push("t/1", "b");
    await pump();
    assert.deepEqual(
      brokers.requests.map(({ node, places }) => [node, places]),
      [
        [1, ["t/0"]],
        [2, ["t/1"]],
      ],
    );
  });

  it("has one request in flight per broker, and sends newer records after its answer", async () => {
    const { brokers, push, pump } = startSender([topicState("t", [1, 1])]);
    push("t/0", "a");
    await pump();
    push("t/1", "b");
    push("t/0", "c");
    await pump();
    assert.equal(brokers.requests.length, 1);
    await brokers.last.answer();
    assert.deepEqual([brokers.requests.length, brokers.last.places], [2, ["t/0", "t/1"]]);
    await brokers.last.answer();
    assert.equal(brokers.requests.length, 2);
  });

  it("sends at most about 8 MB at once; lanes that were left out come first next time", async () => {
    const places = Array.from({ length: 12 }, (_, n) => `t/${n}`);
    const { brokers, push, pump } = startSender([
      topicState(
        "t",
        places.map(() => 1),
      ),
    ]);
    for (const place of places) push(place, "a".repeat(900_000));
    await pump();
    const first = brokers.last.places;
    assert.equal(first.length, 9);
    push("t/0", "again");
    await brokers.last.answer();
    assert.deepEqual(brokers.last.places, ["t/9", "t/10", "t/11", "t/0"]);
  });

  it("keeps batches below a million bytes, and below the limit of the topic", async () => {
    const { brokers, push, pump } = startSender([
      topicState("large", [1]),
      topicState("small", [1], { maxMessageBytes: 1500 }),
      topicState("huge", [1], { maxMessageBytes: 5_000_000 }),
    ]);
    push("small/0", "a".repeat(1000), "b");
    push("large/0", "a".repeat(600_000), "b".repeat(600_000));
    push("huge/0", "a".repeat(600_000), "b".repeat(600_000));
    await pump();
    assert.deepEqual(
      brokers.last.parts.map(({ place, batch }) => [place, batch.count]),
      [
        ["small/0", 2],
        ["large/0", 1],
        ["huge/0", 1],
      ],
    );
    await brokers.last.answer();
    push("small/0", "a".repeat(1000), "b".repeat(1000));
    await pump();
    await brokers.last.answer();
    assert.deepEqual(
      brokers.last.parts.map(({ place, batch }) => [place, batch.count]),
      [["small/0", 1]],
    );
  });

  it("compresses batches with the configured codec", async () => {
    const { brokers, push, pump } = startSender([topicState("t", [1])], compressionOf("gzip"));
    push("t/0", "a".repeat(1000));
    await pump();
    const [part] = brokers.last.parts;
    assert.equal(part?.batch.compression, 1);
    assert.ok((part?.batch.bytes.length ?? 1000) < 200);
  });

  for (const company of ["alone", "beside another"])
    it(`keeps the bytes of an open batch that left ${company}, however many frames are used meanwhile`, async () => {
      const { brokers, push, pump, later } = startSender([topicState("t", [1, 1])]);
      push("t/0", "a".repeat(10_000));
      if (company !== "alone") push("t/1", "in the same request");
      await pump();
      await brokers.last.answer({ "t/0": { errorCode: 56 } });
      push("t/1", "b".repeat(9000));
      await pump();
      assert.deepEqual(brokers.last.places, ["t/1"]);
      await brokers.last.answer();
      await later(PAUSE);
      assert.deepEqual([brokers.last.places, brokers.last.parts[0]?.values], [["t/0"], ["a".repeat(10_000)]]);
    });
});

describe("kafka: sender, records that cannot be sent", function () {
  this.timeout(2000);
  it("fails a partition number that equals the number of partitions, and one beyond", async () => {
    const { sender, brokers, push, pump } = startSender([topicState("t", [1, 1])]);
    const [last, equal, beyond] = [push("t/1", "a"), push("t/2", "b"), push("t/3", "c")];
    await pump();
    assert.deepEqual([last, equal, beyond].map(codesOf), [undefined, [40402], [40402]]);
    assert.match(messageOf(equal), /no partition 2; its partitions are 0 to 1/);
    assert.deepEqual([brokers.last.places, sender.active.size], [["t/1"], 1]);
  });

  it("fails records in the queue of a deleted topic", async () => {
    const { sender, push, pump } = startSender([]);
    const request = push("gone/0", "a");
    await pump();
    assert.deepEqual([codesOf(request), sender.active.size], [[40401], 0]);
  });

  it("keeps records for a partition without a leader, until it has one", async () => {
    const { sender, brokers, lane, push, pump, later } = startSender([topicState("t", [-1])]);
    const request = push("t/0", "a");
    await pump();
    assert.deepEqual([brokers.requests.length, lane("t/0").backingOff, sender.active.size], [0, true, 1]);
    brokers.topics.set("t", topicState("t", [0]));
    await later(PAUSE);
    assert.deepEqual([brokers.last.node, brokers.last.channel, codesOf(request)], [0, MAIN, undefined]);
  });

  it("says at the deadline that a partition has no leader", async () => {
    const { sender, push, pump } = startSender([topicState("t", [-1])]);
    const request = push("t/0", "a");
    await pump();
    sender.expire(Number.POSITIVE_INFINITY);
    assert.match(messageOf(request), /nothing was written.* Last error: the partition has no leader\./);
  });

  it("keeps a batch of unknown outcome whose topic was deleted, but does not send it", async () => {
    const { sender, brokers, push, pump, later } = startSender([topicState("t", [1])]);
    const request = push("t/0", "a");
    await pump();
    await brokers.last.fail(new BrokerGone("gone", { sent: true }));
    const behind = push("t/0", "b");
    brokers.topics.clear();
    await later(PAUSE);
    assert.deepEqual([codesOf(request), codesOf(behind)], [undefined, [40401]]);
    assert.deepEqual([brokers.requests.length, sender.active.size], [1, 1]);
  });

  it("waits for a producer id, and gives it to the lanes that have none", async () => {
    const { brokers, producerIds, push, pump } = startSender([topicState("t", [1, 1])]);
    producerIds.current = undefined;
    push("t/0", "a");
    await pump();
    assert.equal(brokers.requests.length, 0);
    producerIds.current = 8;
    await pump();
    await brokers.last.answer();
    producerIds.current = 9;
    push("t/0", "b");
    push("t/1", "c");
    await pump();
    assert.deepEqual(
      brokers.requests.map(({ parts }) => parts.map(({ batch }) => [batch.producerId, batch.sequence])),
      [
        [[8, 0]],
        [
          [8, 1],
          [9, 0],
        ],
      ],
    );
  });

  it("answers callers at their deadline, and forgets idle lanes", async () => {
    const { sender, push } = startSender([topicState("t", [1, 1])]);
    const request = push("t/0", "a");
    sender.expire(Number.MAX_SAFE_INTEGER - 1);
    assert.deepEqual([codesOf(request), sender.active.size], [undefined, 1]);
    sender.expire(Number.POSITIVE_INFINITY);
    assert.deepEqual([codesOf(request), sender.active.size], [[50301], 0]);
  });
});
