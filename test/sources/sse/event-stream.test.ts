// What the reader of one connection does with events that are too large.

import { strict as assert } from "node:assert";
import { Readable } from "node:stream";
import { EventStream } from "../../../src/sources/sse/event-stream.ts";
import { bound } from "../../support/soak.ts";

const limits = { maxEvents: 10, lingerMs: 1, maxEvent: 1000, idleMs: 60_000 };
const never = new AbortController().signal;

describe("sources: sse: a stream of events", () => {
  it("fails once when more chunks follow an event that is too large", async () => {
    const chunks = ["data: ", "x".repeat(2000), "x".repeat(2000), "\n\ndata: b\n\n"].map((text) =>
      Buffer.from(text),
    );
    const stream = new EventStream(Readable.from(chunks, { objectMode: false }), limits, () => {});
    await assert.rejects(stream.next(never), { kind: "blocked", message: /larger than maxEvent/ });
    stream.close();
  });

  it("reads 64 KB of unknown fields in little time", async () => {
    const stream = new EventStream(Readable.from([Buffer.from("d\n".repeat(32_768))]), limits, () => {});
    const began = process.cpuUsage();
    assert.deepEqual(await stream.next(never), []);
    const { user } = process.cpuUsage(began);
    assert.ok(user / 1000 < bound(100), `${user / 1000} ms`);
    stream.close();
  });
});
