// What rings count, compared with what the process really retains.

import { strict as assert } from "node:assert";
import type { TopicTails } from "../../src/core/live.ts";
import { formatOf } from "../../src/http/events/formats.ts";
import type { RecordsEntry } from "../../src/live/entry.ts";
import { Filters } from "../../src/live/filters.ts";
import { Hub } from "../../src/live/hub.ts";
import { RingMemory } from "../../src/live/ring.ts";
import { BATCH_OVERHEAD, encodeBatch, type WireRecord } from "../../src/wire/record-batch.ts";
import { readBatch } from "../../src/wire/record-batch-reader.ts";
import { RecordDecoder } from "../../src/wire/record-decoder.ts";
import { describeIf, thorough } from "../support/broker.ts";
import { collectGarbage } from "../support/garbage.ts";

/** `http.events.ring`. */
const LIMIT = (thorough ? 64 : 12) * 1024 * 1024;

interface Filling {
  readonly perEntry: number;
  readonly record?: Partial<WireRecord>;
  /** The number of filters that run on every entry. */
  readonly filters?: number;
  /** Default: `LIMIT`. */
  readonly limit?: number;
  /** Whether streams in two formats, and with keys, get the records. */
  readonly streams?: boolean;
}

function retained(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function startHub(limit: number) {
  const memory = new RingMemory(limit);
  const tails = { follow: async () => ({ id: "1", starts: [{ offset: 0, epoch: 1 }] }) };
  const hub = new Hub("t", tails as unknown as TopicTails, memory, () => {});
  await hub.ready;
  return { hub, memory };
}

/** Adds an entry as the reader does: decoded from a batch, while other parts of the process use Node's pool. */
function add(hub: Hub, { perEntry, record = {} }: Filling): RecordsEntry {
  const offset = hub.head.offset(0);
  const made: WireRecord = {
    key: null,
    value: Buffer.from('{"a":-1}'),
    headers: [],
    timestamp: 1,
    ...record,
  };
  const batch = readBatch(Buffer.from(encodeBatch(new Array<WireRecord>(perEntry).fill(made))));
  const decoder = new RecordDecoder(batch, batch.bytes.subarray(BATCH_OVERHEAD));
  const records = decoder.next(decoder.sizeOf({ records: 1000, bytes: 64 * 1024 }));
  for (let n = 0; n < 8; n++) Buffer.from("x".repeat(1000));
  hub.onRecords(
    0,
    records.map((each, n) => ({ topic: "t", partition: 0, ...each, offset: offset + n })),
    { offset: offset + records.length, epoch: 1 },
  );
  return hub.ring.get(hub.ring.end - 1) as RecordsEntry;
}

async function fill(hub: Hub, filters: Filters, filling: Filling): Promise<void> {
  const running = Array.from({ length: filling.filters ?? 0 }, (_, n) => filters.acquire(`a != ${n}`));
  while (hub.ring.first === 0) {
    const entry = add(hub, filling);
    if (filling.streams) {
      entry.rendered(formatOf("record", false));
      entry.rendered(formatOf("value", false));
      assert.ok(entry.byKey.size > 0);
    }
    // A filter that exceeds its limit of time for a moment does not fail this test.
    for (const filter of running) await filter.select(entry).catch(() => {});
  }
}

describeIf(thorough, "live: the memory of rings", function () {
  this.timeout(120_000);
  const header = (key: string) => ({ key, value: Buffer.from("a short value") });
  const fillings: Readonly<Record<string, Filling>> = {
    "one tiny record per entry": { perEntry: 1 },
    "one tiny record per entry, rendered for streams": {
      perEntry: 1,
      record: { key: Buffer.from("k") },
      streams: true,
    },
    "one tiny record per entry, and thirty filters": { perEntry: 1, filters: 30, limit: LIMIT / 4 },
    "a thousand tiny records per entry": { perEntry: 1000 },
    "records with headers": { perEntry: 50, record: { headers: ["a", "b", "c"].map(header) } },
    "records of 1 KB": { perEntry: 50, record: { value: Buffer.alloc(1024, "1") } },
  };
  for (const [title, filling] of Object.entries(fillings))
    it(`is counted within a factor of 2: ${title}`, async () => {
      // The code is compiled before the measurement.
      const first = await startHub(100_000);
      await fill(first.hub, new Filters(), filling);
      first.hub.stop();
      const { limit = LIMIT } = filling;
      const { hub, memory } = await startHub(limit);
      const filters = new Filters();
      const before = retained();
      await fill(hub, filters, filling);
      const ratio = (retained() - before) / memory.used;
      assert.ok(memory.used > limit * 0.9 && memory.used <= limit, String(memory.used));
      assert.ok(ratio > 0.45 && ratio < 2, `${ratio.toFixed(2)} times what is counted`);
      hub.stop();
      assert.equal(memory.used, 0);
    });

  it("does not grow with filters that come and go", async () => {
    const { hub, memory } = await startHub(LIMIT);
    for (let n = 0; n < 200; n++) add(hub, { perEntry: 1 });
    const filters = new Filters();
    const use = async (from: number, count: number): Promise<void> => {
      for (let n = from; n < from + count; n++) {
        const filter = filters.acquire(`a = ${-n}`);
        for (let at = hub.ring.first; at < hub.ring.end; at += 20)
          await filter.select(hub.ring.get(at) as RecordsEntry);
        filters.release(filter);
      }
    };
    await use(0, 50);
    const before = retained();
    await use(50, 300);
    const growth = retained() - before;
    // A compiled filter has more than 10 kB: 300 of them would be over 3 MB. The rest is noise of the measurement.
    assert.ok(growth < 1_500_000, `${growth} bytes`);
    assert.ok(memory.used > 0 && filters.size === 0);
  });
});
