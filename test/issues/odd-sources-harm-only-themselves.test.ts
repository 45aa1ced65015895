// Sources that use the contract in an unexpected way, or whose partitions are in trouble: nothing is lost or corrupted, and
// other sources, /sources and /readyz are not affected. Found by a review.

import { strict as assert } from "node:assert";
import type { Batch, Source } from "../../src/core/source.ts";
import { SourceError } from "../../src/core/source.ts";
import { systemClock } from "../../src/core/time.ts";
import { Waits } from "../../src/runners/source-waits.ts";
import { CreateTopics } from "../../src/wire/messages/admin.ts";
import { AddPartitionsToTxn, EndTxn } from "../../src/wire/messages/transaction.ts";
import { itOnDevBroker, itThoroughly, useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { startKafkaProxy } from "../support/kafka-proxy.ts";
import {
  batchOf,
  committedNumbers,
  counting,
  pause,
  type Script,
  scripted,
  sourceState,
  untilState,
  upTo,
} from "../support/sources.ts";
import { until } from "../support/until.ts";

describe("odd sources harm only themselves", function () {
  this.timeout(60_000);
  const broker = useBroker();

  async function start(script: Script, { topic = "", brokers = broker.addresses(), more = {} } = {}) {
    const own = topic || (await broker.topic());
    const log = keepingLog();
    const gateway = await startTestGateway(
      brokers,
      {
        kinds: { sources: [scripted(script, more, "odd"), scripted(counting(), {}, "good")] },
        kafka: { createTopics: true, namespace: `ns-${own}` },
        sources: { odd: { type: "odd", topic: own }, good: { type: "good", topic: await broker.topic() } },
      },
      log,
      systemClock,
    );
    return { gateway, log, topic: own, odd: () => sourceState(gateway, "odd") };
  }
  const lastError = async (of: { odd: () => ReturnType<typeof sourceState> }): Promise<string> => {
    await until(async () => (await of.odd()).lastError !== null);
    return (await of.odd()).lastError?.message ?? "";
  };

  it("one that changes the cursor object that it yielded continues from what was committed", async () => {
    const proxy = await startKafkaProxy(broker.addresses()[0] ?? "");
    const script: Script = async function* ({ topic }, cursor, signal) {
      const position = (cursor as unknown as { n: number } | undefined) ?? { n: 0 };
      for (;;) {
        position.n++;
        yield batchOf(topic, [{ n: position.n }], position);
        await pause(5, signal);
      }
    };
    const { gateway, topic, odd } = await start(script, { brokers: [proxy.address] });
    await until(async () => (await odd()).records > 10);
    let lost = 4;
    proxy.fault = (key) => (key === EndTxn.key && lost-- > 0 ? "lose" : undefined);
    await until(async () => (await odd()).records > 40);
    await gateway.stop();
    const written = await committedNumbers(broker.addresses(), topic);
    assert.deepEqual(written, upTo(written.length));
  });

  const wrong: readonly [title: string, script: Script, message: RegExp][] = [
    [
      "whose run is an async function that fails",
      (async () => Promise.reject(new Error("x"))) as never,
      /async generator/,
    ],
    ["whose run returns nothing", (() => undefined) as never, /async generator/],
    [
      "that yields no batch",
      async function* () {
        yield undefined as never;
      },
      /not a batch/,
    ],
    [
      "that yields a cursor that JSON drops",
      async function* ({ topic }) {
        yield batchOf(topic, [{ n: 1 }], undefined);
      },
      /not a JSON value/,
    ],
    [
      "that yields a header that is a text",
      async function* ({ topic }) {
        yield { drafts: [{ topic, value: null, headers: [{ key: "a", value: "x" as never }] }], cursor: 1 };
      },
      /key, value or header/,
    ],
    [
      "that throws something without a message",
      () => {
        throw Object.create(null);
      },
      /without a message/,
    ],
    [
      "whose topic has a name that Kafka refuses",
      async function* () {
        yield batchOf("a b/c", [1], 1);
      },
      /"a b\/c" is not a name/,
    ],
    [
      "whose cursor is too large",
      async function* ({ topic }) {
        yield batchOf(topic, [], "x".repeat(2_000_000));
      },
      /The cursor of source "odd" is refused/,
    ],
  ];
  for (const [title, script, message] of wrong)
    it(`one ${title} is reported, and nothing is written`, async () => {
      const started = await start(script);
      assert.match(await lastError(started), message);
      await until(async () => (await sourceState(started.gateway, "good")).records > 3);
      assert.equal((await started.odd()).records, 0);
    });

  it("one that reports bigints and values that are not numbers does not break /sources, /metrics and /readyz", async () => {
    const script: Script = async function* (_, __, signal, report) {
      const odd = { lag: 5n, quotaRemaining: "many", nextRunAt: Number.NaN } as never;
      report(odd);
      await pause(60_000, signal);
      yield* [] as Batch<unknown>[];
    };
    const { gateway, odd } = await start(script);
    await until(async () => (await odd()).lag === 5);
    const { quotaRemaining, nextRun } = await odd();
    assert.deepEqual([quotaRemaining, nextRun], [null, null]);
    for (const path of ["/sources", "/metrics", "/readyz"])
      assert.equal((await fetch(gateway.adminUrl + path)).status, 200);
  });

  it("a pause that is not a number counts as none, and an endless one as a day", () => {
    const waits = new Waits(() => 0);
    for (const pauseMs of [Number.NaN, Number.POSITIVE_INFINITY, -5])
      assert.ok(waits.next("passing", pauseMs) >= 250);
    assert.equal(waits.next("passing", 1e12), 86_400_000);
  });

  it("one that fails shortly after each start is shown as failed all the time", async () => {
    const script: Script = async function* (_, __, signal) {
      await pause(30, signal);
      yield* [] as Batch<unknown>[];
      throw new SourceError("passing", "it fails again", { retryAfterMs: 100 });
    };
    const { odd, gateway } = await start(script);
    await untilState(gateway, ["backing-off"], "odd");
    const states = new Set<string>();
    const { starts } = await odd();
    await until(async () => {
      const state = await odd();
      states.add(state.state);
      return state.starts > starts + 2;
    });
    assert.deepEqual([...states], ["backing-off"]);
  });

  const needsTopics: Script = async function* ({ topic }, cursor, signal) {
    const large = Buffer.from("x".repeat(1_200_000));
    if (cursor === undefined)
      yield {
        drafts: [
          { topic: `${topic}-a`, value: Buffer.from("1") },
          { topic: `${topic}-b`, value: large },
        ],
        cursor: 1,
      };
    await pause(60_000, signal);
  };

  it("one that needs several new topics, one after the other, gets all of them", async () => {
    const { odd } = await start(needsTopics);
    await until(async () => (await odd()).deadLetters === 1);
    assert.equal((await odd()).records, 1);
  });

  itOnDevBroker("one that needs new topics gets them while another topic has no leader", async () => {
    const lost = await broker.topic();
    broker.dev().faults.leaderless = (topic) => topic === lost;
    const { odd } = await start(needsTopics);
    await until(async () => (await odd()).deadLetters === 1);
  });

  itOnDevBroker("one that needs a topic that Kafka fails to create tries again within seconds", async () => {
    const topic = await broker.topic();
    let failures = 0;
    broker.dev().faults.response = (key, frame) =>
      key === CreateTopics.key && frame.includes(`${topic}-`) && ++failures % 2 === 1
        ? { kind: "cut", afterBytes: 0 }
        : undefined;
    const { odd } = await start(needsTopics, { topic });
    await until(async () => (await odd()).deadLetters === 1);
    assert.ok(failures > 1);
  });

  itThoroughly(
    "one that does not end does not delay the takeover of the others when its replica stops",
    async () => {
      const stuck: Source["run"] = async function* () {
        await new Promise(() => {});
        yield* [] as Batch<unknown>[];
      };
      const first = await start(stuck as never);
      await until(async () => (await sourceState(first.gateway, "good")).records > 3);
      const second = await start(stuck as never, { topic: first.topic });
      const began = Date.now();
      const stopped = first.gateway.stop();
      await until(async () => {
        const states = await Promise.all(["good", "odd"].map((name) => sourceState(second.gateway, name)));
        return states.every(({ state }) => state === "running");
      });
      assert.ok(Date.now() - began < 4500, `${Date.now() - began} ms`);
      await stopped;
    },
  );

  itOnDevBroker(
    "one whose partition has no leader begins no transaction, says so, and continues when it has one",
    async () => {
      const proxy = await startKafkaProxy(broker.addresses()[0] ?? "");
      const { odd, topic, gateway } = await start(counting(5), { brokers: [proxy.address] });
      await until(async () => (await odd()).records > 5);
      broker.dev().faults.leaderless = (name) => name === topic;
      broker.dev().faults.produce = (batch) =>
        batch.topic === topic ? { append: false, errorCode: 6 } : undefined;
      assert.match(await lastError({ odd }), /has no leader/);
      await untilState(gateway, ["backing-off"], "odd");
      const { records } = await sourceState(gateway, "good");
      await until(async () => (await sourceState(gateway, "good")).records > records + 20);
      assert.ok((proxy.counts.get(AddPartitionsToTxn.key) ?? 0) > 0);
      broker.dev().faults.clear();
      const before = (await odd()).records;
      await until(async () => (await odd()).records > before + 5, 30_000);
      await gateway.stop();
      const written = await committedNumbers(broker.addresses(), topic);
      assert.deepEqual(written, upTo(written.length));
    },
  );
});
