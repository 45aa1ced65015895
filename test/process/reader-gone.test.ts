// The end of a process whose reader of stdout is gone, or does not read: a second signal always ends it within a second.

import { strict as assert } from "node:assert";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterTest } from "../support/after-test.ts";
import { describeIf, thorough, useBroker } from "../support/broker.ts";
import { writeConfig } from "../support/gateway.ts";
import { freePort } from "../support/net.ts";
import { nodeOf } from "../support/node-versions.ts";
import { bound, soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

const RUNS = soak ? 200 : 4;
const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;

describeIf(thorough, "process: without a reader of stdout", function () {
  this.timeout(120_000);
  const broker = useBroker();
  const folder = mkdtempSync(path.join(tmpdir(), "onramp-pipe-"));
  let pipes = 0;

  /** Starts a gateway whose stdout is a pipe, and waits until it is ready. */
  async function startOnPipe(node: string, drain: string, isFull = false) {
    const pipe = path.join(folder, String(pipes++));
    execFileSync("mkfifo", [pipe]);
    const reader = openSync(pipe, O_RDONLY | O_NONBLOCK);
    const writer = openSync(pipe, O_WRONLY | O_NONBLOCK);
    if (isFull) fill(writer);
    const port = await freePort();
    const config = writeConfig({ kafka: { brokers: broker.addresses() }, stop: { drain } });
    const env = { ONRAMP_PORT: "0", ONRAMP_ADMIN_PORT: String(port) };
    const child = spawn(node, ["dist/main.js", "start", config], {
      env,
      stdio: ["ignore", writer, "ignore"],
    });
    afterTest(() => child.kill("SIGKILL"));
    closeSync(writer);
    const isReady = () => readyStatus(port).then((status) => status === 200);
    await until(isReady);
    return { child, reader, isStopping: () => readyStatus(port).then((status) => status !== 200) };
  }

  const readyStatus = (port: number): Promise<number> =>
    fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ status }) => status,
      () => 0,
    );

  /** Writes until a pipe accepts nothing more. */
  function fill(writer: number): void {
    for (const size of [65_536, 4096, 1])
      try {
        for (;;) writeSync(writer, Buffer.alloc(size, "\n"));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
      }
  }

  /** Sends a signal. @returns the time until the process ends, in milliseconds */
  async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number> {
    const ended = once(child, "exit");
    const began = performance.now();
    child.kill(signal);
    await ended;
    return performance.now() - began;
  }

  for (const major of [20, 22, 24]) {
    it(`ends on Node ${major} when the reader is gone`, async function () {
      this.timeout(soak ? 3_600_000 : 120_000);
      const node = await nodeOf(major);
      for (let run = 0; run < RUNS; run++) {
        const drain = run % 2 === 0 ? "0ms" : "30s";
        const { child, reader, isStopping } = await startOnPipe(node, drain);
        closeSync(reader);
        child.kill("SIGTERM");
        // The kernel delivers two signals as one if the process has not handled the first.
        if (drain !== "0ms") await until(isStopping);
        const ms = await end(child, "SIGTERM");
        assert.ok(ms < bound(1000), `run ${run} ended after ${ms.toFixed(0)} ms`);
      }
    });

    it(`ends on Node ${major} when the reader does not read`, async function () {
      this.timeout(soak ? 3_600_000 : 120_000);
      const node = await nodeOf(major);
      for (let run = 0; run < RUNS / 4; run++) {
        const { child, reader, isStopping } = await startOnPipe(node, "30s", true);
        child.kill("SIGTERM");
        await until(isStopping);
        const ms = await end(child, "SIGINT");
        assert.ok(ms < bound(1000), `run ${run} ended after ${ms.toFixed(0)} ms`);
        closeSync(reader);
      }
    });
  }

  it("ends after one signal, within 2 seconds", async () => {
    for (const isFull of [false, true]) {
      const { child, reader } = await startOnPipe(process.execPath, "0ms", isFull);
      if (!isFull) closeSync(reader);
      assert.ok((await end(child, "SIGTERM")) < bound(2000, 20_000));
      assert.equal(child.exitCode, 0);
      if (isFull) closeSync(reader);
    }
  });
});
