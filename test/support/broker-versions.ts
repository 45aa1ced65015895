// The versions of each API that brokers offer, as their sources and their ApiVersions responses show: Apache Kafka's
// message definitions per release, Redpanda's request handlers, and what clients of Azure Event Hubs have logged.

const APIS = [
  "Produce",
  "Fetch",
  "ListOffsets",
  "Metadata",
  "OffsetCommit",
  "OffsetFetch",
  "FindCoordinator",
  "JoinGroup",
  "Heartbeat",
  "LeaveGroup",
  "SyncGroup",
  "DescribeGroups",
  "ListGroups",
  "SaslHandshake",
  "ApiVersions",
  "CreateTopics",
  "DeleteTopics",
  "InitProducerId",
  "OffsetForLeaderEpoch",
  "DescribeConfigs",
  "SaslAuthenticate",
] as const;
const KEYS = [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 32, 36];

/** Per broker, the versions in the order of `APIS`; "-" for an API that it does not offer. */
const TABLES = {
  "Apache Kafka 0.11": "0-3 0-5 0-2 0-4 0-3 0-3 0-1 0-2 0-1 0-1 0-1 0-1 0-1 0-0 0-1 0-2 0-1 0-0 0-0 0-0 -",
  "Apache Kafka 1.0": "0-5 0-6 0-2 0-5 0-3 0-3 0-1 0-2 0-1 0-1 0-1 0-1 0-1 0-1 0-1 0-2 0-1 0-0 0-0 0-0 0-0",
  "Apache Kafka 2.3": "0-7 0-11 0-5 0-8 0-7 0-5 0-2 0-5 0-3 0-2 0-3 0-3 0-2 0-1 0-2 0-3 0-3 0-1 0-3 0-2 0-1",
  "Apache Kafka 2.4": "0-8 0-11 0-5 0-9 0-8 0-6 0-3 0-6 0-4 0-4 0-4 0-5 0-3 0-1 0-3 0-5 0-4 0-2 0-3 0-2 0-1",
  "Apache Kafka 2.7": "0-8 0-12 0-5 0-9 0-8 0-7 0-3 0-7 0-4 0-4 0-5 0-5 0-4 0-1 0-3 0-6 0-5 0-4 0-3 0-3 0-2",
  "Apache Kafka 3.9":
    "0-11 0-17 0-9 0-12 0-9 0-9 0-6 0-9 0-4 0-5 0-5 0-5 0-5 0-1 0-4 0-7 0-6 0-5 0-4 0-4 0-2",
  "Apache Kafka 4.3":
    "0-13 4-18 1-11 0-13 2-10 1-10 0-6 0-9 0-4 0-5 0-5 0-6 0-5 0-1 0-4 2-7 1-6 0-5 2-4 1-4 0-2",
  "Redpanda 22": "0-7 4-11 0-4 0-7 1-7 1-7 0-3 0-5 0-3 0-2 0-3 0-4 0-3 0-1 0-3 0-6 0-4 0-1 0-3 0-2 0-1",
  "Azure Event Hubs": "0-7 4-6 0-8 0-5 0-8 0-8 0-4 0-9 0-4 0-5 0-5 0-5 0-4 0-1 0-3 0-7 0-6 0-1 0-0 - 0-1",
} as const;

export type BrokerName = keyof typeof TABLES;
export const brokerNames = Object.keys(TABLES) as BrokerName[];

/** The versions that a broker offers, by the key of the API. @param except APIs that are left out */
export function brokerVersions(
  name: BrokerName,
  except: readonly (typeof APIS)[number][] = [],
): Map<number, readonly [number, number]> {
  const versions = new Map<number, readonly [number, number]>();
  for (const [n, range] of TABLES[name].split(" ").entries()) {
    const [lowest, highest] = range.split("-").map(Number);
    const [api, key] = [APIS[n], KEYS[n]];
    if (range === "-" || api === undefined || key === undefined || except.includes(api)) continue;
    versions.set(key, [lowest ?? 0, highest ?? 0]);
  }
  return versions;
}
