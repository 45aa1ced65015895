// A producer from its first producer id to its stop, and what it shows of itself.

import { strict as assert } from "node:assert";
import { LaneIdentity } from "../../../src/kafka/produce/lane-identity.ts";
import { afterTest } from "../../support/after-test.ts";
import { turn } from "../../support/produce-brokers.ts";
import { at, codeOf, startProducer } from "../../support/producer.ts";
import { topicState } from "../../support/topics.ts";

const one = topicState("t", [1]);

describe("kafka: producer, life", function () {
  this.timeout(2000);
  /** Lanes begin in the last epoch of their producer id, as after 32767 of them. */
  function startInLastEpoch(): void {
    const { adopt } = LaneIdentity.prototype;
    LaneIdentity.prototype.adopt = function (id) {
      adopt.call(this, id, 32767);
    };
    afterTest(() => {
      LaneIdentity.prototype.adopt = adopt;
    });
  }

  it("is ready when a broker is reachable and has given a producer id", async () => {
    const { producer, brokers, pass } = await startProducer([one], { started: false });
    assert.notEqual(producer.fault, undefined);
    producer.start();
    await pass(20);
    assert.equal(producer.fault, undefined);
    brokers.downForMs = 1;
    assert.notEqual(producer.fault, undefined);
  });

  it("sends records that waited for the producer id as soon as it is assigned", async () => {
    const { producer, append, brokers, pass } = await startProducer([one], { started: false });
    const work = append(["a"]);
    await turn();
    assert.equal(brokers.requests.length, 0);
    producer.start();
    await pass(1);
    await brokers.last.answer();
    assert.deepEqual((await work).offsets, [50]);
  });

  it("fails queued and new records while Kafka denies a producer id", async () => {
    const { producer, append, brokers, pass } = await startProducer([one], { started: false });
    brokers.producerId = { errorCode: 31, producerId: -1 };
    const waits = append(["a"]);
    await turn();
    producer.start();
    await pass(20);
    assert.equal((await waits).errors?.[0]?.code, 40301);
    await assert.rejects(append(["b"]), /"IdempotentWrite" on the cluster/);
    brokers.producerId = { errorCode: 0, producerId: 8 };
    await pass(220);
    const work = append(["c"]);
    await turn();
    await turn();
    await brokers.last.answer();
    await work;
  });

  it("requests another producer id when the last epoch of the current one is used", async () => {
    const { append, brokers, pass } = await startProducer([topicState("t", [1, 1])]);
    startInLastEpoch();
    brokers.producerId = { errorCode: 0, producerId: 8 };
    const work = append([at(0), at(1)]);
    await turn();
    await turn();
    await brokers.last.answer({ "t/0": { errorCode: 47 }, "t/1": { errorCode: 47 } });
    await pass(60);
    const { parts } = brokers.last;
    assert.deepEqual(
      parts.map(({ batch }) => batch.producerId),
      [8, 8],
    );
    await brokers.last.answer();
    await work;
    assert.equal(brokers.asked.filter((each) => each === "producer id").length, 2);
  });

  it("keeps the current producer id when a lane has used up an earlier one", async () => {
    const { append, brokers, pass } = await startProducer([topicState("t", [1, 1])]);
    startInLastEpoch();
    const works = [append([at(0)]), append([at(1)])];
    await turn();
    await turn();
    brokers.producerId = { errorCode: 0, producerId: 8 };
    await brokers.last.answer({ "t/0": { errorCode: 47 } });
    await pass(60);
    await brokers.last.answer();
    works.push(append([at(1)]));
    await pass(20);
    await brokers.last.answer({ "t/1": { errorCode: 47 } });
    await pass(60);
    assert.equal(brokers.last.parts[0]?.batch.producerId, 8);
    await brokers.last.answer();
    await Promise.all(works);
    assert.equal(brokers.asked.filter((each) => each === "producer id").length, 2);
  });

  it("counts and logs a suspected loss of acknowledged records", async () => {
    const { append, brokers, losses, log, pass } = await startProducer([one]);
    const work = append(["a"]);
    await turn();
    await turn();
    await brokers.last.answer({ "t/0": { errorCode: 59 } });
    assert.equal(losses(), 1);
    assert.deepEqual(
      log.lines.map(({ level, fields }) => [level, fields]),
      [["warn", { topic: "t", partition: 0, code: 59 }]],
    );
    await pass(60);
    await brokers.last.answer();
    await work;
  });

  it("has gauges of the lanes that are open, and of those that back off", async () => {
    const { append, brokers, gauge, pass } = await startProducer([topicState("t", [1, 1, 1])]);
    const shown = () => [gauge("onramp_lanes_open"), gauge("onramp_lanes_backing_off")];
    assert.deepEqual(shown(), [0, 0]);
    const work = append([at(0), at(1), at(2)]);
    await turn();
    await turn();
    await brokers.last.answer({ "t/0": { errorCode: 56 }, "t/1": { errorCode: 6 } });
    assert.deepEqual(shown(), [1, 2]);
    await pass(60);
    await brokers.last.answer();
    await work;
    assert.deepEqual(shown(), [0, 0]);
  });

  it("has a timer while something waits, and none behind it", async () => {
    const { append, brokers, pass } = await startProducer([one]);
    let running = 0;
    const { setInterval, clearInterval } = globalThis;
    globalThis.setInterval = ((...args: Parameters<typeof setInterval>) => {
      running++;
      return setInterval(...args);
    }) as typeof setInterval;
    globalThis.clearInterval = (timer) => {
      running--;
      clearInterval(timer);
    };
    afterTest(() => void Object.assign(globalThis, { setInterval, clearInterval }));
    const work = append(["a"]);
    await pass(100);
    assert.equal(running, 1);
    await brokers.last.answer();
    await work;
    await pass(20);
    assert.equal(running, 0);
  });

  it("stops when the last answer is there, and takes nothing more", async () => {
    const { producer, append, brokers, pass } = await startProducer([one]);
    const work = append(["a"]);
    await turn();
    await turn();
    let stopped = false;
    const stop = producer.stop(Date.now() + 10_000).then(() => {
      stopped = true;
    });
    assert.equal(await codeOf(append(["b"])), 50301);
    await pass(100);
    assert.equal(stopped, false);
    await brokers.last.answer();
    await pass(20);
    await stop;
    assert.deepEqual((await work).offsets, [50]);
  });

  it("answers every caller at the deadline of its stop", async () => {
    const { producer, append, pass } = await startProducer([topicState("t", [1, -1])]);
    const work = append([at(0), at(1)]);
    await turn();
    await turn();
    const stop = producer.stop(Date.now() + 100);
    await pass(120);
    await stop;
    assert.deepEqual(
      (await work).errors?.map((error) => error?.code),
      [50401, 50301],
    );
  });
});
