// `onramp sources` lists sources, and sets and removes cursors: the owner is fenced, reads the new cursor and continues.

import { strict as assert } from "node:assert";
import { itThoroughly, useBroker } from "../support/broker.ts";
import { type TestConfig, writeConfig } from "../support/gateway.ts";
import { run, type Started, startWith } from "../support/process.ts";
import { readCommitted } from "../support/read-back.ts";
import { sourceState, storedState } from "../support/sources.ts";
import { until } from "../support/until.ts";

describe("the command sources", function () {
  this.timeout(60_000);
  const broker = useBroker();
  let topic: string;
  let config: TestConfig;

  beforeEach(async () => {
    topic = await broker.topic();
    config = {
      kafka: { brokers: broker.addresses(), createTopics: true, namespace: `ns-${topic}` },
      sources: {
        tick: { type: "clock", interval: "20ms", topic },
        idle: { type: "sample", topic: `${topic}-2` },
      },
    };
  });
  const start = (): Promise<Started> => startWith(config);
  const sources = (...args: string[]) => run(["sources", ...args, "--config", writeConfig(config)]);
  const numbers = async (): Promise<number[]> => {
    const records = await readCommitted(broker.addresses(), topic);
    return records.map(({ value }) => JSON.parse(value?.toString() ?? "").number);
  };
  const committed = (gateway: Started, count: number) =>
    until(async () => (await sourceState(gateway, "tick")).records >= count);

  it("lists sources with their cursors, and those that are no longer configured", async () => {
    const gateway = await start();
    await committed(gateway, 3);
    await gateway.end();
    config = {
      ...config,
      sources: {
        idle: { type: "sample", topic: `${topic}-2` },
        later: { type: "clock", interval: "1h", topic },
      },
    };
    const { code, stdout } = await sources("list");
    assert.equal(code, 0);
    assert.ok(!stdout.includes('{"level'), "no line of the log");
    const lines = Object.fromEntries(
      stdout
        .split("\n")
        .filter((line) => line.includes("\t"))
        .map((line) => [line.split("\t")[0], line.split("\t")]),
    );
    assert.match(lines["tick"]?.[2] ?? "", /^\{"number":\d+,"time":\d+\}$/);
    assert.deepEqual([lines["tick"]?.[1], lines["tick"]?.[3]], ["clock", "not configured"]);
    assert.deepEqual(lines["later"]?.slice(1), ["clock", "no cursor"]);
    assert.equal(lines["idle"]?.length, 3);
  });

  it("sets a cursor while the source runs: its owner continues with it", async () => {
    const gateway = await start();
    await committed(gateway, 3);
    const { code, stdout } = await sources("set", "tick", "--cursor", '{"number":1000,"time":1000}');
    assert.deepEqual([code, /was set/.test(stdout)], [0, true]);
    await until(async () => (await numbers()).includes(1001));
    const all = await numbers();
    const at = all.indexOf(1001);
    assert.deepEqual(
      all.slice(0, at),
      Array.from({ length: at }, (_, n) => n + 1),
    );
    assert.ok(all.slice(at).every((number, n) => number === 1001 + n));
  });

  itThoroughly("starts an idle source from its beginning", async () => {
    config = {
      ...config,
      sources: {
        tick: { type: "clock", interval: "20ms", topic, missed: "skip" },
        idle: { type: "sample", topic: `${topic}-2`, interval: "1h" },
      },
    };
    const gateway = await start();
    await until(async () => (await sourceState(gateway, "idle")).records === 1);
    assert.equal((await sources("set", "idle", "--from-start")).code, 0);
    // The idle owner asks every 10 s whether it still owns the source.
    await until(async () => (await sourceState(gateway, "idle")).records === 2, 30_000);
    const values = await readCommitted(broker.addresses(), `${topic}-2`);
    assert.deepEqual(
      values.map(({ key }) => key?.toString()),
      ["sample-1", "sample-1"],
    );
  });

  it("forgets a source that is no longer configured", async () => {
    const gateway = await start();
    await committed(gateway, 3);
    await gateway.end();
    config = { ...config, sources: {} };
    const { code, stdout } = await sources("forget", "tick");
    assert.deepEqual([code, /was removed.*not in this configuration/.test(stdout)], [0, true]);
    assert.equal(await storedState(broker.addresses(), `ns-${topic}`, "tick"), null);
    assert.ok(!(await sources("list")).stdout.includes("tick"));
    const again = await sources("forget", "tick");
    assert.equal(again.code, 1);
    assert.match(again.stderr, /Source "tick" is not configured and has no cursor/);
  });

  it("refuses wrong arguments with the usage, before it connects", async () => {
    for (const args of [
      [],
      ["set", "tick"],
      ["set", "--from-start"],
      ["set", "tick", "--cursor", "1", "--from-start"],
      ["list", "tick"],
      ["forget"],
      ["drop", "tick"],
    ]) {
      const { code, stderr } = await run(["sources", ...args]);
      assert.equal(code, 2, args.join(" "));
      assert.match(stderr, /onramp sources set NAME --cursor JSON/);
    }
    const { code, stderr } = await run(["sources", "set", "tick", "--cursor", "{number:1}"]);
    assert.equal(code, 2);
    assert.match(stderr, /value of --cursor is not JSON/);
  });

  it("reports a missing state topic, and missing brokers", async () => {
    const { code, stderr } = await sources("list");
    assert.equal(code, 1);
    assert.match(stderr, /Topic "ns-.*\.sources" does not exist: no source has run in namespace/);
    const without = await run(["sources", "list"]);
    assert.equal(without.code, 1);
    assert.match(without.stderr, /No Kafka broker is configured/);
  });
});
