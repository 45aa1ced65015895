// Promise 6: a gateway is killed during deliveries to a double of Slack that fails in every possible way. No
// record is lost or out of order, and only records in flight are delivered twice.

import { strict as assert } from "node:assert";
import { describeIf, onApacheKafka } from "../support/broker.ts";
import { sinkState } from "../support/http.ts";
import { readPartition, readTopic } from "../support/read-back.ts";
import type { Reply } from "../support/receiver.ts";
import { useSinkProcesses } from "../support/sink-process.ts";
import { soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

const [RECORDS, KILLS, RATE] = soak ? [10_000, 20, 500] : [1000, 2, 100];
const PARTITIONS = 12;
const PATIENCE_MS = soak ? 1_500_000 : 120_000;

describeIf(soak || onApacheKafka, "promise 6: sinks drop nothing", function () {
  this.timeout(PATIENCE_MS * 2);
  const { broker, slack, topic, numberIn, taken, gateway, produce } = useSinkProcesses({
    partitions: PARTITIONS,
    rate: RATE,
  });

  it(`${RECORDS} records, ${KILLS} kills: every record is delivered or a dead letter, in order, within the rate`, async () => {
    const poison = (n: number): boolean => n % 100 === 7;
    const chance = dice(1);
    slack().script = (request): Reply => {
      if (poison(numberIn(request))) return { status: 400 };
      const fate = chance();
      if (fate < 0.01) return { status: 500 };
      if (fate < 0.013) return { status: 429, headers: { "retry-after": "1" } };
      if (fate < 0.02) return "hang up";
      return fate < 0.04 ? { status: 200, body: "ok", afterMs: 200 } : { status: 200, body: "ok" };
    };
    await produce(0, RECORDS);
    let current = await gateway();
    for (let kill = 1; kill <= KILLS; kill++) {
      await until(() => new Set(taken()).size >= (RECORDS * kill) / (KILLS + 1), PATIENCE_MS);
      await current.end("SIGKILL");
      current = await gateway();
    }
    const good = Array.from({ length: RECORDS }, (_, n) => n).filter((n) => !poison(n));
    await until(() => new Set(taken()).size >= good.length, PATIENCE_MS);
    await until(async () => (await sinkState(current)).lag === 0, PATIENCE_MS);

    const letters = await readPartition(broker.addresses(), `${topic()}.dead-letter`);
    const deadLettered = letters.map(({ value }) => JSON.parse(value?.toString() ?? "").n as number);
    assert.deepEqual(
      [...new Set([...taken(), ...deadLettered])].sort((a, b) => a - b),
      Array.from({ length: RECORDS }, (_, n) => n),
      "every record is delivered, or a dead letter",
    );
    assert.ok(deadLettered.every(poison) && !taken().some(poison), "every deliverable record was delivered");

    let twice = 0;
    for (const [partition, records] of (await readTopic(broker.addresses(), topic(), PARTITIONS)).entries()) {
      const place = new Map(
        records.map(({ offset, value }) => [JSON.parse(value?.toString() ?? "").n, offset]),
      );
      for (const order of [taken(), deadLettered]) {
        const offsets = order.flatMap((n) => place.get(n) ?? []);
        for (const [index, offset] of offsets.entries())
          assert.ok(
            index === 0 || offset >= (offsets[index - 1] ?? 0),
            `${partition}/${offset} was overtaken`,
          );
        const repeated = offsets.length - new Set(offsets).size;
        assert.ok(repeated <= KILLS, `${repeated} duplicates in partition ${partition}`);
        twice += repeated;
      }
    }
    const most = busiestSecond(slack().arrived.map(({ at }) => at));
    assert.ok(most <= RATE, `${most} messages in a second`);
    console.log(
      `      ${slack().arrived.length} requests, ${taken().length} taken, ${deadLettered.length} dead letters, ${twice} twice, ` +
        `at most ${most} in a second`,
    );
  });
});

/** The maximum number of arrivals in one second. @param at milliseconds, in order */
function busiestSecond(at: readonly number[]): number {
  let [most, from] = [0, 0];
  for (const [index, time] of at.entries()) {
    while (time - (at[from] ?? 0) >= 1000) from++;
    most = Math.max(most, index - from + 1);
  }
  return most;
}

/** Random numbers from 0 to 1 that are the same in every run (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
