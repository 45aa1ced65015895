// Promise 9: any replica can serve any request, and a killed replica's work moves to another.

import { strict as assert } from "node:assert";
import { describeIf, onApacheKafka } from "../support/broker.ts";
import { sinkState } from "../support/http.ts";
import type { Started } from "../support/process.ts";
import { useSinkProcesses } from "../support/sink-process.ts";
import { soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 12;

describeIf(soak || onApacheKafka, "promise 9: stateless", function () {
  this.timeout(120_000);
  const { taken, gateway, produce } = useSinkProcesses({ partitions: PARTITIONS, rate: soak ? 500 : 100 });

  it("two replicas share the partitions, and one takes over within 30 s when the other is killed", async () => {
    const [first, second] = [await gateway(), await gateway()];
    const held = async (of: Started): Promise<number> => (await sinkState(of)).partitions.length;
    await until(
      async () => (await held(first)) === PARTITIONS / 2 && (await held(second)) === PARTITIONS / 2,
      60_000,
    );
    await produce(0, 100);
    await until(() => taken().length >= 100);
    await first.end("SIGKILL");
    const killedAt = Date.now();
    await produce(100, 200);
    await until(() => new Set(taken()).size === 200, 30_000);
    assert.equal(await held(second), PARTITIONS);
    assert.deepEqual(
      [...new Set(taken())].sort((a, b) => a - b),
      Array.from({ length: 200 }, (_, n) => n),
    );
    // A replica that is killed has not committed the record that it delivered last, one per partition.
    const twice = taken().length - 200;
    assert.ok(twice <= PARTITIONS / 2, `${twice} records were delivered twice`);
    console.log(`      taken over after ${((Date.now() - killedAt) / 1000).toFixed(1)} s`);
  });
});
