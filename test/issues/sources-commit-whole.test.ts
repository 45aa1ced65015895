// A batch becomes visible whole or not at all: good records, dead letters and the cursor are committed together.

import { strict as assert } from "node:assert";
import type { SourceDraft } from "../../src/core/source.ts";
import { EndTxn } from "../../src/wire/messages/transaction.ts";
import { itOnDevBroker, useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";
import { startKafkaProxy } from "../support/kafka-proxy.ts";
import { committedValues, headersOf, readCommitted } from "../support/read-back.ts";
import {
  batchOf,
  pause,
  type Script,
  scripted,
  sourceState,
  storedState,
  untilState,
} from "../support/sources.ts";
import { until } from "../support/until.ts";

const draft = (topic: string, value: string | null, more: Partial<SourceDraft> = {}): SourceDraft => ({
  topic,
  value: value === null ? null : Buffer.from(value),
  ...more,
});

describe("sources commit whole batches", function () {
  this.timeout(60_000);
  const broker = useBroker();

  async function start(
    drafts: (topic: string) => readonly SourceDraft[] | Promise<readonly SourceDraft[]>,
    { rules = {}, options = {}, config = {}, brokers = broker.addresses() } = {},
  ) {
    const topic = await broker.topic({ config });
    const namespace = `ns-${topic}`;
    const script: Script = async function* (source, cursor, signal, report) {
      if (cursor === undefined) yield { drafts: await drafts(source.topic), cursor: 1 };
      for (;;) {
        report();
        await pause(1000, signal);
      }
    };
    const log = keepingLog();
    const gateway = await startTestGateway(
      brokers,
      {
        kinds: { sources: [scripted(script)] },
        kafka: { createTopics: true, namespace },
        topics: { [topic]: rules },
        sources: { in: { type: "scripted", topic, ...options } },
        files: {
          "small.json": JSON.stringify({
            type: "object",
            properties: { n: { type: "integer", maximum: 9 } },
          }),
        },
      },
      log,
      hurryingClock(),
    );
    return {
      gateway,
      topic,
      log,
      values: (name = topic) => committedValues(broker.addresses(), name),
      letters: () => readCommitted(broker.addresses(), `${topic}.dead-letter`),
      untilCommitted: () =>
        until(async () => (await storedState(broker.addresses(), namespace, "in"))?.cursor === 1, 30_000),
    };
  }

  it("bad records among good ones become dead letters in the same transaction", async () => {
    const { values, letters, untilCommitted, gateway, log, topic } = await start(
      (to) => [
        draft(to, '{"n":1}'),
        draft(to, '{"n":10}', { key: Buffer.from("k"), headers: [{ key: "h", value: Buffer.from("v") }] }),
        draft(to, "not JSON"),
        draft(to, '{"n":2}'),
        draft(to, '{"n":3}', { partition: 5 }),
        draft(to, '{"n":4}', { timestamp: Date.now() + 7 * 86_400_000 }),
      ],
      { rules: { schema: "small.json" }, config: { "message.timestamp.after.max.ms": "3600000" } },
    );
    await untilCommitted();
    assert.deepEqual(await values(), ['{"n":1}', '{"n":2}']);
    const found = await letters();
    assert.deepEqual(
      found.map(({ value }) => value?.toString()),
      ['{"n":10}', "not JSON", '{"n":3}', '{"n":4}'],
    );
    const [first] = found;
    assert.equal(first?.key?.toString(), "k");
    const headers = headersOf(first);
    assert.deepEqual(
      [headers["h"], headers["onramp.error.source"], headers["__connect.errors.topic"]],
      ["v", "in", topic],
    );
    assert.match(headers["__connect.errors.exception.message"] ?? "", /n must be <= 9/);
    assert.deepEqual(
      found.map((letter) => headersOf(letter)["__connect.errors.exception.class.name"]),
      ["SchemaViolation", "SchemaViolation", "RecordRefused", "RecordRefused"],
    );
    const { records, deadLetters, commits } = await sourceState(gateway);
    assert.deepEqual([records, deadLetters, commits], [2, 4, 1]);
    const [line, ...more] = log.lines.filter(({ event }) => event === "records became dead letters");
    assert.deepEqual([line?.fields["count"], more.length], [4, 0]);
  });

  it("keys come from the rules of the topic, and a key that cannot be computed makes a dead letter", async () => {
    const { topic, letters, untilCommitted } = await start((to) => [draft(to, '{"id":7}'), draft(to, "[")], {
      rules: { key: "$string(id)" },
    });
    await untilCommitted();
    const [record] = await readCommitted(broker.addresses(), topic);
    assert.equal(record?.key?.toString(), "7");
    assert.equal((await letters()).length, 1);
  });

  it("a filter that fails on a record makes a dead letter; a filter whose result is not true skips the record", async () => {
    const { values, letters, untilCommitted, gateway } = await start(
      (to) => [draft(to, '{"n":"x"}'), draft(to, '{"n":1}'), draft(to, '{"n":2}')],
      { options: { filter: "$number(n) > 1" } },
    );
    await untilCommitted();
    assert.deepEqual(await values(), ['{"n":2}']);
    const [letter] = await letters();
    assert.match(headersOf(letter)["__connect.errors.exception.message"] ?? "", /^filter: /);
    assert.equal((await sourceState(gateway)).skipped, 1);
  });

  const LARGE = JSON.stringify({ text: Array.from({ length: 3000 }, () => Math.random()) });

  it("a record that is too large becomes a dead letter, compressed or without its value", async () => {
    const { values, letters, untilCommitted } = await start(
      (to) => [draft(to, "1"), draft(to, LARGE), draft(to, "2")],
      { config: { "max.message.bytes": "2000" } },
    );
    await untilCommitted();
    assert.deepEqual(await values(), ["1", "2"]);
    const [letter] = await letters();
    assert.match(headersOf(letter)["__connect.errors.exception.message"] ?? "", /max.message.bytes/);
    assert.equal(letter?.value?.toString(), LARGE);
  });

  it("tooLarge: stop blocks the source, names the limit, and writes nothing", async () => {
    const { values, gateway, letters } = await start((to) => [draft(to, "1"), draft(to, LARGE)], {
      config: { "max.message.bytes": "2000" },
      options: { tooLarge: "stop" },
    });
    const { lastError } = await untilState(gateway, ["blocked"]);
    assert.match(lastError?.message ?? "", /max\.message\.bytes.*tooLarge: dead-letter/);
    assert.deepEqual([await values(), (await letters()).length], [[], 0]);
  });

  it("a batch for three topics becomes visible whole or not at all", async () => {
    const proxy = await startKafkaProxy(broker.addresses()[0] ?? "");
    const topics = [await broker.topic(), await broker.topic(), await broker.topic()];
    const seen: string[] = [];
    const look = async (): Promise<void> => {
      const counts = await Promise.all(
        topics.map(async (name) => (await committedValues(broker.addresses(), name)).length),
      );
      seen.push(counts.join());
    };
    let lost = 3;
    proxy.fault = (key) => (key === EndTxn.key && lost-- > 0 ? "lose" : undefined);
    const { untilCommitted } = await start(
      async () => {
        await look();
        return topics.flatMap((name) => [draft(name, "a"), draft(name, "b")]);
      },
      { brokers: [proxy.address] },
    );
    await untilCommitted();
    // Apache Kafka writes the markers of the partitions after its answer.
    await until(async () => {
      await look();
      return seen.at(-1) === "2,2,2";
    });
    assert.ok(lost < 0);
    assert.ok(seen.length >= 5);
    assert.deepEqual([...new Set(seen.slice(0, 4))], ["0,0,0"], "the aborted attempts are not visible");
  });

  itOnDevBroker("a batch without records commits the cursor alone", async () => {
    const { untilCommitted, gateway } = await start(() => []);
    await untilCommitted();
    const { records, commits } = await sourceState(gateway);
    assert.deepEqual([records, commits], [0, 1]);
  });

  it("a source may not write to topics that are reserved", async () => {
    const { gateway } = await start((to) => [...batchOf(`${to}.dead-letter`, [1], 1).drafts]);
    const { lastError } = await untilState(gateway, ["blocked"]);
    assert.match(lastError?.message ?? "", /dead letters.*must write to another topic/);
  });
});
