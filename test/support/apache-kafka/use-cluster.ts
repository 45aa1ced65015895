// Three brokers of Apache Kafka for a suite of tests, and a topic that they can truncate.

import { withAdmin } from "../broker.ts";
import { type Cluster, type KafkaBroker, startCluster } from "./cluster.ts";

/** Starts three brokers before the suite and stops them after. Brokers that a test paused or ended run again after it. */
export function useThreeBrokers(): Pick<Cluster, "brokers" | "bootstrap"> {
  let cluster: Cluster | undefined;
  const started = (): Cluster => {
    if (!cluster) throw new Error("the cluster starts before the first test");
    return cluster;
  };
  before(async () => {
    cluster = await startCluster({ brokers: 3 });
  });
  afterEach(async () => {
    for (const broker of started().brokers) broker.resume();
    await Promise.all(started().brokers.map((broker) => broker.start()));
  });
  after(() => cluster?.stop());
  return {
    get brokers() {
      return started().brokers;
    },
    get bootstrap() {
      return started().bootstrap;
    },
  };
}

/** Creates a topic of one partition, in which a replica that lacks acknowledged records may become the leader. @returns its name */
export async function createUncleanTopic(
  { bootstrap }: Pick<Cluster, "bootstrap">,
  replicas: readonly KafkaBroker[],
): Promise<string> {
  const topic = `unclean-${Date.now()}`;
  const configEntries = [
    { name: "unclean.leader.election.enable", value: "true" },
    { name: "min.insync.replicas", value: "1" },
  ];
  const replicaAssignment = [{ partition: 0, replicas: replicas.map(({ id }) => id) }];
  await withAdmin(bootstrap, (admin) =>
    admin.createTopics({ topics: [{ topic, replicaAssignment, configEntries }] }),
  );
  return topic;
}
