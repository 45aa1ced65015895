// No bytes from outside harm the process: every decoder refuses with its own error what it cannot decode, in little time and memory.

import { strict as assert } from "node:assert";
import { type Cost, fuzz } from "../support/fuzz/run.ts";
import { startTargets } from "../support/fuzz/targets.ts";
import { bound, soak } from "../support/soak.ts";

const LIMITS = { ms: bound(100), bytes: 64 * 1024 * 1024 };
const SOAK_MS = 600_000;
/** The number of inputs per decoder and round. */
const COUNT = soak ? 100 : 200;
/** A finding names the seed of its input: `ONRAMP_FUZZ_SEED` begins with it. */
const SEED = Number(process.env["ONRAMP_FUZZ_SEED"] ?? (soak ? Date.now() % 2 ** 31 : 1));

describe("issue: decoders", function () {
  this.timeout(soak ? 2 * SOAK_MS : 60_000);

  it("throw only documented errors, within 100 ms and 64 MB per input", async () => {
    const targets = await startTargets();
    const costs = new Map(targets.map(({ name }): [string, Cost] => [name, { ms: 0, bytes: 0, inputs: 0 }]));
    const findings: string[] = [];
    const until = Date.now() + (soak ? SOAK_MS : 0);
    let seed = SEED;
    do {
      for (const target of targets) {
        const cost = costs.get(target.name) as Cost;
        const found = await fuzz(target, { seed, count: COUNT }, LIMITS, cost);
        for (const finding of found) console.log(`      ${finding}`);
        findings.push(...found);
      }
      seed += COUNT;
    } while (Date.now() < until && findings.length < 100);
    console.log(`      seeds ${SEED} to ${seed - 1} of each of ${targets.length} decoders`);
    if (soak)
      for (const [name, { ms, bytes, inputs }] of costs)
        console.log(
          `      ${name}: ${inputs} inputs, at most ${ms.toFixed(1)} ms and ${(bytes / 2 ** 20).toFixed(1)} MB`,
        );
    assert.equal(findings.length, 0, `\n${findings.join("\n")}`);
  });
});
