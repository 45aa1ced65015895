// Streams whose topic changes while they open, or while they read the log, with a scripted source of topics.

import { strict as assert } from "node:assert";
import type { RangeHandler, StreamRequest, TopicTails } from "../../src/core/live.ts";
import { FROM_FIRST, type PartitionOffset } from "../../src/core/live.ts";
import type { ConsumedRecord } from "../../src/core/ports.ts";
import { formatOf } from "../../src/http/events/formats.ts";
import type { Hub } from "../../src/live/hub.ts";
import { Place, topicKey } from "../../src/live/place.ts";
import { encodePosition } from "../../src/live/position.ts";
import { Streams } from "../../src/live/streams.ts";
import { afterTest } from "../support/after-test.ts";
import { keepingLog } from "../support/gateway.ts";
import { ScriptedOutput } from "../support/scripted-output.ts";
import { until } from "../support/until.ts";

class Client extends ScriptedOutput {
  get text(): string {
    return this.written.join("");
  }
  /** The partitions and offsets of the records, and the names of events. */
  get events(): string[] {
    const all = /^event: (?!position)(\w+)$|"partition":(\d+),"offset":(\d+),"timestamp"/gm;
    return [...this.text.matchAll(all)].map(
      ([, name, partition, offset]) => name ?? `${partition}@${offset}`,
    );
  }
}

const recordAt = (partition: number, offset: number): ConsumedRecord => ({
  ...{ topic: "t", partition, offset, timestamp: 1, key: null, headers: [], value: Buffer.from("1") },
});

/** A read of the log that has begun. */
interface Read {
  readonly handler: RangeHandler;
  end(): void;
}

/** Streams of a topic with the id 1, whose partitions end at `ends`. */
async function startStreams(ends: readonly number[], scripted: Partial<TopicTails> = {}) {
  const reads: Read[] = [];
  const starts = ends.map((offset): PartitionOffset => ({ offset, epoch: 0 }));
  const tails: Partial<TopicTails> = {
    follow: async () => ({ id: "1", starts }),
    offsets: async (_topic, partitions) => new Map(partitions.map((each) => [each, { offset: 0, epoch: 0 }])),
    read: (_topic, _id, _ranges, handler) =>
      new Promise((resolve) => void reads.push({ handler, end: resolve })),
    ...scripted,
  };
  const options = { maxClients: 10, ringBytes: 1e6, heartbeatMs: 60_000 };
  const streams = new Streams(tails as TopicTails, options, keepingLog());
  afterTest(() => streams.stop());
  const hub: Hub = streams.hubs.acquire("t");
  await hub.ready;
  const open = async (request: Partial<StreamRequest>): Promise<Client> => {
    const client = new Client();
    const stream = await streams.open({
      ...{ topics: ["t"], partition: undefined, key: undefined, filter: undefined },
      ...{ start: { at: "latest", position: undefined }, format: formatOf("record", false), ...request },
    });
    stream.start(client);
    return client;
  };
  return { streams, hub, open, reads };
}

/** A comparison of positions with the log: partition 0 has lost the records from an offset on, if it is given. */
const lost = (from?: PartitionOffset) => async () => ({
  truncated: new Map(from ? [[0, from]] : []),
  unknown: new Set<number>(),
});

const positionOf = (id: string, offsets: readonly number[]): StreamRequest["start"] => {
  const starts = offsets.map((offset) => ({ offset, epoch: 0 }));
  return { at: "latest", position: encodePosition([new Place(topicKey("t", id), starts)]) };
};

