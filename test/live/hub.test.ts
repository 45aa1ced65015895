// The hub of a topic: what its ring covers after evictions, gaps, truncations and recreations.

import { strict as assert } from "node:assert";
import { FROM_FIRST, offsetForTime, type PartitionOffset, type TopicTails } from "../../src/core/live.ts";
import type { ConsumedRecord } from "../../src/core/ports.ts";
import { formatOf } from "../../src/http/events/formats.ts";
import { CHANGE_BYTES, type RecordsEntry } from "../../src/live/entry.ts";
import { Hub } from "../../src/live/hub.ts";
import { Hubs } from "../../src/live/hubs.ts";
import { RingMemory } from "../../src/live/ring.ts";

const at = (offset: number, epoch = 1): PartitionOffset => ({ offset, epoch });

function recordsAt(partition: number, from: number, count: number, bytes = 0): ConsumedRecord[] {
  return Array.from({ length: count }, (_, n) => ({
    ...{ topic: "t", partition, offset: from + n, timestamp: 1 },
    ...{ key: Buffer.from(`k${n % 2}`), value: Buffer.alloc(bytes, "1"), headers: [] },
  }));
}

/** A source of topics whose listeners the test calls itself. */
function tailsOf(starts: readonly PartitionOffset[]) {
  const signals: AbortSignal[] = [];
  const tails = {
    follow: async (_topic: string, _listener: unknown, signal: AbortSignal) => {
      signals.push(signal);
      return { id: "id-1", starts };
    },
  } as unknown as TopicTails;
  return { tails, signals };
}

async function startHub(starts: readonly PartitionOffset[] = [at(100), at(200)], limit = 1_000_000) {
  const memory = new RingMemory(limit);
  const deleted: Hub[] = [];
  const { tails, signals } = tailsOf(starts);
  const hub = new Hub("t", tails, memory, (each) => void deleted.push(each));
  let changes = 0;
  hub.listeners.add({ onChange: () => void changes++ });
  await hub.ready;
  /** Adds records. @returns the offset after them */
  const add = (partition: number, count: number, bytes = 0): number => {
    const from = hub.head.offset(partition);
    hub.onRecords(partition, recordsAt(partition, from, count, bytes), at(from + count));
    return from + count;
  };
  return { hub, memory, deleted, add, signals, changes: () => changes };
}

