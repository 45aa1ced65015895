// Where a producer sends records that name no partition.

import { strict as assert } from "node:assert";
import { partitionForKey } from "../../../src/kafka/produce/partitioner.ts";
import { afterTest } from "../../support/after-test.ts";
import { turn } from "../../support/produce-brokers.ts";
import { at, startProducer } from "../../support/producer.ts";
import { acceptedRecord } from "../../support/segments.ts";
import { topicState } from "../../support/topics.ts";

const one = topicState("t", [1]);

describe("kafka: producer, partitions", function () {
  this.timeout(2000);
  /** `Math.random` returns this in the test. */
  function randomIs(value: number): void {
    const { random } = Math;
    Math.random = () => value;
    afterTest(() => {
      Math.random = random;
    });
  }

  /** Where the records of the latest request went. */
  async function placesOf(world: Awaited<ReturnType<typeof startProducer>>, work: Promise<unknown>) {
    await turn();
    await turn();
    const { places } = world.brokers.last;
    await world.brokers.last.answer();
    await work;
    return places;
  }

  it("are chosen by the key where there is one, and named by the record where it names one", async () => {
    const world = await startProducer([topicState("t", [1, 1, 1, 1, 1])]);
    const key = Buffer.from("some key");
    const keyed = partitionForKey(key, 5);
    const named = (keyed + 1) % 5;
    const records = [acceptedRecord("a", { key }), acceptedRecord("b", { key, partition: named })];
    const places = await placesOf(world, world.append(records));
    assert.deepEqual(new Set(places), new Set([`t/${keyed}`, `t/${named}`]));
  });

  it("are one at a time for records without a key, and another after 16 KiB", async () => {
    randomIs(0.5);
    const world = await startProducer([topicState("t", [1, 1, 1, 1])]);
    assert.deepEqual(await placesOf(world, world.append(["a"])), ["t/2"]);
    randomIs(0);
    assert.deepEqual(await placesOf(world, world.append(["a", "a".repeat(17_000)])), ["t/2"]);
    assert.deepEqual(await placesOf(world, world.append(["a"])), ["t/0"]);
  });

  it("are led by somebody, for records without a key", async () => {
    randomIs(0);
    const world = await startProducer([topicState("t", [-1, -1, 0, 1])]);
    assert.deepEqual(await placesOf(world, world.append(["a"])), ["t/2"]);
  });

  it("are not those that back off, for records without a key", async () => {
    randomIs(0);
    const world = await startProducer([topicState("t", [1, 1])]);
    const work = world.append([at(0)], { deadline: Date.now() + 200 });
    await turn();
    await turn();
    await world.brokers.last.answer({ "t/0": { errorCode: 6 } });
    assert.deepEqual(await placesOf(world, world.append(["a"])), ["t/1"]);
    await world.pass(200);
    await work;
  });

  it("are the only one where the topic has one, key or not", async () => {
    const world = await startProducer([one]);
    const records = ["b", acceptedRecord("a", { key: Buffer.from("k") })];
    assert.deepEqual(await placesOf(world, world.append(records)), ["t/0"]);
  });
});
