// Metadata, versions and administration: the same on the development broker and on Apache Kafka.

import { strict as assert } from "node:assert";
import type { Connection } from "../../../src/kafka/client/connection.ts";
import {
  AlterConfigs,
  CreatePartitions,
  CreateTopics,
  DeleteTopics,
  DescribeConfigs,
  IncrementalAlterConfigs,
} from "../../../src/wire/messages/admin.ts";
import { ApiVersions, FindCoordinator, Metadata } from "../../../src/wire/messages/cluster.ts";
import { metadataOf, useBroker } from "../../support/broker.ts";
import { until } from "../../support/until.ts";

const TOPIC = 2;

describe("conformance: cluster and topics", () => {
  const broker = useBroker();
  let connection: Connection;
  before(async () => {
    connection = await broker.connect();
  });

  const metadata = (names: string[] | null, version = 7) =>
    connection.request(Metadata, version, metadataOf(names), 5000);
  const create = async (
    name: string,
    extra: {
      partitions?: number;
      replicationFactor?: number;
      configs?: { name: string; value: string | null }[];
      validateOnly?: boolean;
    } = {},
  ) => {
    const topic = {
      name,
      partitions: extra.partitions ?? 1,
      replicationFactor: extra.replicationFactor ?? 1,
      assignments: [],
      configs: extra.configs ?? [],
    };
    const answer = await connection.request(
      CreateTopics,
      4,
      { topics: [topic], timeoutMs: 5000, validateOnly: extra.validateOnly ?? false },
      10_000,
    );
    return answer.topics[0]?.errorCode;
  };
  const describeConfigs = async (name: string) => {
    const answer = await connection.request(
      DescribeConfigs,
      1,
      { resources: [{ type: TOPIC, name, keys: null }], includeSynonyms: false },
      5000,
    );
    const [resource] = answer.resources;
    return {
      errorCode: resource?.errorCode,
      values: new Map(resource?.configs.map((config) => [config.name, config.value])),
    };
  };

  for (const version of [0, 1, 2, 3]) {
    it(`answers ApiVersions v${version}`, async () => {
      const answer = await connection.request(
        ApiVersions,
        version,
        { software: "onramp-test", softwareVersion: "1" },
        5000,
      );
      assert.equal(answer.errorCode, 0);
      assert.ok(answer.apiKeys.some(({ apiKey }) => apiKey === Metadata.key));
    });
  }

  it("answers an ApiVersions request of an unknown version with error 35, in version 0", async () => {
    const other = await broker.connect();
    const answer = await other.request(
      {
        ...ApiVersions,
        response: {
          ...ApiVersions.response,
          read: (reader) => ApiVersions.response.read(Object.assign(reader, { flexible: false }), 0),
        },
      },
      99,
      { software: "x", softwareVersion: "1" },
      5000,
    );
    assert.equal(answer.errorCode, 35);
  });

  it("offers every version of an API that Onramp uses", async () => {
    const { apiKeys } = await connection.request(ApiVersions, 0, { software: "", softwareVersion: "" }, 5000);
    const range = new Map(
      apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion] as const]),
    );
    for (const [key, version] of [
      [0, 8],
      [1, 11],
      [2, 5],
      [3, 7],
      [19, 4],
      [22, 1],
      [32, 1],
    ] as const) {
      const [min = 99, max = -1] = range.get(key) ?? [];
      assert.ok(min <= version && version <= max, `API ${key} v${version} is not in ${min}-${max}`);
    }
  });

  for (const version of [0, 1, 4, 5, 7, 8, 9, 10, 12]) {
    it(`describes a topic in Metadata v${version}`, async () => {
      const name = await broker.topic({ partitions: 3 });
      const answer = await metadata([name], version);
      const [topic] = answer.topics;
      assert.equal(topic?.errorCode, 0);
      assert.deepEqual(topic?.partitions.map(({ partition }) => partition).sort(), [0, 1, 2]);
      assert.ok(answer.brokers.some(({ nodeId }) => nodeId === topic?.partitions[0]?.leader));
    });
  }

  it("answers 3 for an unknown topic beside a known one, and does not create it", async () => {
    const name = await broker.topic();
    for (let n = 0; n < 2; n++) {
      const answer = await metadata([name, "surely-not-there"]);
      const codes = new Map(answer.topics.map((topic) => [topic.name, topic.errorCode]));
      assert.deepEqual([codes.get(name), codes.get("surely-not-there")], [0, 3]);
    }
  });

  it("answers 17 for an invalid name", async () => {
    assert.equal((await metadata(["a b"])).topics[0]?.errorCode, 17);
  });

  it("lists all topics for a null list", async () => {
    const name = await broker.topic();
    assert.ok((await metadata(null)).topics.some((topic) => topic.name === name));
  });

  it("creates a topic once and answers 36 afterwards", async () => {
    const name = `created-${Date.now()}`;
    assert.equal(await create(name), 0);
    assert.equal(await create(name), 36);
  });

  it("refuses to create a topic with a bad name, partition count, replication or configuration", async () => {
    assert.equal(await create("a b"), 17);
    assert.equal(await create(`p-${Date.now()}`, { partitions: 0 }), 37);
    assert.equal(await create(`r-${Date.now()}`, { replicationFactor: 9 }), 38);
    assert.equal(await create(`c-${Date.now()}`, { configs: [{ name: "no.such.config", value: "1" }] }), 40);
  });

  it("creates a topic with the broker's defaults for -1, and none with validateOnly", async () => {
    const name = `defaults-${Date.now()}`;
    assert.equal(await create(name, { partitions: -1, replicationFactor: -1, validateOnly: true }), 0);
    assert.equal((await metadata([name])).topics[0]?.errorCode, 3);
    assert.equal(await create(name, { partitions: -1, replicationFactor: -1 }), 0);
    // A broker knows the topic a moment after the controller has answered.
    await until(async () => (await metadata([name])).topics[0]?.errorCode === 0);
    assert.equal((await metadata([name])).topics[0]?.partitions.length, 1);
  });

  it("deletes a topic, which is unknown afterwards", async () => {
    const name = await broker.topic();
    const remove = async () =>
      (await connection.request(DeleteTopics, 3, { names: [name], timeoutMs: 5000 }, 10_000)).topics[0]
        ?.errorCode;
    assert.equal(await remove(), 0);
    await until(async () => (await metadata([name])).topics[0]?.errorCode === 3);
    assert.equal(await remove(), 3);
  });

  it("adds partitions, and refuses to reduce their number", async () => {
    const name = await broker.topic({ partitions: 2 });
    const widen = async (count: number) =>
      (
        await connection.request(
          CreatePartitions,
          1,
          { topics: [{ name, count, assignments: null }], timeoutMs: 5000, validateOnly: false },
          10_000,
        )
      ).topics[0]?.errorCode;
    assert.equal(await widen(4), 0);
    await until(async () => (await metadata([name])).topics[0]?.partitions.length === 4);
    assert.equal(await widen(1), 37);
  });

  it("describes the configuration of a topic: its own values and the defaults", async () => {
    const name = await broker.topic({ config: { "max.message.bytes": "12345" } });
    const { values } = await describeConfigs(name);
    assert.equal(values.get("max.message.bytes"), "12345");
    assert.equal(values.get("cleanup.policy"), "delete");
    assert.equal(values.get("message.timestamp.after.max.ms"), "3600000");
  });

  it("answers 3 for the configuration of an unknown topic", async () => {
    assert.equal((await describeConfigs("surely-not-there")).errorCode, 3);
  });

  it("replaces all configurations with AlterConfigs and one with IncrementalAlterConfigs", async () => {
    const name = await broker.topic({ config: { "retention.ms": "1000" } });
    const alter = {
      resources: [{ type: TOPIC, name, configs: [{ name: "max.message.bytes", value: "2000" }] }],
      validateOnly: false,
    };
    assert.equal((await connection.request(AlterConfigs, 1, alter, 5000)).resources[0]?.errorCode, 0);
    const step = {
      resources: [
        { type: TOPIC, name, configs: [{ name: "segment.bytes", operation: 0, value: "20000000" }] },
      ],
      validateOnly: false,
    };
    assert.equal(
      (await connection.request(IncrementalAlterConfigs, 0, step, 5000)).resources[0]?.errorCode,
      0,
    );
    // A broker of Apache Kafka applies the change after the controller has answered.
    await until(async () => (await describeConfigs(name)).values.get("segment.bytes") === "20000000");
    const { values } = await describeConfigs(name);
    assert.deepEqual(
      [values.get("retention.ms"), values.get("max.message.bytes"), values.get("segment.bytes")],
      ["604800000", "2000", "20000000"],
    );
  });

  it("finds the coordinator of a group", async () => {
    const answer = await connection.request(FindCoordinator, 2, { key: "some-group", keyType: 0 }, 5000);
    assert.ok(answer.errorCode === 0 || answer.errorCode === 15, `error ${answer.errorCode}`);
  });
});
