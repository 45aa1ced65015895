// Members of consumer groups that store the records that they receive.

import type { Log, RecordHandler } from "../../src/core/ports.ts";
import { Cluster } from "../../src/kafka/client/cluster.ts";
import { TopicMetadata } from "../../src/kafka/client/metadata.ts";
import { Consumer } from "../../src/kafka/consume/consumer.ts";
import { ReadBudget } from "../../src/kafka/consume/read-budget.ts";
import { afterTest } from "./after-test.ts";
import { produceWithKafkajs, useBroker } from "./broker.ts";
import { keepingLog } from "./gateway.ts";

/** The name of a group that no other test uses. */
export const groupName = (): string => `g-${Math.random().toString(36).slice(2)}`;

/** A read budget with the default limits. */
export const readBudget = (): ReadBudget => new ReadBudget(64 * 2 ** 20, 256 * 2 ** 20);

/** The numbers from `from` to `to` (exclusive), as text. */
export const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => String(from + n));

/** A client of the brokers, until the end of the test. */
export function startClient(brokers: readonly string[], log: Log = keepingLog()) {
  const cluster = new Cluster(
    { brokers, requestTimeoutMs: 1500, connectTimeoutMs: 2000, maxIdleMs: 120_000 },
    log,
  );
  const metadata = new TopicMetadata(cluster, log);
  cluster.start();
  afterTest(() => {
    metadata.stop();
    cluster.close();
  });
  return { cluster, metadata, log, readBudget: readBudget() };
}

/**
 * Joins a group until the end of the test, and stores the records. `stop({ leave: false })` does not leave the group, like
 * a killed process.
 */
export function startMember(
  brokers: readonly string[],
  group: string,
  topics: string[],
  from: "latest" | "earliest",
  handler: RecordHandler = async () => 1,
) {
  const log = keepingLog();
  const deps = startClient(brokers, log);
  const consumer = new Consumer(deps, { group, topics, from });
  const taken: { place: string; value: string }[] = [];
  const stopped = new AbortController();
  const done = consumer.run(async (records, ending, signal) => {
    const count = await handler(records, ending, signal);
    for (const { partition, offset, value } of records.slice(0, count))
      taken.push({ place: `${partition}/${offset}`, value: value?.toString() ?? "" });
    return count;
  }, stopped.signal);
  let over = false;
  const stop = async ({ leave = true } = {}): Promise<void> => {
    if (over) return;
    over = true;
    if (!leave) deps.cluster.close();
    stopped.abort();
    await done;
    deps.metadata.stop();
    deps.cluster.close();
  };
  afterTest(stop);
  return { consumer, taken, log, stop, deps };
}

/** For a suite: its broker, members of groups, and a producer. */
export function useGroupMembers() {
  const broker = useBroker();
  return {
    broker,
    /** As `startMember`, on the broker of the suite. */
    member(group: string, topics: string[], from: "latest" | "earliest", handler?: RecordHandler) {
      return startMember(broker.addresses(), group, topics, from, handler);
    },
    /** Produces to one partition, or to three in turn. */
    produce(topic: string, values: readonly string[], partition?: number): Promise<void> {
      const messages = values.map((value, n) => ({ value, partition: partition ?? n % 3 }));
      return produceWithKafkajs(broker.addresses(), topic, messages);
    },
  };
}
