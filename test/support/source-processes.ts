// Runs gateways with sources as processes that share the sources.

import { randomUUID } from "node:crypto";
import type { SourceState } from "../../src/core/source-state.ts";
import { Fetch } from "../../src/wire/messages/fetch.ts";
import { readBatches } from "../../src/wire/record-batch-reader.ts";
import { openConnection, useBroker } from "./broker.ts";
import { type Started, startWith } from "./process.ts";
import { fetchRequest, leaderOf, readCommitted } from "./read-back.ts";
import { sourceStates } from "./sources.ts";
import { until } from "./until.ts";

/** The session time-out of the replicas, in milliseconds. */
export const SESSION_MS = 2000;

/**
 * For a suite: every test has a namespace and topics of its own. The topic of source `s` is `<namespace>-s`.
 *
 * @param options the interval of clocks; or the options of a source, without its topic
 */
export function useSourceProcesses(names: readonly string[], options: string | ((name: string) => object)) {
  const optionsOf = (name: string): object =>
    typeof options === "string" ? { type: "clock", interval: options } : options(name);
  const broker = useBroker();
  let namespace: string;
  beforeEach(() => {
    namespace = `ns-${randomUUID().slice(0, 8)}`;
  });
  const topicOf = (name: string): string => `${namespace}-${name}`;
  return {
    broker,
    topicOf,
    namespace: () => namespace,
    replica(): Promise<Started> {
      return startWith({
        kafka: {
          brokers: broker.addresses(),
          createTopics: true,
          namespace,
          sessionTimeout: `${SESSION_MS}ms`,
        },
        sources: Object.fromEntries(
          names.map((name) => [name, { ...optionsOf(name), topic: topicOf(name) }]),
        ),
      });
    },
    /** The numbers that a source has committed. */
    async numbers(name: string): Promise<number[]> {
      const records = await readCommitted(broker.addresses(), topicOf(name));
      return records.map(({ value }) => JSON.parse(value?.toString() ?? "").number);
    },
    /** The epochs of the producers of a source's batches, in the order of the log. Each owner has a higher epoch. */
    async epochs(name: string): Promise<number[]> {
      const topic = topicOf(name);
      const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
      const epochs: number[] = [];
      try {
        for (let offset = 0; ; ) {
          const answer = await connection.request(Fetch, 11, fetchRequest(topic, 0, offset), 10_000);
          const part = answer.topics[0]?.partitions[0];
          const batches = [...readBatches(part?.records ?? Buffer.alloc(0))];
          epochs.push(...batches.map(({ epoch }) => epoch));
          const last = batches.at(-1);
          if (!last) return epochs;
          offset = last.baseOffset + last.lastOffsetDelta + 1;
        }
      } finally {
        connection.close();
      }
    },
  };
}

/** The states of the sources that a replica runs now, by name; empty when it does not answer. */
export async function ownedBy(replica: Started): Promise<Map<string, SourceState>> {
  const states = await sourceStates(replica).catch(() => []);
  return new Map(states.filter(({ state }) => state === "running").map((state) => [state.name, state]));
}

/** How long a takeover may take, in milliseconds. */
export const TAKEOVER_MS = 30_000;

/** Resolves with a replica that runs a source. */
export async function ownerOf(replicas: readonly Started[]): Promise<Started> {
  let owner: Started | undefined;
  await until(async () => {
    for (const each of replicas) if ((await ownedBy(each)).size > 0) owner = each;
    return owner !== undefined;
  }, TAKEOVER_MS);
  return owner as Started;
}
