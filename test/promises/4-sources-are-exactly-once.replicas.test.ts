// Promise 4, with several replicas: a restart of one interrupts only its own sources, and each source commits from one
// replica at a time.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { describeIf, thorough } from "../support/broker.ts";
import type { Started } from "../support/process.ts";
import { soak } from "../support/soak.ts";
import { ownedBy, useSourceProcesses } from "../support/source-processes.ts";
import { upTo } from "../support/sources.ts";
import { until } from "../support/until.ts";

const names = Array.from({ length: 20 }, (_, n) => `s${n}`);
const RESTARTS_MS = soak ? 600_000 : 30_000;

describeIf(thorough, "promise 4: sources are exactly once, with three replicas", function () {
  this.timeout(RESTARTS_MS + 180_000);
  const { replica, numbers, epochs } = useSourceProcesses(names, "50ms");

  const owned = (replicas: readonly Started[]) => Promise.all(replicas.map(ownedBy));
  /** Resolves when every source runs on exactly one of the replicas, and each replica runs one. */
  const untilBalanced = (replicas: readonly Started[]): Promise<void> =>
    until(async () => {
      const states = await owned(replicas);
      const running = states.flatMap((each) => [...each.keys()]);
      return (
        running.length === names.length &&
        new Set(running).size === names.length &&
        states.every(({ size }) => size > 0)
      );
    }, 60_000);

  async function assertExact(): Promise<void> {
    for (const name of names) {
      const written = await numbers(name);
      assert.deepEqual(written, upTo(written.length), `the ticks of ${name}`);
      const inOrder = await epochs(name);
      assert.deepEqual(
        inOrder,
        [...inOrder].sort((a, b) => a - b),
        `a batch of an earlier owner of ${name} comes after one of a later owner`,
      );
    }
  }

  it("the sources of two replicas keep running without interruption while the third is stopped, and when it returns", async () => {
    const [first, second] = [await replica(), await replica()];
    let third = await replica();
    await untilBalanced([first, second, third]);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const before = await owned([first, second]);
      await third.end(signal);
      await untilBalanced([first, second]);
      const between = await owned([first, second]);
      third = await replica();
      await untilBalanced([first, second, third]);
      const after = await owned([first, second]);
      for (const [index, states] of before.entries())
        for (const [name, { starts }] of states)
          for (const later of [between, after])
            assert.equal(later[index]?.get(name)?.starts, starts, `${name} was interrupted (${signal})`);
    }
    await Promise.all([first, second, third].map((each) => each.end()));
    await assertExact();
  });

  it(`each source commits from one replica at a time in ${RESTARTS_MS / 1000} s of random restarts`, async () => {
    const replicas = [await replica(), await replica(), await replica()];
    const end = Date.now() + RESTARTS_MS;
    let restarts = 0;
    while (Date.now() < end) {
      await delay(1000 + Math.random() * 2000);
      const index = restarts++ % replicas.length;
      const signal = Math.random() < 0.5 ? "SIGKILL" : "SIGTERM";
      await replicas[index]?.end(signal);
      if (Math.random() < 0.5) await delay(Math.random() * 3000);
      replicas[index] = await replica();
    }
    await untilBalanced(replicas);
    await Promise.all(replicas.map((each) => each.end()));
    await assertExact();
    console.log(`      ${restarts} restarts`);
  });
});
