// Membership in a group: commits, assignments, rebalances, the session.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { SESSION_MS } from "../../../src/kafka/consume/group-member.ts";
import { itOnApacheKafka, itOnDevBroker } from "../../support/broker.ts";
import { groupName, useGroupMembers } from "../../support/group-members.ts";
import { until } from "../../support/until.ts";

describe("kafka: group members", function () {
  this.timeout(60_000);
  const { broker, member, produce } = useGroupMembers();

  itOnDevBroker("retries a refused commit without delivering the record again", async () => {
    const topic = await broker.topic();
    await produce(topic, ["a", "b"], 0);
    let refusals = 4;
    const { taken, consumer } = member(groupName(), [topic], "earliest");
    await until(() => consumer.positions.length === 1 && taken.length === 2);
    // 30: not authorized; 7: timed out.
    broker.dev().faults.commit = () => (refusals-- > 0 ? 30 - 23 * (refusals % 2) : undefined);
    await produce(topic, ["c", "d"], 0);
    await until(() => taken.length >= 4);
    assert.ok(refusals < 0);
    assert.deepEqual(
      taken.map(({ value }) => value),
      ["a", "b", "c", "d"],
    );
  });

  it("assigns the partitions to two members, and all to one as soon as the other leaves", async () => {
    const topic = await broker.topic({ partitions: 4 });
    const group = groupName();
    const [first, second] = [member(group, [topic], "earliest"), member(group, [topic], "earliest")];
    await until(() => [first, second].every(({ consumer }) => consumer.positions.length === 2), 30_000);
    await first.stop();
    await until(() => second.consumer.positions.length === 4, 10_000);
  });

  itOnApacheKafka("reassigns the partitions of a member that vanishes when its session ends", async () => {
    const topic = await broker.topic({ partitions: 4 });
    const group = groupName();
    const [first, second] = [member(group, [topic], "earliest"), member(group, [topic], "earliest")];
    await until(() => [first, second].every(({ consumer }) => consumer.positions.length === 2), 30_000);
    await first.stop({ leave: false });
    await until(() => second.consumer.positions.length === 4, 30_000);
  });

  itOnApacheKafka(
    "stays in the group while a handler holds a record for longer than the session",
    async () => {
      const topic = await broker.topic();
      const group = groupName();
      await produce(topic, ["a", "b"], 0);
      let calls = 0;
      const first = member(group, [topic], "earliest", async (_, signal) => {
        calls++;
        if (calls === 1) await delay(SESSION_MS * 1.3, undefined, { signal });
        return 1;
      });
      await until(() => first.consumer.positions.length === 1);
      await until(() => first.taken.length === 2, SESSION_MS * 2);
      assert.deepEqual([calls, first.log.lines.filter(({ level }) => level === "warn")], [2, []]);
    },
  );
});