describe("live: streams of a topic that changes", () => {
  it("a stream that reads the log receives what the ring has before a truncation of another partition", async () => {
    const { hub, open, reads } = await startStreams([2, 5], { truncations: lost({ offset: 1, epoch: 1 }) });
    const client = await open({ start: positionOf("1", [0, 5]) });
    await until(() => reads.length === 1);
    hub.onRecords(1, [recordAt(1, 5)], { offset: 6, epoch: 0 });
    hub.onTruncated(0, { offset: 1, epoch: 1 });
    const read = reads[0] as Read;
    await read.handler(0, [recordAt(0, 0), recordAt(0, 1)], 0);
    read.end();
    hub.onRecords(1, [recordAt(1, 6)], { offset: 7, epoch: 0 });
    await until(() => client.events.includes("1@6") && client.events.includes("reset"));
    assert.deepEqual(
      client.events.filter((event) => event !== "reset"),
      ["0@0", "0@1", "1@5", "1@6"],
    );
    hub.onRecords(0, [recordAt(0, 1)], { offset: 2, epoch: 1 });
    await until(() => client.events.length > 5);
    assert.deepEqual(client.events.slice(5), ["0@1"]);
  });

  it("a stream that has read the log after a truncation does not receive what the log lost", async () => {
    const { hub, open, reads } = await startStreams([2, 5], { truncations: lost() });
    const client = await open({ start: positionOf("1", [0, 5]) });
    await until(() => reads.length === 1);
    // The feed has not passed these entries when the read ends.
    hub.onRecords(1, [recordAt(1, 5)], { offset: 6, epoch: 0 });
    hub.onRecords(0, [recordAt(0, 2), recordAt(0, 3), recordAt(0, 4)], { offset: 5, epoch: 0 });
    hub.onTruncated(0, { offset: 1, epoch: 1 });
    const read = reads[0] as Read;
    await read.handler(0, [recordAt(0, 0), recordAt(0, 1)], 1);
    read.end();
    hub.onRecords(0, [recordAt(0, 1), recordAt(0, 2)], { offset: 3, epoch: 1 });
    await until(() => client.events.includes("0@2"));
    assert.deepEqual(client.events, ["0@0", "0@1", "1@5", "0@2"]);
  });

  it("a stream that is woken before it can pass the recreation of its topic waits for it", async () => {
    const { hub, open } = await startStreams([2]);
    hub.onBlocked(0, true);
    const client = await open({ start: positionOf("1", [0]) });
    hub.onRecreated({ id: "2", starts: [FROM_FIRST] });
    // Without a wait, the stream would look for work for ever, and nothing else would run.
    client.onDrain();
    await until(() => client.events.length > 0);
    hub.onStart(0, { offset: 0, epoch: 0 });
    hub.onRecords(0, [recordAt(0, 0)], { offset: 1, epoch: 0 });
    await until(() => client.events.length > 1);
    assert.deepEqual(client.events, ["reset", "0@0"]);
  });

  it("a stream of a partition that the recreated topic does not have ends with a goodbye", async () => {
    const { hub, open } = await startStreams([2, 5]);
    const [client, other] = [await open({ partition: 1 }), await open({ partition: 0 })];
    hub.onRecreated({ id: "2", starts: [FROM_FIRST] });
    assert.match(client.text, /event: goodbye\ndata: \{"reason":"deleted","message":".*partition 1/);
    await until(() => other.events.includes("reset"));
    assert.deepEqual([client.ended, other.ended], [true, false]);
  });

  it("a request whose topic is deleted while it opens is answered as for an unknown topic", async () => {
    let answer: (() => void) | undefined;
    const offsets = (): Promise<ReadonlyMap<number, PartitionOffset>> =>
      new Promise((resolve) => {
        answer = () => resolve(new Map());
      });
    const { streams, hub, open } = await startStreams([2], { offsets });
    const opening = open({ start: { at: "earliest", position: undefined } });
    await until(() => answer !== undefined);
    hub.onDeleted();
    answer?.();
    await assert.rejects(opening, { code: 40401 });
    assert.equal(streams.all.size, 0);
  });

  it("a position of a topic that this process does not know yet waits, and is not reset", async () => {
    const answers = [undefined, { id: "3", partitionCount: 1 }];
    let [asked, wasRecreated] = [0, false];
    const current = async () => {
      asked++;
      return wasRecreated ? { id: "2", partitionCount: 1 } : answers.pop();
    };
    const { hub, open } = await startStreams([2], { current });
    const client = await open({ start: positionOf("2", [1]) });
    await until(() => asked === 3);
    wasRecreated = true;
    hub.onRecreated({ id: "2", starts: [FROM_FIRST] });
    hub.onStart(0, { offset: 0, epoch: 0 });
    hub.onRecords(0, [recordAt(0, 0), recordAt(0, 1)], { offset: 2, epoch: 0 });
    await until(() => client.events.length > 0);
    assert.deepEqual(client.events, ["0@1"]);
  });

  it("a stream whose positions would be too long when it has received all records is refused", async () => {
    const { open } = await startStreams(Array.from({ length: 1000 }, () => 5_000_000));
    const opening = open({ start: { at: "earliest", position: undefined } });
    await assert.rejects(opening, { code: 40001, message: /1000 partitions .* \?partition=/ });
  });

  it("a partition that this process does not know yet is a temporary condition", async () => {
    const current = async () => ({ id: "1", partitionCount: 3 });
    const { open } = await startStreams([2], { current });
    await assert.rejects(open({ partition: 2 }), { code: 50301 });
    await assert.rejects(open({ partition: 3 }), { code: 40402 });
    const resumed = await open({ partition: 2, start: positionOf("1", [2, 0, 0]) });
    assert.match(resumed.text, /^event: position$/m);
    assert.equal(resumed.ended, false);
  });
});
