// A source that throws, hangs, ends, yields without progress, or has no topic is reported, does not affect others, and continues
// by itself.

import { strict as assert } from "node:assert";
import { statePartition } from "../../src/app/state-topic.ts";
import { SourceError } from "../../src/core/source.ts";
import { encodeState } from "../../src/core/source-state.ts";
import { type Clock, systemClock } from "../../src/core/time.ts";
import { itOnDevBroker, itThoroughly, useBroker, withAdmin } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { post, untilReady } from "../support/http.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";
import { acceptedRecord } from "../support/segments.ts";
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
import { startTransactions } from "../support/transactional-producers.ts";
import { until } from "../support/until.ts";

describe("sources continue by themselves", function () {
  this.timeout(60_000);
  const broker = useBroker();

  /** A gateway with a source `bad` of the test and a source `good`, which counts. */
  async function start(script: Script, more = {}, options: object = {}, clock: Clock = hurryingClock()) {
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
    /** The other source and HTTP continue. */
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
    const [line, ...more] = events(log, "source is blocked; Onramp tries it again about once a minute");
    assert.match(String(line?.fields["reason"]), /Set a new one with apiKey/);
    assert.equal(more.length, 0);
  });

  it("while an operator must act: from a cursor that was set in the meantime", async () => {
    const script: Script = async function* (...args) {
      if (args[1] === undefined) throw new SourceError("blocked", "Set a cursor.");
      yield* counting()(...args);
    };
    // The pause after a failure lasts until the cursor was set.
    let isSet = false;
    const sleep: Clock["sleep"] = async (_, signal) => {
      while (!isSet) await systemClock.sleep(5, signal);
    };
    const { numbers, gateway, topic } = await start(script, {}, {}, { now: Date.now, sleep });
    await untilState(gateway, ["blocked"], "bad");
    // As `onramp sources set` does it.
    const { producer } = await startTransactions(broker.addresses(), `ns-${topic}-source-bad`);
    const value = encodeState({ type: "bad", cursorVersion: 1, cursor: 41 });
    const record = acceptedRecord(value, { key: Buffer.from("bad"), partition: statePartition("bad") });
    await producer.commit([{ topic: `ns-${topic}.sources`, record }]);
    isSet = true;
    await until(async () => (await numbers()).length >= 2);
    assert.deepEqual((await numbers()).slice(0, 2), [42, 43]);
  });

  it("after the wait that the other system asks for", async () => {
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

  itThoroughly("when it hangs: it is reported and started again, also if it ignores its signal", async () => {
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

  it("while they report progress or a next run, which does not count as a hang", async () => {
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
    const { numbers, gateway } = await start(quiet, { maxSilenceMs: 400 }, {}, systemClock);
    await until(async () => (await sourceState(gateway, "bad")).lag === 3);
    const { nextRun, quotaRemaining } = await sourceState(gateway, "bad");
    assert.ok(Date.parse(nextRun ?? "") > Date.now());
    assert.equal(quotaRemaining, 25);
    await until(async () => (await numbers()).length === 1);
    assert.equal((await sourceState(gateway, "bad")).starts, 1);
  });

  it("when they end, although a source must not end", async () => {
    const ends: Script = async function* ({ topic }) {
      yield batchOf(topic, [{ n: 1 }], 1);
    };
    const { numbers, log } = await start(faulty(ends));
    await until(async () => (await numbers()).length >= 3);
    assert.match(String(events(log, "source failed; Onramp starts it again")[0]?.fields["reason"]), /ended/);
  });

  it("when one yields without a pause: the event loop stays free, and other sources continue", async () => {
    const flood: Script = async function* ({ topic }, cursor) {
      for (let n = (cursor ?? 0) + 1; ; n++) yield batchOf(topic, [{ n }], n);
    };
    const { numbers, othersGoOn } = await start(flood);
    await othersGoOn();
    await until(async () => (await numbers()).length > 20);
  });

  it("when one yields empty batches without a pause: it is reported, and does not keep the process busy", async () => {
    const nothing: Script = async function* () {
      for (;;) yield { drafts: [], cursor: 7 };
    };
    const { othersGoOn, gateway, log } = await start(nothing, {}, {}, systemClock);
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

  it("and are shown in /readyz when they fail; /readyz stays 200", async () => {
    const { gateway } = await start(
      () => {
        throw new SourceError("blocked", "Set a key.");
      },
      {},
      {},
      systemClock,
    );
    await Promise.all([untilState(gateway, ["blocked"], "bad"), untilState(gateway, ["running"], "good")]);
    const answer = await fetch(`${gateway.adminUrl}/readyz`);
    const { parts } = (await answer.json()) as { parts: { sources: object } };
    assert.equal(answer.status, 200);
    assert.deepEqual(parts.sources, { ready: true, detail: "1 blocked: bad; 1 running" });
  });

  it("when one yields something other than drafts: it is reported, and nothing is written", async () => {
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

  it("and write records with an invalid timestamp or partition as dead letters", async () => {
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
    const { gateway, numbers, topic } = await start(counting(5), {}, {}, systemClock);
    await until(async () => (await numbers()).length >= 3);
    await withAdmin(broker.addresses(), (admin) => admin.deleteTopics({ topics: [`ns-${topic}.sources`] }));
    const { commits } = await sourceState(gateway, "bad");
    await until(async () => (await sourceState(gateway, "bad")).commits > commits + 10, 40_000);
    const written = await numbers();
    assert.deepEqual(written, upTo(written.length));
  });

  itOnDevBroker(
    "when the state topic is deleted during a transaction: it is created again, and the cursor in memory is used",
    async () => {
      const { gateway, numbers, topic } = await start(counting(5), {}, {}, systemClock);
      await until(async () => (await numbers()).length >= 3);
      broker.dev().faults.produce = ({ topic: name }) =>
        name === `ns-${topic}.sources` ? { append: false, errorCode: 7 } : undefined;
      await withAdmin(broker.addresses(), (admin) => admin.deleteTopics({ topics: [`ns-${topic}.sources`] }));
      broker.dev().faults.clear();
      const { commits } = await sourceState(gateway, "bad");
      await until(async () => (await sourceState(gateway, "bad")).commits > commits + 10, 40_000);
      const written = await numbers();
      assert.deepEqual(written, upTo(written.length));
    },
  );

  it("and create a topic that a batch names, if kafka.createTopics allows it", async () => {
    const { topic: base, gateway } = await start(async function* ({ topic }, _, signal) {
      yield batchOf(`${topic}-later`, [{ n: 1 }], 1);
      await pause(60_000, signal);
    });
    await until(async () => (await sourceState(gateway, "bad")).records === 1);
    assert.deepEqual(await committedNumbers(broker.addresses(), `${base}-later`), [1]);
  });
});
