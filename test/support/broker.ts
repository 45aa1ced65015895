// The broker that a suite runs on: the development broker, or the cluster that ONRAMP_TEST_BROKERS names.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import kafkajs from "kafkajs";
import { after, before } from "mocha";
import { DevBroker } from "../../src/dev-broker/broker.ts";
import { Connection } from "../../src/kafka/client/connection.ts";
import { CreateTopics } from "../../src/wire/messages/admin.ts";
import { Metadata } from "../../src/wire/messages/cluster.ts";
import { ListOffsets } from "../../src/wire/messages/offsets.ts";

const external = process.env["ONRAMP_TEST_BROKERS"]?.split(",").filter(Boolean) ?? [];

/** True when the suites run on Apache Kafka. */
export const onApacheKafka = external.length > 0;

export interface TopicOptions {
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
}

/** A broker in use by a suite. */
export interface TestBroker {
  /** `host:port` of every broker. */
  addresses(): string[];
  /** The development broker; throws on another one. */
  dev(): DevBroker;
  /** Creates a topic with a name of its own. */
  topic(options?: TopicOptions): Promise<string>;
  /** A raw connection, closed after the suite. */
  connect(): Promise<Connection>;
  /** kafkajs, quiet, on this broker. */
  kafkajs(): kafkajs.Kafka;
}

/** Starts (or finds) the broker before the suite and stops it after. */
export function useBroker(): TestBroker {
  let broker: DevBroker | undefined;
  const connections: Connection[] = [];
  before(async () => {
    if (onApacheKafka) return;
    broker = new DevBroker();
    await broker.start();
  });
  after(async () => {
    for (const connection of connections) connection.close();
    await broker?.stop();
  });
  const test: TestBroker = {
    addresses: () => (broker ? [broker.address] : external),
    dev() {
      if (!broker) throw new Error("this test needs the development broker");
      return broker;
    },
    topic: ({ partitions = 1, config = {} } = {}) => createTopic(test.addresses(), { partitions, config }),
    async connect() {
      const connection = await openConnection(test.addresses()[0] ?? "");
      connections.push(connection);
      return connection;
    },
    kafkajs: () => quietKafka(test.addresses()),
  };
  return test;
}

/** A kafkajs client that logs nothing. */
export function quietKafka(brokers: string[]): kafkajs.Kafka {
  return new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 10 } });
}

/** Creates a topic and waits until its leaders are known. */
export async function createTopic(
  brokers: string[],
  { partitions = 1, config = {} }: TopicOptions = {},
  name = `t-${randomUUID()}`,
): Promise<string> {
  const connection = await openConnection(brokers[0] ?? "");
  try {
    const configs = Object.entries(config).map(([key, value]) => ({ name: key, value }));
    const topic = { name, partitions, replicationFactor: -1, assignments: [], configs };
    const created = await connection.request(
      CreateTopics,
      4,
      { topics: [topic], timeoutMs: 10_000, validateOnly: false },
      15_000,
    );
    if (created.topics[0]?.errorCode !== 0)
      throw new Error(`creating ${name}: ${created.topics[0]?.errorMessage}`);
    while (!(await led(connection, name, partitions))) await delay(10);
    return name;
  } finally {
    connection.close();
  }
}

/** True when every partition has a leader that knows it is one: metadata is ahead of the brokers for a moment. */
async function led(connection: Connection, name: string, partitions: number): Promise<boolean> {
  const body = {
    topics: [{ name }],
    allowAutoTopicCreation: false,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  };
  const { topics, brokers } = await connection.request(Metadata, 7, body, 5000);
  const seen = topics[0]?.partitions ?? [];
  if (seen.length !== partitions) return false;
  for (const { partition, leader } of seen) {
    const node = brokers.find(({ nodeId }) => nodeId === leader);
    if (!node) return false;
    const direct = await openConnection(`${node.host}:${node.port}`);
    const ask = {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name, partitions: [{ partition, currentLeaderEpoch: -1, timestamp: -1 }] }],
    };
    const answer = await direct.request(ListOffsets, 5, ask, 5000).finally(() => direct.close());
    if (answer.topics[0]?.partitions[0]?.errorCode !== 0) return false;
  }
  return true;
}

export function openConnection(address: string): Promise<Connection> {
  const [host = "", port = ""] = address.split(":");
  return Connection.open({ host, port: Number(port), connectTimeoutMs: 5000 });
}
