// Starting and stopping services.

import { strict as assert } from "node:assert";
import { Supervisor } from "../../src/ops/supervisor.ts";
import { keepingLog } from "../support/gateway.ts";

describe("ops: supervisor", () => {
  it("stops services in reverse order, and continues after one that fails or hangs", async () => {
    const log = keepingLog();
    const supervisor = new Supervisor(log);
    const stopped: string[] = [];
    const service = (name: string, stop: () => Promise<void> = async () => {}) => ({
      name,
      stop: () => {
        stopped.push(name);
        return stop();
      },
    });
    await supervisor.add(service("first"));
    await supervisor.add(service("fails", () => Promise.reject(new Error("no"))));
    await supervisor.add(service("hangs", () => new Promise(() => {})));
    await supervisor.add(service("last"));
    await supervisor.stop(Date.now() + 50);
    assert.deepEqual(stopped, ["last", "hangs", "fails", "first"]);
    assert.equal(log.lines.filter(({ level }) => level === "error").length, 2);
  });
});
