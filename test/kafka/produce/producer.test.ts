// The path of a request to Kafka and back.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../src/core/errors.ts";
import { recordSizeBound } from "../../../src/wire/record-batch.ts";
import { turn } from "../../support/produce-brokers.ts";
import { at, codeOf, startProducer } from "../../support/producer.ts";
import { acceptedRecord } from "../../support/segments.ts";
import { topicState } from "../../support/topics.ts";

const one = topicState("t", [1]);
const two = topicState("t", [1, 1]);

describe("kafka: producer, append", function () {
  this.timeout(2000);
  it("resolves with a receipt for every record when the last of them is settled", async () => {
    const { append, brokers, batches } = await startProducer([topicState("t", [1, 2])]);
    let done = false;
    const work = append([at(0, "a"), at(1, "b"), at(0, "c")]).finally(() => {
      done = true;
    });
    await turn();
    await turn();
    const [first, second] = brokers.requests;
    await first?.answer({ "t/0": { baseOffset: 10 } });
    assert.equal(done, false);
    await second?.answer({ "t/1": { baseOffset: 20 } });
    const { partitions, offsets } = await work;
    assert.deepEqual(
      [partitions, offsets],
      [
        [0, 1, 0],
        [10, 20, 11],
      ],
    );
    assert.deepEqual(batches, [2, 1]);
  });

  it("sends the requests of one turn of the event loop in one batch", async () => {
    const { append, brokers } = await startProducer([one]);
    const work = Promise.all([append(["a"]), append(["b"])]);
    await turn();
    await turn();
    assert.deepEqual(
      brokers.requests.map(({ parts }) => parts[0]?.values),
      [["a", "b"]],
    );
    await brokers.last.answer();
    const [first, second] = await work;
    assert.deepEqual([first.offsets, second.offsets], [[50], [51]]);
  });

  it("waits for other records for lingerMs, and no longer", async () => {
    const { append, brokers, pass } = await startProducer([one], { lingerMs: 10 });
    const first = append(["a"]);
    await turn();
    await pass(9);
    const second = append(["b"]);
    await turn();
    assert.equal(brokers.requests.length, 0);
    await pass(1);
    assert.deepEqual(brokers.last.parts[0]?.values, ["a", "b"]);
    await brokers.last.answer();
    await Promise.all([first, second]);
  });

  it("calls onQueued when the records are queued, before their outcome is known", async () => {
    const { append, brokers } = await startProducer([one]);
    let queued = 0;
    const work = append(["a"], { onQueued: () => void queued++ });
    await turn();
    assert.equal(queued, 1);
    await turn();
    await brokers.last.answer();
    await work;
    assert.equal(queued, 1);
  });

  it("retries records that were not written", async () => {
    const { append, brokers, pass } = await startProducer([one]);
    const work = append(["a"]);
    await turn();
    await turn();
    await brokers.last.answer({ "t/0": { errorCode: 6 } });
    assert.equal(brokers.requests.length, 1);
    await pass(60);
    assert.deepEqual([brokers.requests.length, brokers.asked.at(-1)], [2, "refresh t"]);
    await brokers.last.answer();
    assert.deepEqual((await work).offsets, [50]);
  });

  it("answers at the deadline with the known outcomes", async () => {
    const { append, brokers, pass } = await startProducer([topicState("t", [1, -1])]);
    const deadline = Date.now() + 500;
    const work = append([at(0), at(1)], { deadline });
    await pass(480);
    assert.equal(brokers.requests.length, 1);
    await pass(40);
    assert.deepEqual(
      (await work).errors?.map((error) => error?.code),
      [50401, 50301],
    );
  });
});

