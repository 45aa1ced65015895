// Clients that take nothing, with a scripted connection.

import { strict as assert } from "node:assert";
import type { EventOutput, StreamRequest, TopicTails } from "../../src/core/live.ts";
import { formatOf } from "../../src/http/events/formats.ts";
import { decodePosition } from "../../src/live/position.ts";
import { Streams } from "../../src/live/streams.ts";
import { afterTest } from "../support/after-test.ts";
import { keepingLog } from "../support/gateway.ts";
import { until } from "../support/until.ts";

/** The connection of a client that took nothing since a time. */
class StuckOutput implements EventOutput {
  isBlocked = false;
  tookAt = Date.now();
  onDrain = (): void => {};
  readonly written: string[] = [];
  ended = false;

  write(bytes: Buffer): void {
    this.written.push(bytes.toString());
  }
  end(): void {
    this.ended = true;
  }
}

describe("live: a client that takes nothing", () => {
  it("is ended after 60 s, with an id that resumes, and is counted as slow", async () => {
    const tails = { follow: async () => ({ id: "1", starts: [{ offset: 7, epoch: 0 }] }) };
    const options = { maxClients: 10, ringBytes: 1e6, heartbeatMs: 60 };
    const streams = new Streams(tails as unknown as TopicTails, options, keepingLog());
    afterTest(() => streams.stop());
    const request: StreamRequest = {
      ...{ topics: ["t"], partition: undefined, key: undefined, filter: undefined },
      ...{ start: { at: "latest", position: undefined }, format: formatOf("record", false) },
    };
    const [stuck, slow] = [new StuckOutput(), new StuckOutput()];
    for (const output of [stuck, slow]) (await streams.open(request)).start(output);
    const hub = streams.hubs.acquire("t");
    for (const [output, ms] of [
      [stuck, 60_001],
      [slow, 50_000],
    ] as const) {
      output.isBlocked = true;
      output.tookAt = Date.now() - ms;
    }
    // A record that comes meanwhile is not written to them, and not lost.
    const value = Buffer.from("1");
    const record = { topic: "t", partition: 0, offset: 7, timestamp: 1, key: null, value, headers: [] };
    hub.onRecords(0, [record], { offset: 8, epoch: 0 });
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
