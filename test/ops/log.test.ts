// The log.

import { strict as assert } from "node:assert";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { afterTest } from "../support/after-test.ts";

describe("ops: log", () => {
  it("writes JSON lines without secrets, at any depth of the fields", () => {
    const script = `import { createLog } from "./src/ops/log.ts"; createLog().log.info({ password: "hunter2", a: { token: "hunter2", b: { secret: "hunter2" } }, headers: { authorization: "hunter2", cookie: "hunter2" }, ok: 1 }, "said");`;
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

  it("is flushed before the exit, also when the reader of stdout is gone", async () => {
    const script = `
      import { createLog } from "./src/ops/log.ts";
      const { log, flush } = createLog();
      process.stdin.resume().on("end", async () => {
        for (let n = 0; n < 3; n++) log.info({}, "said");
        await flush();
        process.exit(3);
      });`;
    const child = spawn(
      process.execPath,
      ["--import", "ts-blank-space/register", "--input-type=module", "-e", script],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    afterTest(() => void child.kill("SIGKILL"));
    child.stdout.destroy();
    await once(child.stdout, "close");
    child.stdin.end();
    assert.deepEqual(await once(child, "exit"), [3, null]);
  });
});
