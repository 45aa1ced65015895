// Followers that make others wait: lanes that need them travel apart.

import { strict as assert } from "node:assert";
import { MAIN } from "../../../src/kafka/produce/broker-channels.ts";
import { startSender } from "../../support/sender.ts";
import { topicState } from "../../support/topics.ts";

describe("kafka: sender, slow followers", function () {
  this.timeout(2000);
  const led = (isr: readonly number[]) => ({ leader: 1, leaderEpoch: 0, replicas: isr, isr });
  const topic = {
    ...topicState("t", []),
    partitions: [led([1, 2]), led([1, 2]), led([1, 3]), led([1])],
  };

  for (const errorCode of [7, 20])
    it(`after ${errorCode}, lanes that need the follower travel apart, until one of them is answered fast`, async () => {
      const { brokers, push, pump } = startSender([topic]);
      push("t/0", "a");
      await pump();
      await brokers.last.answer({ "t/0": { errorCode } });
      for (const place of ["t/1", "t/2", "t/3"]) push(place, "b");
      await pump();
      const [, main, spare] = brokers.requests;
      assert.deepEqual([main?.channel, main?.places, spare?.places], [MAIN, ["t/2", "t/3"], ["t/1"]]);
      await main?.answer();
      await spare?.answer();
      push("t/1", "c");
      await pump();
      assert.equal(brokers.last.channel, MAIN);
    });

  it("after five seconds, lanes that need the follower travel with the others", async () => {
    const { brokers, push, pump, later } = startSender([topic]);
    push("t/0", "a");
    await pump();
    await brokers.last.answer({ "t/0": { errorCode: 7 } });
    await later(5000);
    push("t/1", "b");
    await pump();
    assert.deepEqual([brokers.last.channel, brokers.last.places], [MAIN, ["t/1"]]);
  });

  it("after 19, nobody is suspected: the follower is not in sync any more", async () => {
    const { brokers, push, pump } = startSender([topic]);
    push("t/0", "a");
    await pump();
    await brokers.last.answer({ "t/0": { errorCode: 19 } });
    push("t/1", "b");
    await pump();
    assert.deepEqual([brokers.last.channel, brokers.last.places], [MAIN, ["t/1"]]);
  });

  it("a slow answer clears nobody", async () => {
    const { brokers, push, pump, pass } = startSender([topic]);
    push("t/0", "a");
    push("t/1", "a");
    await pump();
    pass(501);
    await brokers.last.answer({ "t/0": { errorCode: 7 } });
    brokers.topics.set("t", { ...topic, partitions: [...topic.partitions, led([1, 2])] });
    push("t/4", "b");
    await pump();
    assert.deepEqual([brokers.last.places, brokers.last.channel === MAIN], [["t/4"], false]);
  });
});
