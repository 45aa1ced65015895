// Whatever keeps a sink from reading or committing shows on /sinks, in one line of the log and as a metric; the other
// topic of the sink is delivered meanwhile, and the sink continues by itself when the trouble is over.

import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import type { DevBroker } from "../../src/dev-broker/broker.ts";
import { KafkaCode } from "../../src/wire/error-codes.ts";
import { DeleteTopics } from "../../src/wire/messages/admin.ts";
import { DeleteRecords } from "../../src/wire/messages/offsets.ts";
import { Produce } from "../../src/wire/messages/produce.ts";
import { encodeBatch } from "../../src/wire/record-batch.ts";
import { allow, deny, limitedLogin, plainBrokers, secureBrokers } from "../support/acls.ts";
import {
  createTopic,
  describeIf,
  describeOnDevBroker,
  openConnection,
  produceOf,
  produceWithKafkajs,
  type TestBroker,
  useBroker,
} from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { startMember } from "../support/group-members.ts";
import { metric, sinkState } from "../support/http.ts";
import { leaderOf } from "../support/read-back.ts";
import { startReceiver } from "../support/receiver.ts";
import { wireRecord } from "../support/records.ts";
import { bound } from "../support/soak.ts";
import { until } from "../support/until.ts";

/** The time in which a trouble must show. */
const SHOWN_MS = bound(10_000, 20_000);

interface Place {
  /** The topic in trouble, and its name in messages. */
  readonly topic: string;
  readonly group: string;
  readonly broker: TestBroker;
}

interface Trouble {
  /** Called before the sink starts, or when it runs. */
  readonly begin: (place: Place) => unknown;
  readonly end: (place: Place) => unknown;
  /** What the error must contain. */
  readonly says: readonly (string | RegExp)[];
  /** True: the sink starts in trouble. */
  readonly atStart?: true;
  /** True: the other topic waits as well, because the trouble is that of the group. */
  readonly ofGroup?: true;
  readonly kafka?: object;
}

const dev = ({ broker }: Place): DevBroker["faults"] => broker.dev().faults;
const only = (topic: string) => (name: string, partition: number) => name === topic && partition === 0;

const onDevBroker: Readonly<Record<string, Trouble>> = {
  "the ACL Read is removed": {
    begin: (place) => {
      dev(place).fetch = (topic) => (topic === place.topic ? { errorCode: 29 } : undefined);
    },
    end: (place) => dev(place).clear(),
    says: ["TOPIC/0", "29 TOPIC_AUTHORIZATION_FAILED", 'ACL "Read" on topic "TOPIC"'],
  },
  "the ACL Describe is missing at the start": {
    atStart: true,
    begin: (place) => {
      dev(place).topic = (topic) => (topic === place.topic ? 29 : undefined);
    },
    end: (place) => dev(place).clear(),
    says: ['"TOPIC"', "29 TOPIC_AUTHORIZATION_FAILED", '"Read" and "Describe"'],
  },
  "a partition has no leader at the start": {
    atStart: true,
    begin: (place) => {
      dev(place).leaderless = only(place.topic);
    },
    end: (place) => dev(place).clear(),
    says: ["TOPIC/0", "no leader", "Check the brokers"],
  },
  "a partition loses its leader": {
    begin: (place) => {
      dev(place).leaderless = only(place.topic);
    },
    end: (place) => dev(place).clear(),
    says: ["TOPIC/0", /5 LEADER_NOT_AVAILABLE|6 NOT_LEADER/, "Check the brokers"],
  },
  "the group has no coordinator at the start": {
    atStart: true,
    ofGroup: true,
    begin: (place) => {
      dev(place).coordinator = () => KafkaCode.COORDINATOR_NOT_AVAILABLE;
    },
    end: (place) => dev(place).clear(),
    says: ["GROUP", "15 COORDINATOR_NOT_AVAILABLE", "__consumer_offsets"],
  },
  "commits are refused": {
    ofGroup: true,
    begin: (place) => {
      dev(place).commit = () => KafkaCode.GROUP_AUTHORIZATION_FAILED;
    },
    end: (place) => dev(place).clear(),
    says: ["TOPIC/0", "30 GROUP_AUTHORIZATION_FAILED", 'ACL "Read" on the consumer group'],
  },
  "Fetch answers with a code that nobody expects": {
    begin: (place) => {
      dev(place).fetch = (topic) => (topic === place.topic ? { errorCode: 56 } : undefined);
    },
    end: (place) => dev(place).clear(),
    says: ["TOPIC/0", "56 KAFKA_STORAGE_ERROR", "Check the broker"],
  },
  "Fetch answers with bytes that contain no batch": {
    begin: (place) => {
      dev(place).fetch = (topic) => (topic === place.topic ? { records: Buffer.alloc(40) } : undefined);
    },
    end: (place) => dev(place).clear(),
    says: ["TOPIC/0", "40 bytes", "kafka-consumer-groups --reset-offsets"],
  },
};

