// How events are written to a response.

import { strict as assert } from "node:assert";
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { mock } from "node:test";
import { ResponseOutput } from "../../../src/http/events/output.ts";
import { afterTest } from "../../support/after-test.ts";

const PIECE = 64 * 1024;

/** A response whose client takes what the test says. */
class FakeResponse extends EventEmitter {
  readonly written: Buffer[] = [];
  takes = true;
  ended = false;
  destroyed = false;

  write(bytes: Buffer): boolean {
    this.written.push(bytes);
    return this.takes;
  }
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
  }
}

function startOutput() {
  mock.timers.enable({ apis: ["Date", "setTimeout"], now: 1_000_000 });
  afterTest(() => mock.timers.reset());
  const response = new FakeResponse();
  const output = new ResponseOutput(response as unknown as ServerResponse);
  let drains = 0;
  output.onDrain = () => void drains++;
  return {
    response,
    output,
    drains: () => drains,
    sizes: () => response.written.map(({ length }) => length),
  };
}

describe("http: the output of a stream of events", () => {
  it("writes large events in pieces, each after the client took the one before", () => {
    const { response, output, drains, sizes } = startOutput();
    output.write(Buffer.alloc(10));
    assert.deepEqual([output.isBlocked, sizes()], [false, [10]]);
    output.write(Buffer.alloc(2 * PIECE + 1));
    assert.deepEqual([output.isBlocked, sizes()], [false, [10, PIECE, PIECE, 1]]);
    response.takes = false;
    const bytes = Buffer.from("0123456789".repeat(20_000));
    output.write(bytes);
    assert.deepEqual([output.isBlocked, sizes().length], [true, 5]);
    for (let n = 6; n <= 8; n++) {
      response.emit("drain");
      assert.deepEqual([output.isBlocked, sizes().length, drains()], [true, n, 0]);
    }
    response.emit("drain");
    assert.deepEqual([output.isBlocked, drains()], [false, 1]);
    assert.ok(Buffer.concat(response.written.slice(4)).equals(bytes));
  });

  it("knows when the client took something for the last time", () => {
    const { response, output } = startOutput();
    mock.timers.tick(5000);
    output.write(Buffer.alloc(1));
    assert.equal(output.tookAt, 1_005_000);
    response.takes = false;
    mock.timers.tick(5000);
    output.write(Buffer.alloc(3 * PIECE));
    assert.equal(output.tookAt, 1_010_000);
    mock.timers.tick(50_000);
    assert.equal(output.tookAt, 1_010_000);
    // A client that takes a piece of a large event makes progress.
    response.emit("drain");
    assert.deepEqual([output.tookAt, output.isBlocked], [1_060_000, true]);
  });

  it("ends with everything that was written, and destroys the connection of a client that does not take it", () => {
    const { response, output, sizes } = startOutput();
    response.takes = false;
    output.write(Buffer.alloc(2 * PIECE));
    output.write(Buffer.from("goodbye"));
    output.end();
    assert.deepEqual([sizes(), response.ended], [[PIECE, PIECE, 7], true]);
    mock.timers.tick(4999);
    assert.equal(response.destroyed, false);
    mock.timers.tick(1);
    assert.equal(response.destroyed, true);
  });
});
