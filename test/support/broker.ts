// The broker that a suite runs on: the development broker, or the cluster that ONRAMP_TEST_BROKERS names.

import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import kafkajs from "kafkajs";
import { after, before } from "mocha";
import { DevBroker, type DevBrokerOptions } from "../../src/dev-broker/broker.ts";
import { Connection } from "../../src/kafka/client/connection.ts";
import { NO_ID } from "../../src/wire/codec.ts";
import { CreateTopics } from "../../src/wire/messages/admin.ts";
import { Metadata } from "../../src/wire/messages/cluster.ts";
import { ListOffsets } from "../../src/wire/messages/offsets.ts";
import { afterTest } from "./after-test.ts";

const external = process.env["ONRAMP_TEST_BROKERS"]?.split(",").filter(Boolean) ?? [];

/** True when the suites run on Apache Kafka. */
export const onApacheKafka = external.length > 0;

/** True when a suite may start further clusters of Apache Kafka (`npm run test:kafka`). */
export const mayStartApacheKafka = process.env["ONRAMP_TEST_APACHE"] === "1";

type Suite = (this: Mocha.Suite) => void;

/** A test that needs the development broker, mostly for its faults; pending on Apache Kafka. */
export function itOnDevBroker(title: string, test: Mocha.AsyncFunc): void {
  (onApacheKafka ? it.skip : it)(title, test);
}

/** A test that needs Apache Kafka; pending on the development broker. */
export function itOnApacheKafka(title: string, test: Mocha.AsyncFunc): void {
  (onApacheKafka ? it : it.skip)(title, test);
}

/**
 * Whether tests run that take long: in CI, in a soak and on Apache Kafka, but not in `npm test`, which is to end within two
 * minutes.
 */
export const thorough = onApacheKafka || process.env["CI"] === "true" || process.env["ONRAMP_SOAK"] === "1";

/** A test that takes long; see `thorough`. */
export function itThoroughly(title: string, test: Mocha.AsyncFunc): void {
  (thorough ? it : it.skip)(title, test);
}

/** As `itOnDevBroker`, for a suite. */
export function describeOnDevBroker(title: string, suite: Suite): void {
  describeIf(!onApacheKafka, title, suite);
}

/** A suite that is pending unless `condition` holds. */
export function describeIf(condition: boolean, title: string, suite: Suite): void {
  (condition ? describe : describe.skip)(title, suite);
}

export interface TopicOptions {
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, string>>;
}

/** A broker in use by a suite. */
export interface TestBroker {
  /** `host:port` of every broker. */
  addresses(): string[];
  /** The development broker. Throws when the suite runs on another broker. */
  dev(): DevBroker;
  /** Creates a topic with a unique name. */
  topic(options?: TopicOptions): Promise<string>;
  /** A raw connection, closed after the suite. */
  connect(): Promise<Connection>;
  /** A kafkajs client of this broker that logs nothing. */
  kafkajs(): kafkajs.Kafka;
}

/** Starts (or finds) the broker before the suite and stops it after. Faults are cleared after each test. */
export function useBroker(): TestBroker {
  let broker: DevBroker | undefined;
  const connections: Connection[] = [];
  before(async () => {
    if (onApacheKafka) return;
    broker = new DevBroker();
    await broker.start();
  });
  afterEach(() => broker?.faults.clear());
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
    topic: (options) => createTopic(test.addresses(), options),
    async connect() {
      const connection = await openConnection(test.addresses()[0] ?? "");
      connections.push(connection);
      return connection;
    },
    kafkajs: () => quietKafka(test.addresses()),
  };
  return test;
}

/** A development broker for one test, on a free port. */
export async function startDevBroker(options?: DevBrokerOptions): Promise<DevBroker> {
  const broker = new DevBroker(options);
  await broker.start();
  afterTest(() => broker.stop());
  return broker;
}

/** A kafkajs client that logs nothing. */
export function quietKafka(brokers: string[]): kafkajs.Kafka {
  return new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 10 } });
}

/** Calls `use` with kafkajs's admin client, connected. */
export async function withAdmin<T>(brokers: string[], use: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
  const admin = quietKafka(brokers).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Produces with kafkajs, in one request. */
export async function produceWithKafkajs(
  brokers: string[],
  topic: string,
  messages: kafkajs.Message[],
  options: kafkajs.ProducerConfig = {},
): Promise<void> {
  const producer = quietKafka(brokers).producer({ allowAutoTopicCreation: false, ...options });
  await producer.connect();
  try {
    await producer.send({ topic, messages });
  } finally {
    await producer.disconnect();
  }
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
    await untilLed(connection, name, partitions);
    return name;
  } finally {
    connection.close();
  }
}

/** The body of a Metadata request about topics; null: all of them. */
export const metadataOf = (names: readonly string[] | null) => ({
  topics: names?.map((name) => ({ topicId: NO_ID, name })) ?? null,
  allowAutoTopicCreation: false,
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
});

/** The body of a ListOffsets request about one partition. */
export const listOffsetsOf = (name: string, timestamp: number, partition = 0) => ({
  replicaId: -1,
  isolationLevel: 0,
  topics: [{ name, partitions: [{ partition, currentLeaderEpoch: -1, timestamp }] }],
});

/** The body of a Produce request for one partition. */
export const produceOf = (name: string, records: Buffer | null, { partition = 0, acks = -1 } = {}) => ({
  transactionalId: null,
  acks,
  timeoutMs: 5000,
  topics: [{ name, partitions: [{ partition, records }] }],
});

/** Resolves when the topic has this number of partitions, and all of them have leaders. */
export async function untilLed(connection: Connection, name: string, partitions: number): Promise<void> {
  while (!(await hasLeaders(connection, name, partitions))) await delay(10);
}

/** True when every leader accepts requests: metadata may name a leader that has not taken over yet. */
async function hasLeaders(connection: Connection, name: string, partitions: number): Promise<boolean> {
  const { topics, brokers } = await connection.request(Metadata, 7, metadataOf([name]), 5000);
  const seen = topics[0]?.partitions ?? [];
  if (seen.length !== partitions) return false;
  for (const { partition, leader } of seen) {
    const node = brokers.find(({ nodeId }) => nodeId === leader);
    if (!node) return false;
    const direct = await openConnection(`${node.host}:${node.port}`);
    const latest = listOffsetsOf(name, -1, partition);
    const answer = await direct.request(ListOffsets, 5, latest, 5000).finally(() => direct.close());
    if (answer.topics[0]?.partitions[0]?.errorCode !== 0) return false;
  }
  return true;
}

export function openConnection(address: string): Promise<Connection> {
  const [host = "", port = ""] = address.split(":");
  return Connection.open({ host, port: Number(port), connectTimeoutMs: 5000 });
}
