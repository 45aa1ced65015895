// Blocks a sink, and checks what it reports, that its other topic is delivered meanwhile, and that it resumes.

import { strict as assert } from "node:assert";
import type { DevBroker } from "../../src/dev-broker/broker.ts";
import { allow, secureBrokers } from "./acls.ts";
import { createTopic, produceWithKafkajs, type TestBroker, useBroker } from "./broker.ts";
import { keepingLog, startTestGateway } from "./gateway.ts";
import { metric, sinkState } from "./http.ts";
import { startReceiver } from "./receiver.ts";
import { bound } from "./soak.ts";
import { until } from "./until.ts";

/** The time in which a cause must be reported. */
export const SHOWN_MS = bound(10_000, 20_000);

/** Where a cause begins. */
export interface Place {
  /** The topic that is blocked. */
  readonly topic: string;
  readonly group: string;
  readonly broker: TestBroker;
}

/** A cause that blocks a sink. */
export interface Cause {
  /** Called before the sink starts, or when it runs. */
  readonly begin: (place: Place) => unknown;
  readonly end: (place: Place) => unknown;
  /** What the error must contain: TOPIC and GROUP stand for the names. */
  readonly says: readonly (string | RegExp)[];
  /** True: the sink starts in trouble. */
  readonly atStart?: true;
  /** True: the other topic waits as well, because the whole group is blocked. */
  readonly ofGroup?: true;
  readonly kafka?: object;
}

export const dev = ({ broker }: Place): DevBroker["faults"] => broker.dev().faults;

/** For a suite: its broker, and the check of one cause. */
export function useBlockedSinks() {
  const broker = useBroker();
  let number = 0;

  async function check(cause: Cause): Promise<void> {
    const namespace = `says-${Date.now()}-${number++}`;
    const place = { topic: await broker.topic(), group: `${namespace}-sink-out`, broker };
    const other = await broker.topic();
    const receiver = await startReceiver();
    const taken = (topic: string): number =>
      receiver.taken.filter(({ headers }) => String(headers["webhook-id"]).startsWith(`${topic}-0-`)).length;
    const put = (topic: string) =>
      produceWithKafkajs(broker.addresses(), topic, [{ value: "{}", partition: 0 }]);
    const log = keepingLog();
    for (const topic of [place.topic, other])
      await createTopic(broker.addresses(), {}, `${topic}.dead-letter`);
    if (cause.kafka) await allowAll(place, other);
    if (cause.atStart) await cause.begin(place);
    const sink = { type: "webhook", url: receiver.url, topics: [place.topic, other], from: "earliest" };
    const gateway = await startTestGateway(
      cause.kafka ? secureBrokers : broker.addresses(),
      {
        kafka: { namespace, requestTimeout: "1s", ...cause.kafka },
        sinks: { out: { ...sink, allowAddresses: ["127.0.0.1/32"] } },
      },
      log,
    );
    const state = () => sinkState(gateway);
    let delivered = 0;
    if (!cause.atStart) {
      await put(place.topic);
      await put(other);
      await until(() => taken(place.topic) === 1 && taken(other) === 1);
      delivered = 1;
      await cause.begin(place);
      if (/commits/.test(cause.says.join()) || cause.says.includes("30 GROUP_AUTHORIZATION_FAILED"))
        await put(place.topic);
    }
    await until(async () => (await state()).state === "blocked", SHOWN_MS);
    const { lastError, lag, blocked } = await state();
    for (const part of cause.says) {
      const expected =
        typeof part === "string"
          ? part
              .replaceAll("TOPIC/", `${place.topic}/`)
              .replaceAll('"TOPIC"', `"${place.topic}"`)
              .replaceAll("GROUP ", `${place.group} `)
              .replace(/^GROUP$/, place.group)
          : part;
      assert.match(
        lastError.message,
        typeof expected === "string" ? new RegExp(escaped(expected)) : expected,
      );
    }
    assert.ok(blocked >= 1);
    assert.ok((await metric(gateway, "onramp_sink_partitions_blocked", { sink: "out" })) ?? 0 >= 1);
    assert.notEqual(lag, 0);
    const blockedLines = () => log.lines.filter(({ event }) => event.startsWith("reading is blocked"));
    await until(() => blockedLines().length > 0, 3000);
    if (!cause.ofGroup) {
      const before = taken(other);
      await put(other);
      await until(() => taken(other) > before, bound(2000, 10_000));
    }
    assert.ok(blockedLines().length <= 2, JSON.stringify(blockedLines()));
    await cause.end(place);
    await until(
      async () =>
        put(place.topic).then(
          () => true,
          () => false,
        ),
      30_000,
    );
    await until(() => taken(place.topic) > delivered, 40_000);
    await until(async () => (await state()).state === "running", 20_000);
    await until(() => log.lines.some(({ event }) => event === "reading is no longer blocked"), 5000);
    assert.equal(await metric(gateway, "onramp_sink_partitions_blocked", { sink: "out" }), 0);
  }

  async function allowAll({ topic, group }: Place, other: string): Promise<void> {
    await allow("limited", group, "READ", "GROUP");
    for (const name of [topic, other, `${topic}.dead-letter`, `${other}.dead-letter`])
      await allow("limited", name, "ALL");
  }

  return { broker, check };
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