describe("live: the hub of a topic", () => {
  it("covers each partition from the offset on at which it began", async () => {
    const { hub, add, changes } = await startHub();
    assert.deepEqual(
      [0, 1].map((n) => hub.head.at(n)),
      [at(100), at(200)],
    );
    assert.deepEqual(
      [hub.covers(0, 99), hub.covers(0, 100), hub.covers(1, 199), hub.covers(1, 200)],
      [false, true, false, true],
    );
    assert.equal(hub.covers(2, 0), false);
    add(0, 5);
    assert.deepEqual([hub.head.offset(0), hub.head.offset(1), changes()], [105, 200, 1]);
    assert.deepEqual([hub.covers(0, 99), hub.covers(0, 100), hub.covers(0, 103)], [false, true, true]);
    const entry = hub.ring.get(hub.joinSequence) as RecordsEntry;
    assert.deepEqual([entry.partition, entry.from, entry.next.offset], [0, 100, 105]);
  });

  it("covers after an eviction only what follows the entries that were removed", async () => {
    const { hub, add, memory } = await startHub(undefined, 5000);
    for (let n = 0; n < 3; n++) add(0, 1, 1000);
    assert.deepEqual([hub.covers(0, 100), hub.ring.first], [false, 1]);
    assert.deepEqual([hub.covers(0, 101), hub.covers(1, 200), hub.joinSequence], [true, true, 1]);
    add(1, 1, 1000);
    add(1, 1, 1000);
    add(1, 1, 1000);
    assert.ok(memory.used <= 5000);
    assert.deepEqual([hub.covers(0, 102), hub.covers(0, 103)], [false, true]);
    assert.deepEqual([hub.covers(1, 200), hub.covers(1, 201)], [false, true]);
    assert.equal(hub.joinSequence, hub.ring.first);
  });

  it("keeps a gap in the ring: streams before it are covered", async () => {
    const { hub, add } = await startHub();
    add(0, 5);
    hub.onGap(0, at(150, -1));
    add(0, 1);
    assert.deepEqual([hub.head.offset(0), hub.covers(0, 100)], [151, true]);
    assert.deepEqual(hub.ring.get(1), {
      ...{ kind: "gap", partition: 0, from: 105, next: at(150, -1), bytes: CHANGE_BYTES },
    });
  });

  it("covers nothing before the end of a truncated log, although the ring has more", async () => {
    const { hub, add } = await startHub();
    add(0, 10);
    add(1, 10);
    hub.onTruncated(0, at(104, 2));
    assert.deepEqual(hub.head.at(0), at(104, 2));
    assert.deepEqual([hub.covers(0, 100), hub.covers(0, 103), hub.covers(0, 104)], [false, false, true]);
    // The entries before have records that the log lost, so streams cannot enter there.
    assert.deepEqual([hub.covers(1, 209), hub.covers(1, 210)], [false, true]);
    assert.deepEqual([hub.joinSequence, hub.ring.first], [3, 0]);
    add(0, 1);
    assert.deepEqual([hub.covers(0, 104), hub.covers(0, 105)], [true, true]);
  });

  it("does not lower what it covers when entries before the truncation are evicted", async () => {
    const { hub, add } = await startHub([at(100)], 3200);
    add(0, 1, 1000);
    hub.onTruncated(0, at(50, 2));
    assert.equal(hub.covers(0, 50), true);
    // This evicts the records before the truncation, whose end is 101.
    add(0, 1, 1000);
    assert.deepEqual([hub.ring.first, hub.covers(0, 50), hub.covers(0, 49)], [1, true, false]);
  });

  it("begins again with a recreated topic, from its first records", async () => {
    const { hub, add } = await startHub();
    add(0, 10);
    hub.onBlocked(1, true);
    const before = hub.head.key;
    hub.onRecreated({ id: "id-2", starts: [FROM_FIRST] });
    assert.deepEqual([hub.topicId, hub.partitionCount, hub.blocked.size], ["id-2", 1, 0]);
    assert.notEqual(hub.head.key.id, before.id);
    assert.equal(hub.head.key.name, before.name);
    assert.deepEqual(
      [hub.covers(0, FROM_FIRST.offset), hub.covers(0, 0), hub.covers(1, 200)],
      [true, false, false],
    );
    hub.onStart(0, at(0));
    add(0, 3);
    assert.deepEqual([hub.covers(0, 0), hub.head.offset(0), hub.joinSequence], [true, 3, 2]);
  });

  it("covers a partition without a leader, or an added one, from where it is found to begin", async () => {
    const since = offsetForTime(1_800_000_000_000);
    const { hub, add } = await startHub([at(100), at(since, -1)]);
    assert.deepEqual([hub.covers(1, since), hub.covers(1, 0), hub.covers(1, 1000)], [true, false, false]);
    hub.onStart(1, at(40));
    assert.deepEqual([hub.covers(1, 39), hub.covers(1, 40), hub.head.offset(1)], [false, true, 40]);
    assert.deepEqual((hub.ring.get(0) as { from: number }).from, since);
    hub.onStart(2, at(7));
    assert.deepEqual([hub.partitionCount, hub.covers(2, 6), hub.covers(2, 7)], [3, false, true]);
    assert.equal((hub.ring.get(1) as { from: number }).from, FROM_FIRST.offset);
    assert.equal(add(2, 1), 8);
  });

  it("notifies its listeners when a partition can be read again, and of nothing while it cannot", async () => {
    const { hub, changes } = await startHub();
    hub.onBlocked(0, true);
    hub.onBlocked(0, true);
    assert.deepEqual([changes(), [...hub.blocked]], [0, [0]]);
    hub.onBlocked(0, false);
    hub.onBlocked(0, false);
    assert.deepEqual([changes(), hub.blocked.size], [1, 0]);
  });

  it("counts what entries retain, also what they render later, and nothing after the stop", async () => {
    const { hub, memory, add, signals } = await startHub();
    add(0, 10, 100);
    const before = memory.used;
    assert.ok(before > 10 * 102, String(before));
    const entry = hub.ring.get(0) as RecordsEntry;
    const { bytes } = entry.rendered(formatOf("record", false));
    assert.ok(memory.used >= before + bytes.length);
    const rendered = memory.used;
    entry.rendered(formatOf("record", false));
    assert.equal(memory.used, rendered);
    assert.deepEqual([...entry.byKey.keys()], ["k0", "k1"]);
    assert.ok(memory.used > rendered);
    hub.stop();
    entry.rendered(formatOf("value", false));
    hub.onRecords(0, recordsAt(0, 110, 1), at(111));
    assert.deepEqual([memory.used, signals[0]?.aborted], [0, true]);
  });

  it("counts nothing of an entry that was evicted and renders afterwards", async () => {
    const { hub, memory, add } = await startHub(undefined, 3000);
    add(0, 1, 1000);
    const entry = hub.ring.get(0) as RecordsEntry;
    add(0, 1, 1000);
    assert.equal(hub.ring.first, 1);
    const { used } = memory;
    entry.rendered(formatOf("record", false));
    assert.equal(memory.used, used);
  });
});

describe("live: the hubs of the process", () => {
  it("are one per topic, and a hub of a deleted topic is replaced", async () => {
    const memory = new RingMemory(10_000);
    const { tails, signals } = tailsOf([at(1)]);
    const hubs = new Hubs(tails, memory, () => {});
    const [a, same, b] = [hubs.acquire("a"), hubs.acquire("a"), hubs.acquire("b")];
    assert.deepEqual([a === same, hubs.size, signals.length], [true, 2, 2]);
    await Promise.all([a.ready, b.ready]);
    hubs.release(a);
    hubs.release(b);
    assert.deepEqual([hubs.size, signals.map(({ aborted }) => aborted)], [2, [false, false]]);
    a.onRecords(0, recordsAt(0, 1, 1), at(2));
    a.onDeleted();
    const next = hubs.acquire("a");
    assert.ok(next !== a);
    await next.ready;
    next.onRecords(0, recordsAt(0, 1, 1), at(2));
    assert.ok(memory.used > 0);
    hubs.release(same);
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, false, false],
    );
    hubs.stop();
    assert.deepEqual([hubs.size, memory.used, signals.every(({ aborted }) => aborted)], [0, 0, true]);
  });

  it("do not keep a topic that could not be followed", async () => {
    let fails = true;
    const tails = {
      follow: async () => {
        if (fails) throw new Error("no such topic");
        return { id: "1", starts: [at(1)] };
      },
    } as unknown as TopicTails;
    const hubs = new Hubs(tails, new RingMemory(1000), () => {});
    const failed = hubs.acquire("a");
    await assert.rejects(failed.ready, /no such topic/);
    assert.equal(hubs.size, 0);
    fails = false;
    const next = hubs.acquire("a");
    await next.ready;
    hubs.release(failed);
    assert.equal(hubs.size, 1);
    hubs.stop();
  });
});
