// Three brokers of Apache Kafka for a suite of tests.

import { type Cluster, startCluster } from "./cluster.ts";

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
