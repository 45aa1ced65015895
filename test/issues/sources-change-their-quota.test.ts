// A source keeps its cursor when its quota is added, renamed or removed, although the quota selects the partition of its state.

import { strict as assert } from "node:assert";
import { statePartition } from "../../src/app/state-topic.ts";
import { startApi } from "../support/api-double.ts";
import { itThoroughly, useBroker } from "../support/broker.ts";
import { startTestGateway, type TestConfig, writeConfig } from "../support/gateway.ts";
import { run } from "../support/process.ts";
import { committedValues } from "../support/read-back.ts";
import { sourceState, storedState } from "../support/sources.ts";
import { until } from "../support/until.ts";

describe("the quota of a source", function () {
  this.timeout(60_000);
  const broker = useBroker();
  let topic: string;

  beforeEach(async () => {
    topic = await broker.topic();
  });
  const configOf = (url: string, quota: string | undefined): TestConfig => ({
    kafka: { createTopics: true, namespace: `ns-${topic}`, brokers: broker.addresses() },
    sources: {
      in: {
        type: "http-poll",
        topic,
        url: `${url}/?since={cursor}`,
        interval: "50ms",
        cursor: "$max(id)",
        initialCursor: 0,
        callsPerDay: 10_000,
        ...(quota === undefined ? {} : { quota }),
      },
    },
  });
  const stored = (group?: string) => storedState(broker.addresses(), `ns-${topic}`, "in", group);

  itThoroughly("can change without a loss or a duplicate", async () => {
    let last = 0;
    const api = await startApi(({ url }) => {
      const since = Number(url.searchParams.get("since"));
      return { body: Array.from({ length: last - since }, (_, n) => ({ id: since + n + 1 })) };
    });
    assert.notEqual(statePartition("in"), statePartition("in", "quota-a"));
    for (const quota of [undefined, "quota-a", "quota-b", undefined]) {
      const gateway = await startTestGateway(broker.addresses(), configOf(api.url, quota));
      last += 3;
      await until(async () => (await committedValues(broker.addresses(), topic)).length >= last);
      const { quotaRemaining } = await sourceState(gateway);
      assert.ok(quotaRemaining !== null && quotaRemaining < 10_000);
      await gateway.stop();
      assert.equal((await stored(quota)).cursor.cursor, String(last));
    }
    const values = await committedValues(broker.addresses(), topic);
    assert.deepEqual(
      values.map((value) => JSON.parse(value).id),
      Array.from({ length: last }, (_, n) => n + 1),
    );
    assert.equal(await stored("quota-a"), null, "one partition has the state");
  });

  itThoroughly("can change before the cursor is set by hand", async () => {
    const api = await startApi(() => ({ body: [] }));
    const gateway = await startTestGateway(broker.addresses(), configOf(api.url, undefined));
    await until(async () => api.calls.length > 1);
    await gateway.stop();
    const command = (...args: string[]) =>
      run(["sources", ...args, "--config", writeConfig(configOf(api.url, "quota-a"))]);
    const { code, stderr } = await command("set", "in", "--cursor", '{"cursor":"41"}');
    assert.equal(code, 0, stderr);
    const { cursor } = await stored("quota-a");
    assert.equal(cursor.cursor, "41");
    assert.ok(cursor.quota.length > 0, "the counted calls remain");
    assert.equal(await stored(), null);
    assert.match((await command("list")).stdout, /^in\thttp-poll\t\{"cursor":"41"/m);
    assert.equal((await command("set", "in", "--from-start")).code, 0);
    assert.deepEqual(Object.keys((await stored("quota-a")).cursor), ["quota"]);
  });
});
