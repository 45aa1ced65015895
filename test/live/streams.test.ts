// Streams with scripted connections: their heartbeats, and clients that take nothing.

import { strict as assert } from "node:assert";
import type { StreamRequest, TopicTails } from "../../src/core/live.ts";
import { formatOf } from "../../src/http/events/formats.ts";
import { decodePosition } from "../../src/live/position.ts";
import { Streams, type StreamsOptions } from "../../src/live/streams.ts";
import { afterTest } from "../support/after-test.ts";
import { keepingLog } from "../support/gateway.ts";
import { ScriptedOutput } from "../support/scripted-output.ts";
import { until } from "../support/until.ts";

const REQUEST: StreamRequest = {
  ...{ topics: ["t"], partition: undefined, key: undefined, filter: undefined },
  ...{ start: { at: "latest", position: undefined }, format: formatOf("record", false) },
};
const RECORD = {
  ...{ topic: "t", partition: 0, offset: 7, timestamp: 1, key: null },
  ...{ value: Buffer.from("1"), headers: [] },
};

/** Starts streams of topics of one partition, which ends at an offset. */
function startStreams(end: number, options: StreamsOptions): Streams {
  const tails = { follow: async () => ({ id: "1", starts: [{ offset: end, epoch: 0 }] }) };
  const streams = new Streams(tails as unknown as TopicTails, options, keepingLog());
  afterTest(() => streams.stop());
  return streams;
}

describe("live: heartbeats", () => {
  it("are spread over the interval, although many clients connect and get a record at once", async () => {
    const [heartbeatMs, count] = [60_000, 400];
    const streams = startStreams(7, { maxClients: count, ringBytes: 1e6, heartbeatMs });
    for (let n = 0; n < count; n++) (await streams.open(REQUEST)).start(new ScriptedOutput());
    const quarters = (): number[] => {
      const found = [0, 0, 0, 0];
      for (const { heartbeatAt } of streams.all)
        (found[Math.max(0, Math.floor(((heartbeatAt - Date.now()) / heartbeatMs) * 4))] as number)++;
      return found;
    };
    const before = quarters();
    assert.ok(
      before.every((each) => each > count / 8),
      String(before),
    );
    const written = streams.counts.events;
    streams.hubs.acquire("t").onRecords(0, [RECORD], { offset: 8, epoch: 0 });
    await until(() => streams.counts.events === written + count);
    const after = quarters();
    assert.ok(
      after.every((each) => each > count / 8),
      String(after),
    );
  });
});

describe("live: a stream of several topics", () => {
  it("gets the records of each topic, although another one always has more than a round sends", async () => {
    const streams = startStreams(0, { maxClients: 1, ringBytes: 1e8, heartbeatMs: 60_000 });
    const output = new ScriptedOutput();
    (await streams.open({ ...REQUEST, topics: ["busy", "quiet"] })).start(output);
    const [busy, quiet] = ["busy", "quiet"].map((topic) => streams.hubs.acquire(topic));
    const value = Buffer.from(JSON.stringify("x".repeat(70_000)));
    const COUNT = 50;
    for (let offset = 0; offset < COUNT; offset++)
      busy?.onRecords(0, [{ ...RECORD, topic: "busy", offset, value }], { offset: offset + 1, epoch: 0 });
    quiet?.onRecords(0, [{ ...RECORD, topic: "quiet", offset: 0 }], { offset: 1, epoch: 0 });
    await until(() => output.written.some((text) => text.includes(`"offset":${COUNT - 1}`)));
    const at = output.written.findIndex((text) => text.includes('"topic":"quiet"'));
    assert.ok(at > 0 && at <= 4, `the record of the quiet topic is in write ${at}`);
  });
});

describe("live: a client that takes nothing", () => {
  it("is ended after 60 s, with an id that resumes, and is counted as slow", async () => {
    const streams = startStreams(7, { maxClients: 10, ringBytes: 1e6, heartbeatMs: 60 });
    const [stuck, slow] = [new ScriptedOutput(), new ScriptedOutput()];
    for (const output of [stuck, slow]) (await streams.open(REQUEST)).start(output);
    const hub = streams.hubs.acquire("t");
    for (const [output, ms] of [
      [stuck, 60_001],
      [slow, 50_000],
    ] as const) {
      output.isBlocked = true;
      output.tookAt = Date.now() - ms;
    }
    // A record that comes meanwhile is not written to them, and not lost.
    hub.onRecords(0, [RECORD], { offset: 8, epoch: 0 });
    await until(() => stuck.ended);
    const goodbye = stuck.written.at(-1) ?? "";
    const id = /id: ([\w-]+)\nevent: goodbye\ndata: \{"reason":"slow","message":"[^"]*60 s[^"]*"\}/.exec(
      goodbye,
    )?.[1];
    assert.equal(decodePosition(id ?? "")[0]?.offset(0), 7);
    assert.deepEqual([streams.ended.get("slow"), streams.all.size, slow.ended], [1, 1, false]);
    assert.equal(slow.written.length, 1);
    slow.isBlocked = false;
    slow.onDrain();
    await until(() => slow.written.some((text) => text.includes('"offset":7')));
  });
});
