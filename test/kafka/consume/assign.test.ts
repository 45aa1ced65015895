// The assignment of partitions to the members of a group: properties of random groups, and single cases.

import { strict as assert } from "node:assert";
import type { TopicPartition } from "../../../src/kafka/client/topic-partition.ts";
import { assignPartitions, longestOwnedFirst, type Subscriber } from "../../../src/kafka/consume/assign.ts";
import type { OwnedPartition } from "../../../src/wire/consumer-protocol.ts";

/** Random numbers below `below`, the same in every run. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Counts = Readonly<Record<string, number>>;

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
const named = (name: string): TopicPartition => {
  const [topic = "", partition] = name.split("/");
  return { topic, partition: Number(partition) };
};
const member = (memberId: string, topics: string[], owned: string[] = []): Subscriber => ({
  memberId,
  topics,
  owned: owned.map(named),
});
const namesIn = (counts: Counts): string[] =>
  Object.entries(counts).flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => nameOf({ topic, partition })),
  );

/** The names of the assigned partitions by member id. */
async function assign(members: readonly Subscriber[], counts: Counts): Promise<Record<string, string[]>> {
  const assigned = await assignPartitions(members, async (topic) => counts[topic] ?? 0);
  return Object.fromEntries([...assigned].map(([memberId, own]) => [memberId, own.map(nameOf)]));
}

