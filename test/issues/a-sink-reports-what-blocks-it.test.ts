// Whatever keeps a sink from reading a topic is reported on /sinks, in one line of the log and as a metric. The other topic of
// the sink is delivered meanwhile, and the sink resumes when the cause is resolved.

import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import { DeleteTopics } from "../../src/wire/messages/admin.ts";
import { DeleteRecords } from "../../src/wire/messages/offsets.ts";
import { Produce } from "../../src/wire/messages/produce.ts";
import { encodeBatch } from "../../src/wire/record-batch.ts";
import { allow, deny, limitedLogin, plainBrokers, secureBrokers } from "../support/acls.ts";
import { type Cause, dev, SHOWN_MS, useBlockedSinks } from "../support/blocked-sinks.ts";
import {
  createTopic,
  describeIf,
  describeOnDevBroker,
  openConnection,
  produceOf,
  produceWithKafkajs,
} from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { sinkState } from "../support/http.ts";
import { leaderOf } from "../support/read-back.ts";
import { startReceiver } from "../support/receiver.ts";
import { wireRecord } from "../support/records.ts";
import { until } from "../support/until.ts";

const only = (topic: string) => (name: string, partition: number) => name === topic && partition === 0;

const onDevBroker: Readonly<Record<string, Cause>> = {
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
  "Fetch returns an unexpected error code": {
    begin: (place) => {
      dev(place).fetch = (topic) => (topic === place.topic ? { errorCode: 56 } : undefined);
    },
    end: (place) => dev(place).clear(),
    says: ["TOPIC/0", "56 KAFKA_STORAGE_ERROR", "Check the broker"],
  },
  "Fetch returns bytes that contain no batch": {
    begin: (place) => {
      dev(place).fetch = (topic) => (topic === place.topic ? { records: Buffer.alloc(40) } : undefined);
    },
    end: (place) => dev(place).clear(),
    says: ["TOPIC/0", "40 bytes", "kafka-consumer-groups --reset-offsets"],
  },
};

const onBoth: Readonly<Record<string, Cause>> = {
  "the topic is deleted": {
    begin: async ({ topic, broker }) => {
      const connection = await broker.connect();
      await connection.request(DeleteTopics, 3, { names: [topic], timeoutMs: 10_000 }, 15_000);
    },
    end: ({ topic, broker }) => createTopic(broker.addresses(), {}, topic),
    says: ["TOPIC/0", /3 UNKNOWN_TOPIC_OR_PARTITION/, "Recreate it"],
  },
};

const withAcls: Readonly<Record<string, Cause>> = {
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
};

describe("issue: a sink reports what blocks it", function () {
  this.timeout(90_000);
  const { broker, check } = useBlockedSinks();

  describeOnDevBroker("on the development broker", () => {
    for (const [name, cause] of Object.entries(onDevBroker)) it(name, () => check(cause));
  });
  describe("on both brokers", () => {
    for (const [name, cause] of Object.entries(onBoth)) it(name, () => check(cause));
  });
  describeIf(secureBrokers.length > 0 && plainBrokers.length > 0, "with ACLs", () => {
    for (const [name, cause] of Object.entries(withAcls)) it(name, () => check(cause));
  });

  it("a batch larger than kafka.maxUnpackedBatch is reported, and blocks only its partition", async () => {
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
