// A source that throws, hangs, ends, yields without progress, or has no topic is reported, does not affect others, and continues
// by itself.

import { strict as assert } from "node:assert";
import { SourceError } from "../../src/core/source.ts";
import { useBroker, withAdmin } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { post, untilReady } from "../support/http.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";
import {
  batchOf,
  committedNumbers,
  counting,
  pause,
  type Script,
  scripted,
  sourceState,
  sourceStates,
  untilState,
  upTo,
} from "../support/sources.ts";
import { until } from "../support/until.ts";

describe("sources continue by themselves", function () {
  this.timeout(60_000);
  const broker = useBroker();

  /** A gateway with a source `bad` of the test and a source `good`, which counts. */
  async function start(script: Script, more = {}, options: object = {}, clock = hurryingClock()) {
    const [topic, goodTopic] = [await broker.topic(), await broker.topic()];
    const log = keepingLog();
    const gateway = await startTestGateway(
      broker.addresses(),
      {
        kinds: { sources: [scripted(script, more, "bad"), scripted(counting(), {}, "good")] },
        kafka: { createTopics: true, namespace: `ns-${topic}` },
        sources: {
          bad: { type: "bad", topic, ...options },
          good: { type: "good", topic: goodTopic },
        },
      },
      log,
      clock,
    );
    const numbers = () => committedNumbers(broker.addresses(), topic);
    /** The other source, HTTP and the API go on. */
    const othersGoOn = async (): Promise<void> => {
      const { records } = await sourceState(gateway, "good");
      await until(async () => (await sourceState(gateway, "good")).records > records + 5);
      assert.equal((await sourceState(gateway, "good")).starts, 1);
      assert.equal((await post(gateway, `/topics/${goodTopic}`, undefined, "{}")).status, 200);
    };
    return { gateway, log, topic, numbers, othersGoOn };
  }
  /** Runs `fault` in the first run, then counts. */
  const faulty = (fault: Script): Script => {
    let runs = 0;
    return (...args) => (runs++ === 0 ? fault(...args) : counting()(...args));
  };
  const events = (log: ReturnType<typeof keepingLog>, event: string) =>
    log.lines.filter((line) => line.event === event && line.fields["source"] === "bad");

  it("after an error, from the last cursor, with one line in the log", async () => {
    let runs = 0;
    const script: Script = async function* (source, cursor, signal, report) {
      const run = ++runs;
      if (run === 2 || run === 3) throw new Error("the API is still down");
      for await (const batch of counting(1)(source, cursor, signal, report)) {
        yield batch;
        if (run === 1 && batch.cursor === 3) throw new Error("the API is down");
      }
    };
    const { numbers, gateway, log, othersGoOn } = await start(script);
    await until(async () => (await numbers()).length >= 10);
    const written = await numbers();
    assert.deepEqual(written, upTo(written.length));
    assert.equal((await sourceState(gateway, "bad")).lastError, null);
    const [failed] = events(log, "source failed; Onramp starts it again");
    assert.match(String(failed?.fields["reason"]), /the API is down/);
    assert.equal(events(log, "source failed; Onramp starts it again").length, 1);
    assert.equal(events(log, "source runs again").length, 1);
    await othersGoOn();
  });

  it("after an error before the first batch, and when `run` itself throws", async () => {
    let runs = 0;
    const { numbers } = await start((...args) => {
      runs++;
      if (runs === 1) throw new Error("run threw");
      return counting()(...args);
    });
    await until(async () => (await numbers()).length >= 3);
  });

  it("while an operator must act: it is blocked with the next step, and is tried again", async () => {
    let attempts = 0;
    const script: Script = async function* (...args) {
      if (attempts++ < 3) throw new SourceError("blocked", "The key was revoked. Set a new one with apiKey.");
      yield* counting()(...args);
    };
    const { numbers, gateway, log } = await start(script);
    await until(async () => (await numbers()).length >= 3);
    assert.equal((await sourceState(gateway, "bad")).starts, 4);
    const [line, ...more] = events(log, "source is blocked; it continues when the cause is resolved");
    assert.match(String(line?.fields["reason"]), /Set a new one with apiKey/);
    assert.equal(more.length, 0);
  });

  it("waits as long as the other system asks for", async () => {
    const clock = hurryingClock();
    let failedAt = 0;
    let startedAt = 0;
    const script: Script = async function* (...args) {
      if (failedAt === 0) {
        failedAt = clock.now();
        throw new SourceError("passing", "429", { retryAfterMs: 120_000 });
      }
      startedAt ||= clock.now();
      yield* counting()(...args);
    };
    const { numbers } = await start(script, {}, {}, clock);
    await until(async () => (await numbers()).length >= 1);
    assert.ok(startedAt - failedAt >= 120_000);
  });

  it("when it hangs: it is reported and started again, also if it ignores its signal", async () => {
    const hang: Script = async function* ({ topic }) {
      yield batchOf(topic, [{ n: 1 }], 1);
      await new Promise(() => {});
    };
    const { numbers, log, othersGoOn, gateway } = await start(faulty(hang), { maxSilenceMs: 500 });
    await othersGoOn();
    await until(async () => (await numbers()).length >= 5, 30_000);
    const written = await numbers();
    assert.deepEqual(written, upTo(written.length));
    const [line] = events(log, "source failed; Onramp starts it again");
    assert.match(String(line?.fields["reason"]), /hangs.*last cursor/);
    assert.equal((await sourceState(gateway, "bad")).starts, 2);
  });

  it("is not taken for hung while it reports that it is alive, or says when it will run next", async () => {
    const quiet: Script = async function* ({ topic }, _, signal, report) {
      for (let n = 0; n < 10; n++) {
        report();
        await pause(100, signal);
      }
      report({ nextRunAt: Date.now() + 60_000, lag: 3, quotaRemaining: 25 });
      await pause(1000, signal);
      yield batchOf(topic, [{ n: 1 }], 1);
      await pause(60_000, signal);
    };
    const { numbers, gateway } = await start(quiet, { maxSilenceMs: 400 }, {}, undefined);
    await until(async () => (await sourceState(gateway, "bad")).lag === 3);
    const { nextRun, quotaRemaining } = await sourceState(gateway, "bad");
    assert.ok(Date.parse(nextRun ?? "") > Date.now());
    assert.equal(quotaRemaining, 25);
    await until(async () => (await numbers()).length === 1);
    assert.equal((await sourceState(gateway, "bad")).starts, 1);
  });

  it("when it ends, although it should not", async () => {
    const ends: Script = async function* ({ topic }) {
      yield batchOf(topic, [{ n: 1 }], 1);
    };
    const { numbers, log } = await start(faulty(ends));
    await until(async () => (await numbers()).length >= 3);
    assert.match(String(events(log, "source failed; Onramp starts it again")[0]?.fields["reason"]), /ended/);
  });

  it("when it yields without end: the event loop stays free, and the others go on", async () => {
    const flood: Script = async function* ({ topic }, cursor) {
      for (let n = (cursor ?? 0) + 1; ; n++) yield batchOf(topic, [{ n }], n);
    };
    const { numbers, othersGoOn } = await start(flood);
    await othersGoOn();
    await until(async () => (await numbers()).length > 20);
  });

  it("when it yields nothing without end: it is reported, and does not keep the process busy", async () => {
    const nothing: Script = async function* () {
      for (;;) yield { drafts: [], cursor: 7 };
    };
    const { othersGoOn, gateway, log } = await start(nothing, {}, {}, undefined);
    await untilState(gateway, ["backing-off"], "bad");
    await othersGoOn();
    const [line] = events(log, "source failed; Onramp starts it again");
    assert.match(String(line?.fields["reason"]), /without a record and without a new cursor/);
    assert.ok((await sourceState(gateway, "bad")).commits <= 5);
  });

  it("when its topic is missing: the commands that create it are shown, and it continues once it exists", async () => {
    const topic = `missing-${Date.now()}`;
    const script: Script = async function* (_, ...args) {
      yield* counting()({ name: "bad", topic }, ...args);
    };
    const gateway = await startTestGateway(
      broker.addresses(),
      {
        kinds: { sources: [scripted(script, { topics: [] }, "bad"), scripted(counting(), {}, "good")] },
        kafka: { createTopics: true, namespace: `ns-${topic}` },
        sources: { good: { type: "good", topic: await broker.topic() } },
      },
      keepingLog(),
    );
    await untilReady(gateway);
    await gateway.stop();
    // The state topic exists now; the next gateway may not create topics.
    const strict = await startTestGateway(
      broker.addresses(),
      {
        kinds: { sources: [scripted(script, { topics: [] }, "bad")] },
        kafka: { namespace: `ns-${topic}` },
        sources: { bad: { type: "bad", topic } },
      },
      keepingLog(),
      hurryingClock(),
    );
    const { lastError } = await untilState(strict, ["blocked"]);
    assert.match(lastError?.message ?? "", /Topics are missing.*kafka-topics .*--create --topic missing-/s);
    await withAdmin(broker.addresses(), (admin) =>
      admin.createTopics({ topics: [{ topic }], waitForLeaders: true }),
    );
    await until(async () => (await committedNumbers(broker.addresses(), topic)).length >= 3, 30_000);
    assert.deepEqual(
      (await sourceStates(strict)).map(({ state }) => state),
      ["running"],
    );
  });

  it("shows which sources fail in /readyz, which stays ready", async () => {
    const { gateway } = await start(
      () => {
        throw new SourceError("blocked", "Set a key.");
      },
      {},
      {},
      undefined,
    );
    await untilState(gateway, ["blocked"], "bad");
    const answer = await fetch(`${gateway.adminUrl}/readyz`);
    const { parts } = (await answer.json()) as { parts: { sources: object } };
    assert.equal(answer.status, 200);
    assert.deepEqual(parts.sources, { ready: true, detail: "1 blocked: bad; 1 running" });
  });

  it("when it yields something else than drafts: it is reported, and nothing is written", async () => {
    const garbage: Script = async function* ({ topic }) {
      yield { drafts: [{ topic, value: "text" as unknown as Buffer }], cursor: 1 };
    };
    const { log, numbers } = await start(faulty(garbage));
    await until(async () => (await numbers()).length >= 3);
    assert.match(
      String(events(log, "source failed; Onramp starts it again")[0]?.fields["reason"]),
      /not a Buffer/,
    );
    assert.deepEqual((await numbers()).slice(0, 3), [1, 2, 3]);
  });

  it("writes timestamps and partitions that are none as dead letters", async () => {
    const { gateway } = await start(async function* ({ topic }, _, signal) {
      const value = Buffer.from("1");
      const odd = [
        { timestamp: Number.NaN },
        { timestamp: 1.5 },
        { timestamp: -1 },
        { partition: -1 },
        { partition: 0.5 },
      ];
      yield { drafts: odd.map((more) => ({ topic, value, ...more })), cursor: 1 };
      await pause(60_000, signal);
    });
    await until(async () => (await sourceState(gateway, "bad")).deadLetters === 5);
  });

  it("when the state topic is deleted: it is created again, and the cursor in memory is used", async () => {
    const { gateway, numbers, topic } = await start(counting(5), {}, {}, undefined);
    await until(async () => (await numbers()).length >= 3);
    await withAdmin(broker.addresses(), (admin) => admin.deleteTopics({ topics: [`ns-${topic}.sources`] }));
    const { commits } = await sourceState(gateway, "bad");
    await until(async () => (await sourceState(gateway, "bad")).commits > commits + 10, 40_000);
    const written = await numbers();
    assert.deepEqual(written, upTo(written.length));
  });

  it("creates a topic that appears while it runs, if it may", async () => {
    const { topic: base, gateway } = await start(async function* ({ topic }, _, signal) {
      yield batchOf(`${topic}-later`, [{ n: 1 }], 1);
      await pause(60_000, signal);
    });
    await until(async () => (await sourceState(gateway, "bad")).records === 1);
    assert.deepEqual(await committedNumbers(broker.addresses(), `${base}-later`), [1]);
  });
});