const shuffled = <T>(items: readonly T[], roll: (below: number) => number): T[] =>
  items
    .map((item) => [roll(1e9), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);

/** A group with random members, topics and owned partitions, of which some do not exist any more. */
function randomGroup(roll: (below: number) => number, sameTopics: boolean) {
  const counts: Counts = Object.fromEntries(["a", "b", "c"].map((topic) => [topic, roll(8)]));
  const topics = Object.keys(counts);
  const pool = shuffled([...namesIn(counts), "a/90", "deleted/0"], roll);
  const members = Array.from({ length: 1 + roll(5) }, (_, n) =>
    member(
      `m${n}`,
      sameTopics ? topics : topics.filter(() => roll(3) > 0),
      pool.splice(0, roll(Math.ceil(pool.length / 2) + 1)),
    ),
  );
  return { counts, members };
}

/** The partitions that a member owned, and can keep. */
const claimed = ({ topics, owned }: Subscriber, counts: Counts): string[] =>
  owned
    .filter(({ topic, partition }) => topics.includes(topic) && partition < (counts[topic] ?? 0))
    .map(nameOf);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** The numbers of partitions per member in the most even assignment, ascending; all assignments are tried. */
function mostEven(members: readonly Subscriber[], counts: Counts): number[] {
  let vectors = new Set([members.map(() => 0).join()]);
  for (const [topic, count] of Object.entries(counts))
    for (let n = 0; n < count; n++) {
      const next = new Set<string>();
      for (const vector of vectors)
        for (const [place, { topics }] of members.entries())
          if (topics.includes(topic))
            next.add(
              vector
                .split(",")
                .map((size, at) => Number(size) + (at === place ? 1 : 0))
                .join(),
            );
      if (next.size > 0) vectors = next;
    }
  const squares = (sizes: number[]): number => sum(sizes.map((size) => size * size));
  const sizes = [...vectors].map((vector) => vector.split(",").map(Number));
  return (sizes.sort((a, b) => squares(a) - squares(b))[0] ?? []).sort((a, b) => a - b);
}

describe("kafka: assignment", function () {
  this.timeout(60_000);

  it("assigns every partition with a subscriber once, to a subscriber, also if several members claim it", async () => {
    const roll = dice(1);
    for (let run = 0; run < 2000; run++) {
      const { counts, members: disjoint } = randomGroup(roll, run % 2 === 0);
      const stale = (): TopicPartition[] => shuffled(namesIn(counts), roll).slice(0, roll(4)).map(named);
      const members = disjoint.map((each) => ({ ...each, owned: [...stale(), ...each.owned, ...stale()] }));
      const assigned = await assign(members, counts);
      const subscribed = namesIn(counts).filter((name) =>
        members.some(({ topics }) => topics.includes(named(name).topic)),
      );
      assert.deepEqual(Object.values(assigned).flat().sort(), subscribed.sort());
      for (const { memberId, topics } of members)
        assert.ok(assigned[memberId]?.every((name) => topics.includes(named(name).topic)));
      assert.deepEqual(await assign(shuffled(members, roll), counts), assigned);
    }
  });

  it("gives members with the same topics numbers of partitions that differ by at most 1, with as few moves as possible", async () => {
    const roll = dice(2);
    for (let run = 0; run < 2000; run++) {
      const { counts, members } = randomGroup(roll, true);
      const assigned = await assign(members, counts);
      const sizes = Object.values(assigned).map((own) => own.length);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, String(sizes));
      const claims = members.map((each) => claimed(each, counts));
      const kept = members.map(
        ({ memberId }, n) => claims[n]?.filter((name) => assigned[memberId]?.includes(name)).length ?? 0,
      );
      // Members that own the most partitions may keep one more than the others, as long as partitions are left over.
      const low = Math.floor(sum(sizes) / members.length);
      const above = claims.filter(({ length }) => length > low).length;
      const possible =
        sum(claims.map(({ length }) => Math.min(length, low))) + Math.min(above, sum(sizes) % members.length);
      assert.equal(sum(kept), possible, JSON.stringify({ members, counts, assigned }));
    }
  });

  it("is as even as the topics allow when members subscribe to different topics", async () => {
    const roll = dice(3);
    for (let run = 0; run < 300; run++) {
      const { members } = randomGroup(roll, false);
      const counts = { a: roll(5), b: roll(5), c: roll(5) };
      const sizes = Object.values(await assign(members, counts)).map((own) => own.length);
      assert.deepEqual(
        sizes.sort((a, b) => a - b),
        mostEven(members, counts),
        JSON.stringify({ members, counts }),
      );
    }
  });

  it("does not change when nothing changes, and does not depend on the order of the members", async () => {
    const roll = dice(4);
    for (let run = 0; run < 500; run++) {
      const { counts, members } = randomGroup(roll, run % 2 === 0);
      const assigned = await assign(members, counts);
      assert.deepEqual(await assign(shuffled(members, roll), counts), assigned);
      const again = members.map(({ memberId, topics }) => member(memberId, [...topics], assigned[memberId]));
      assert.deepEqual(await assign(again, counts), assigned);
    }
  });

  it("gives a partition that two members claim to one of them, and stays balanced", async () => {
    const topics = ["a"];
    const group = [member("m1", topics, ["a/0", "a/1"]), member("m2", topics, ["a/0", "a/1", "a/2"])];
    assert.deepEqual(await assign(group, { a: 4 }), { m1: ["a/0", "a/1"], m2: ["a/2", "a/3"] });
    const twins = [member("m1", topics, ["a/0", "a/0"]), member("m2", topics, ["a/0"])];
    assert.deepEqual(await assign(twins, { a: 2 }), { m1: ["a/0"], m2: ["a/1"] });
  });

  it("assigns added partitions without a move", async () => {
    const group = [member("m1", ["a"], ["a/1"]), member("m2", ["a"], ["a/0"])];
    assert.deepEqual(await assign(group, { a: 4 }), { m1: ["a/1", "a/2"], m2: ["a/0", "a/3"] });
  });

  it("ignores claims to deleted topics and to topics that are not subscribed to", async () => {
    const group = [member("m1", ["a", "b"], ["b/0", "b/1", "a/0"]), member("m2", ["a"], ["c/0", "a/1"])];
    assert.deepEqual(await assign(group, { a: 2, c: 1 }), { m1: ["a/0"], m2: ["a/1"] });
  });

  it("moves a partition through a third member when the balance requires it", async () => {
    const group = [
      member("m1", ["a"], ["a/0", "a/1", "a/2", "a/3"]),
      member("m2", ["a", "b"], ["b/0", "b/1", "b/2"]),
      member("m3", ["b"], ["b/3", "b/4"]),
    ];
    assert.deepEqual(await assign(group, { a: 4, b: 5 }), {
      m1: ["a/0", "a/1", "a/2"],
      m2: ["a/3", "b/0", "b/1"],
      m3: ["b/2", "b/3", "b/4"],
    });
  });

  it("gives a member of version 0, which claims nothing, what the others do not claim", async () => {
    const group = [member("new", ["a"], ["a/4", "a/5"]), member("old", ["a"])];
    assert.deepEqual(await assign(group, { a: 4 }), { new: ["a/0", "a/2"], old: ["a/1", "a/3"] });
    const mixed = [member("new", ["a"], ["a/2", "a/3"]), member("old", ["a"])];
    assert.deepEqual(await assign(mixed, { a: 4 }), { new: ["a/2", "a/3"], old: ["a/0", "a/1"] });
  });

  it("of a group whose member restarts moves none of the partitions of the other members", async () => {
    const roll = dice(5);
    const topics = ["a", "b"];
    const owned = new Map<string, OwnedPartition[]>();
    let generation = 0;
    const rebalance = async (ids: readonly string[], counts: Counts): Promise<void> => {
      generation++;
      const members = ids.map((memberId) => ({ memberId, topics, owned: owned.get(memberId) ?? [] }));
      const assigned = await assignPartitions(members, async (topic) => counts[topic] ?? 0);
      for (const [memberId, own] of assigned)
        owned.set(memberId, longestOwnedFirst(own, owned.get(memberId) ?? [], generation));
    };
    for (let run = 0; run < 200; run++) {
      owned.clear();
      const size = 2 + roll(4);
      const counts = { a: roll(3 * size), b: roll(3 * size) };
      let ids = Array.from({ length: size }, () => `m${roll(1e9)}`);
      await rebalance(ids, counts);
      for (let restart = 0; restart < 5; restart++) {
        const before = new Map([...owned].map(([id, own]) => [id, own.map(nameOf).sort()]));
        const survivors = shuffled(ids, roll).slice(1);
        await rebalance(survivors, counts);
        ids = [...survivors, `m${roll(1e9)}`];
        await rebalance(ids, counts);
        for (const id of survivors) {
          const kept = owned.get(id)?.map(nameOf) ?? [];
          // A survivor may keep a partition that is left over.
          assert.ok(before.get(id)?.every((name) => kept.includes(name)));
          if ((counts.a + counts.b) % size === 0) assert.equal(kept.length, before.get(id)?.length);
        }
      }
    }
  });
});
