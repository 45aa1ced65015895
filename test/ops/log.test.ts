// The log.

import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";

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
});