const onBoth: Readonly<Record<string, Trouble>> = {
  "the topic is deleted": {
    begin: async ({ topic, broker }) => {
      const connection = await broker.connect();
      await connection.request(DeleteTopics, 3, { names: [topic], timeoutMs: 10_000 }, 15_000);
    },
    end: ({ topic, broker }) => createTopic(broker.addresses(), {}, topic),
    says: ["TOPIC/0", /3 UNKNOWN_TOPIC_OR_PARTITION/, "Create it again"],
  },
  "another member joins and leaves again and again": {
    ofGroup: true,
    begin: ({ topic, group, broker }) => {
      const state = { running: true };
      restless.set(group, state);
      void (async () => {
        while (state.running) {
          const { consumer, stop } = startMember(broker.addresses(), group, [topic], "earliest");
          await until(() => consumer.isAssigned || !state.running).catch(() => {});
          await stop();
        }
      })();
    },
    end: ({ group }) => {
      const state = restless.get(group);
      if (state) state.running = false;
    },
    says: ["GROUP", "again and again", "kafka-consumer-groups --describe --members"],
  },
};
const restless = new Map<string, { running: boolean }>();

const withAcls: Readonly<Record<string, Trouble>> = {
  "the ACL of the topic is removed (Apache Kafka)": {
    kafka: limitedLogin,
    begin: ({ topic }) => deny("limited", topic, "ALL"),
    end: ({ topic }) => allow("limited", topic, "ALL"),
    says: ["TOPIC/0", "29 TOPIC_AUTHORIZATION_FAILED", 'ACL "Read" on topic "TOPIC"'],
  },
  "the ACL of the topic is missing at the start (Apache Kafka)": {
    atStart: true,
    kafka: limitedLogin,
    begin: ({ topic }) => deny("limited", topic, "ALL"),
    end: ({ topic }) => allow("limited", topic, "ALL"),
    says: ['"TOPIC"', "29 TOPIC_AUTHORIZATION_FAILED", '"Read" and "Describe"'],
  },
  "only the ACL Describe exists at the start (Apache Kafka)": {
    atStart: true,
    kafka: limitedLogin,
    begin: async ({ topic }) => {
      await deny("limited", topic, "ALL");
      await allow("limited", topic, "DESCRIBE");
    },
    end: ({ topic }) => allow("limited", topic, "READ"),
    says: ["TOPIC/0", "29 TOPIC_AUTHORIZATION_FAILED", 'ACL "Read" on topic "TOPIC"'],
  },
  "the ACL of the group is missing at the start (Apache Kafka)": {
    atStart: true,
    ofGroup: true,
    kafka: limitedLogin,
    begin: ({ group }) => deny("limited", group, "READ", "GROUP"),
    end: ({ group }) => allow("limited", group, "READ", "GROUP"),
    says: ["GROUP", "30 GROUP_AUTHORIZATION_FAILED", 'ACL "Read"'],
  },
};

