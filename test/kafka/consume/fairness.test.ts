// A partition with records does not wait for idle partitions.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { Produce } from "../../../src/wire/messages/produce.ts";
import { encodeBatch } from "../../../src/wire/record-batch.ts";
import { openConnection, produceOf } from "../../support/broker.ts";
import { groupName, useGroupMembers } from "../../support/group-members.ts";
import { leaderOf } from "../../support/read-back.ts";
import { wireRecord } from "../../support/records.ts";
import { bound } from "../../support/soak.ts";
import { until } from "../../support/until.ts";

const RECORDS = 60;

describe("kafka: fairness", function () {
  this.timeout(120_000);
  const { broker, member } = useGroupMembers();

  /** Appends records, and returns the median of the milliseconds from the append to the handler. */
  async function latency(idle: number): Promise<number> {
    const topic = await broker.topic();
    const topics = idle === 0 ? [topic] : [topic, await broker.topic({ partitions: idle })];
    let arrived = (): void => {};
    const { consumer, stop } = member(groupName(), topics, "earliest", async () => {
      arrived();
      return 1;
    });
    await until(() => consumer.positions.length === idle + 1);
    const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
    const took: number[] = [];
    for (let n = 0; n < RECORDS; n++) {
      // The pauses differ, so that the records do not arrive in step with the fetches.
      await delay(5 + (n % 7) * 13);
      const came = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      const batch = encodeBatch([wireRecord(String(n))]);
      const began = performance.now();
      await connection.request(Produce, 8, produceOf(topic, batch), 5000);
      await came;
      took.push(performance.now() - began);
    }
    connection.close();
    await stop();
    return took.sort((a, b) => a - b)[RECORDS / 2] as number;
  }

  it("the time from append to handler is the same beside 0, 8 and 500 idle partitions", async () => {
    await latency(0);
    const medians = [await latency(0), await latency(8), await latency(500)];
    console.log(`      p50: ${medians.map((ms) => ms.toFixed(2)).join(", ")} ms`);
    assert.ok(Math.max(...medians) - Math.min(...medians) < bound(2), `${medians}`);
  });
});
