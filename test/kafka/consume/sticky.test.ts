// Members of a group keep their partitions in a rebalance, also next to members of an earlier version of Onramp.

import { strict as assert } from "node:assert";
import { Coordinator } from "../../../src/kafka/client/coordinator.ts";
import { topicsToCommit } from "../../../src/kafka/consume/group-offsets.ts";
import { array, int16, nullableBytes, string, struct } from "../../../src/wire/codec.ts";
import {
  type AssignedPartition,
  decodeSubscription,
  encodeAssignment,
} from "../../../src/wire/consumer-protocol.ts";
import { KafkaCode } from "../../../src/wire/error-codes.ts";
import { JoinGroup, LeaveGroup, OffsetCommit, SyncGroup } from "../../../src/wire/messages/group.ts";
import { Reader } from "../../../src/wire/reader.ts";
import { Writer } from "../../../src/wire/writer.ts";
import { itOnDevBroker, itThoroughly } from "../../support/broker.ts";
import { groupName, startClient, useGroupMembers } from "../../support/group-members.ts";
import { until } from "../../support/until.ts";

/** The layout of a subscription in version 0, the only one that earlier versions of Onramp read and wrote. */
const version0 = struct({ version: int16, topics: array(string), userData: nullableBytes });

/**
 * The member of an earlier version of Onramp that leads a group. It assigns all partitions to the other member, and commits
 * their start offsets.
 */
class EarlierLeader {
  readonly #group: string;
  readonly #coordinator: Coordinator;
  readonly #metadata: Buffer;
  readonly #partitions: readonly AssignedPartition[];
  #memberId = "";

  constructor(brokers: readonly string[], group: string, topic: string, partitions: number) {
    this.#group = group;
    this.#coordinator = new Coordinator(startClient(brokers).cluster, { key: group, keyType: 0 });
    const writer = new Writer();
    version0.write(writer, { version: 0, topics: [topic], userData: null }, 0);
    this.#metadata = writer.bytes;
    this.#partitions = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  }

  /** Joins as the first member. Repeats this until the coordinator of the group is available. */
  async start(): Promise<void> {
    await until(() =>
      this.#join().then(
        ({ errorCode }) => errorCode === KafkaCode.NONE,
        () => false,
      ),
    );
  }

  /** Joins until the group has two members. Resolves with the subscription and the id of the other one. */
  async lead() {
    let other: { memberId: string; metadata: Buffer } = { memberId: "", metadata: Buffer.alloc(0) };
    await until(async () => {
      const { generationId, members } = await this.#join();
      const [joined] = members.filter(({ memberId }) => memberId !== this.#memberId);
      if (!joined) return false;
      other = joined;
      const identity = {
        groupId: this.#group,
        generationId,
        memberId: this.#memberId,
        groupInstanceId: null,
      };
      const assignments = [{ memberId: other.memberId, assignment: encodeAssignment(this.#partitions) }];
      const { errorCode } = await this.#coordinator.ask(SyncGroup, { ...identity, assignments }, 20_000);
      if (errorCode !== KafkaCode.NONE) return false;
      const start = { offset: 0, epoch: -1, topicId: undefined };
      const topics = topicsToCommit(new Map(this.#partitions.map((partition) => [partition, start])));
      await this.#coordinator.ask(OffsetCommit, { ...identity, retentionTimeMs: -1, topics }, 5000);
      return true;
    }, 30_000);
    const { topics } = version0.read(new Reader(other.metadata), 0);
    return { memberId: other.memberId, topics, owned: decodeSubscription(other.metadata).owned };
  }

  async remove(memberId: string): Promise<void> {
    const members = [{ memberId, groupInstanceId: null }];
    await this.#coordinator.ask(LeaveGroup, { groupId: this.#group, memberId, members }, 5000);
  }

  async #join() {
    const request = {
      groupId: this.#group,
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 30_000,
      memberId: this.#memberId,
      groupInstanceId: null,
      protocolType: "consumer",
      protocols: [{ name: "onramp", metadata: this.#metadata }],
    };
    const joined = await this.#coordinator.ask(JoinGroup, request, 20_000);
    this.#memberId = joined.memberId;
    return joined;
  }
}

describe("kafka: sticky assignment", function () {
  this.timeout(90_000);
  const { broker, member, produce } = useGroupMembers();
  type Member = ReturnType<typeof member>;

  const places = ({ consumer }: Member): string[] =>
    consumer.positions.map(({ topic, partition }) => `${topic}/${partition}`).sort();
  const untilEachHas = (members: readonly Member[], count: number): Promise<void> =>
    until(() => members.every((each) => places(each).length === count), 30_000);

  itThoroughly("moves no partition of the other members when one of three restarts", async () => {
    const topics = [await broker.topic({ partitions: 2 }), await broker.topic({ partitions: 10 })];
    const group = groupName();
    const start = (): Member => member(group, topics, "earliest");
    let members = [start(), start(), start()];
    await untilEachHas(members, 4);
    for (let restart = 0; restart < 3; restart++) {
      const [restarting, ...others] = members;
      const before = others.map(places);
      await restarting?.stop();
      await untilEachHas(others, 6);
      for (const [n, own] of before.entries())
        assert.deepEqual(
          own.filter((place) => !places(others[n] as Member).includes(place)),
          [],
        );
      members = [...others, start()];
      await untilEachHas(members, 4);
      assert.deepEqual(others.map(places), before);
    }
  });

  /** A group of an earlier leader and one of our members, which has all three partitions. */
  const ledGroup = async () => {
    const [topic, group] = [await broker.topic({ partitions: 3 }), groupName()];
    const leader = new EarlierLeader(broker.addresses(), group, topic, 3);
    await leader.start();
    const ours = member(group, [topic], "earliest");
    const first = await leader.lead();
    await untilEachHas([ours], 3);
    return { topic, group, leader, ours, first };
  };

  it("joins a group that an earlier version of Onramp leads, and claims its last assignment", async () => {
    const { topic, leader, first } = await ledGroup();
    assert.deepEqual([first.topics, first.owned], [[topic], []]);
    const owned = (await leader.lead()).owned.map(({ topic: name, partition }) => ({
      topic: name,
      partition,
    }));
    assert.deepEqual(
      owned,
      [0, 1, 2].map((partition) => ({ topic, partition })),
    );
  });

  it("claims nothing after the coordinator has removed it from the group", async () => {
    const { leader, first } = await ledGroup();
    await leader.remove(first.memberId);
    const second = await leader.lead();
    assert.notEqual(second.memberId, first.memberId);
    assert.deepEqual(second.owned, []);
  });

  itOnDevBroker("claims nothing after it has missed a generation", async () => {
    const { topic, group, leader, ours, first } = await ledGroup();
    let refused = false;
    broker.dev().faults.commit = (id) => {
      if (id !== group || refused) return undefined;
      refused = true;
      return KafkaCode.ILLEGAL_GENERATION;
    };
    await produce(topic, ["a"], 0);
    await until(() => refused && !ours.consumer.isAssigned);
    const second = await leader.lead();
    assert.deepEqual([second.memberId, second.owned], [first.memberId, []]);
  });
});