describe("issue: a sink says what stops it", function () {
  this.timeout(90_000);
  const broker = useBroker();
  let number = 0;

  async function check(trouble: Trouble): Promise<void> {
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
    if (trouble.kafka) await allowAll(place, other);
    if (trouble.atStart) await trouble.begin(place);
    const sink = { type: "webhook", url: receiver.url, topics: [place.topic, other], from: "earliest" };
    const gateway = await startTestGateway(
      trouble.kafka ? secureBrokers : broker.addresses(),
      {
        kafka: { namespace, requestTimeout: "1s", ...trouble.kafka },
        sinks: { out: { ...sink, allowAddresses: ["127.0.0.1/32"] } },
      },
      log,
    );
    const state = () => sinkState(gateway);
    let delivered = 0;
    if (!trouble.atStart) {
      await put(place.topic);
      await put(other);
      await until(() => taken(place.topic) === 1 && taken(other) === 1);
      delivered = 1;
      await trouble.begin(place);
      if (/commits/.test(trouble.says.join()) || trouble.says.includes("30 GROUP_AUTHORIZATION_FAILED"))
        await put(place.topic);
    }
    await until(async () => (await state()).state === "blocked", SHOWN_MS);
    const { lastError, lag, blocked } = await state();
    for (const part of trouble.says) {
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
    if (!trouble.ofGroup) {
      const before = taken(other);
      await put(other);
      await until(() => taken(other) > before, bound(2000, 10_000));
    }
    assert.ok(blockedLines().length <= 2, JSON.stringify(blockedLines()));
    await trouble.end(place);
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

  describeOnDevBroker("on the development broker", () => {
    for (const [name, trouble] of Object.entries(onDevBroker)) it(name, () => check(trouble));
  });
  describe("on both brokers", () => {
    for (const [name, trouble] of Object.entries(onBoth)) it(name, () => check(trouble));
  });
  describeIf(secureBrokers.length > 0 && plainBrokers.length > 0, "with ACLs", () => {
    for (const [name, trouble] of Object.entries(withAcls)) it(name, () => check(trouble));
  });

  it("a batch larger than kafka.maxUnpackedBatch is named, and holds up only its partition", async () => {
    const [topic, other] = [await broker.topic(), await broker.topic()];
    const receiver = await startReceiver();
    const gateway = await startTestGateway(broker.addresses(), {
      kafka: { namespace: `large-${Date.now()}`, createTopics: true, maxUnpackedBatch: "1MB" },
      sinks: {
        out: {
          type: "webhook",
          url: receiver.url,
          topics: [topic, other],
          from: "earliest",
          allowAddresses: ["127.0.0.1/32"],
        },
      },
    });
    const compression = { attribute: 1, compress: (bytes: Buffer) => gzipSync(bytes) } as const;
    const batch = encodeBatch([wireRecord("x".repeat(2_000_000))], undefined, compression);
    const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
    await connection.request(Produce, 8, produceOf(topic, batch), 10_000);
    connection.close();
    await until(async () => (await sinkState(gateway)).state === "blocked", SHOWN_MS);
    assert.match(
      (await sinkState(gateway)).lastError.message,
      new RegExp(`${topic}/0 can't be read at offset 0: .*maxUnpackedBatch`),
    );
    await produceWithKafkajs(broker.addresses(), other, [{ value: "{}" }]);
    await until(() => receiver.taken.length === 1);
    const request = { topics: [{ name: topic, partitions: [{ partition: 0, offset: 1 }] }], timeoutMs: 5000 };
    await (await openConnection(await leaderOf(broker.addresses(), topic, 0))).request(
      DeleteRecords,
      1,
      request,
      5000,
    );
    await until(async () => (await sinkState(gateway)).state === "running", 30_000);
  });
});

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