describe("kafka: producer, refusals", function () {
  this.timeout(2000);
  it("refuses at once when no broker was reachable for a second", async () => {
    const { append, brokers } = await startProducer([one]);
    brokers.downForMs = 1000;
    await assert.rejects(append(["a"]), /No Kafka broker is reachable \(connection refused\)/);
    brokers.downForMs = 999;
    const work = append(["a"]);
    await turn();
    await turn();
    await brokers.last.answer();
    await work;
  });

  it("fails with 40401 for a topic that does not exist", async () => {
    const { producer, brokers } = await startProducer([]);
    const work = producer.append("t", [at(0)], { deadline: Date.now() + 1000 });
    assert.deepEqual([await codeOf(work), brokers.asked.includes("resolve t")], [40401, true]);
  });

  it("refreshes the metadata once for an unknown partition, and then fails with 40402", async () => {
    const { append, brokers } = await startProducer([two]);
    assert.equal(await codeOf(append([at(0), at(2)])), 40402);
    assert.deepEqual(brokers.asked, ["producer id", "resolve t"]);
    assert.equal(brokers.requests.length, 0);
  });

  it("writes to a partition that has been added since", async () => {
    const { append, brokers } = await startProducer([two]);
    brokers.found.set("t", topicState("t", [1, 1, 1]));
    const work = append([at(2)]);
    await turn();
    await turn();
    await brokers.last.answer();
    assert.deepEqual((await work).partitions, [2]);
  });

  it("does not refresh the metadata for known partitions, or records without a partition", async () => {
    const { append, brokers } = await startProducer([one]);
    const work = append([at(0), acceptedRecord("a")]);
    await turn();
    await turn();
    await brokers.last.answer();
    await work;
    assert.deepEqual(brokers.asked, ["producer id"]);
  });

  it("fails a request as a whole for one bad record, and writes nothing", async () => {
    const { append, brokers } = await startProducer([topicState("t", [1], { compacted: true })]);
    const good = acceptedRecord("a", { key: Buffer.from("k") });
    const work = append([good, acceptedRecord("b"), acceptedRecord("c")]);
    await assert.rejects(work, (error: OnrampError) => {
      assert.deepEqual([error.code, error.errors?.map(({ index }) => index)], [40001, [1, 2]]);
      return true;
    });
    await turn();
    assert.equal(brokers.requests.length, 0);
  });

  it("names at most a hundred bad records", async () => {
    const { append } = await startProducer([topicState("t", [1], { compacted: true })]);
    const records = Array.from({ length: 150 }, () => acceptedRecord("a"));
    await assert.rejects(append(records), (error: OnrampError) => error.errors?.length === 100);
  });

  it("fails only the bad records if the caller continues, each with its first fault", async () => {
    const { append, brokers } = await startProducer([topicState("t", [1], { compacted: true })]);
    const keyed = (value: string) => acceptedRecord(value, { key: Buffer.from("k") });
    const work = append([keyed("a"), at(5), keyed("b"), acceptedRecord("c")], { onBadRecord: "continue" });
    await turn();
    await turn();
    assert.deepEqual(brokers.last.parts[0]?.values, ["a", "b"]);
    await brokers.last.answer();
    const { offsets, errors } = await work;
    assert.deepEqual(offsets, [50, -1, 51, -1]);
    assert.deepEqual(
      Array.from(errors ?? [], (error) => error?.code),
      [undefined, 40402, undefined, 40001],
    );
  });

  it("fails all bad records if the caller continues, however many there are", async () => {
    const { append, brokers } = await startProducer([topicState("t", [1], { compacted: true })]);
    const records = Array.from({ length: 150 }, () => acceptedRecord("a"));
    const { errors } = await append(records, { onBadRecord: "continue" });
    assert.equal(errors?.filter((error) => error?.code === 40001).length, 150);
    await turn();
    assert.equal(brokers.requests.length, 0);
  });
});

describe("kafka: producer, bytes of a partition", function () {
  this.timeout(2000);
  const size = recordSizeBound(acceptedRecord("a"));

  it("are limited per lane, to the byte, and are released when the records are acknowledged", async () => {
    const { append, brokers } = await startProducer([two], { laneBytes: 3 * size });
    const held = [append([at(0), at(0)]), append([at(0)])];
    await turn();
    assert.equal(await codeOf(append([at(0)])), 50301);
    const other = append([at(1)]);
    await turn();
    await brokers.last.answer();
    await Promise.all(held);
    await brokers.last.answer();
    await other;
    const next = append([at(0)]);
    await turn();
    await turn();
    await brokers.last.answer();
    await next;
  });

  it("may exceed the limit for a request in an empty queue", async () => {
    const { append, brokers } = await startProducer([one], { laneBytes: size });
    const work = append(["a", "b", "c"]);
    await turn();
    assert.equal(await codeOf(append(["d"])), 50301);
    await turn();
    await brokers.last.answer();
    assert.deepEqual((await work).offsets, [50, 51, 52]);
  });

  it("are not taken by a request that another partition refuses", async () => {
    const { append, brokers } = await startProducer([two], { laneBytes: size });
    const full = append([at(1)]);
    await turn();
    const refused = append([at(0), at(1)]);
    await assert.rejects(refused, (error: OnrampError) => {
      assert.match(error.message, /The queue of t\/1 would exceed half of http\.budget; nothing was written/);
      return error instanceof OnrampError;
    });
    await turn();
    assert.deepEqual(
      brokers.requests.map(({ places }) => places),
      [["t/1"]],
    );
    await brokers.last.answer();
    await full;
  });
});
