// What keeps the process honest: the supervisor, the log, backoff.

import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { Backoff } from "../../src/ops/backoff.ts";
import { Supervisor } from "../../src/ops/supervisor.ts";
import { keepingLog } from "../support/gateway.ts";

describe("ops: supervisor", () => {
  it("stops in reverse, and lets neither a failure nor a hang keep the others from stopping", async () => {
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

describe("ops: log", () => {
  it("writes JSON lines and never a secret, whatever the field's depth", () => {
    const script = `import { createLog } from "./src/ops/log.ts"; createLog("info").info({ password: "hunter2", a: { token: "hunter2", b: { secret: "hunter2" } }, headers: { authorization: "hunter2", cookie: "hunter2" }, ok: 1 }, "said");`;
    const line = execFileSync(
      process.execPath,
      ["--import", "ts-blank-space/register", "--input-type=module", "-e", script],
      {
        encoding: "utf8",
      },
    );
    assert.ok(!line.includes("hunter2"));
    assert.deepEqual([JSON.parse(line).event, JSON.parse(line).ok], ["said", 1]);
  });
});

describe("ops: backoff", () => {
  it("waits longer after each failure, up to the most, and not at all after a reset", () => {
    const backoff = new Backoff(100, 1000);
    for (const wait of [100, 200, 400, 800, 1000, 1000]) {
      backoff.failed(0);
      assert.ok(!backoff.ready(wait / 2 - 1) && backoff.ready(wait));
    }
    backoff.reset();
    assert.ok(backoff.ready(0) && !backoff.active);
  });
});
