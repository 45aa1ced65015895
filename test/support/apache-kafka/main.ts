// `npm run kafka -- [--brokers 1|3] [--secure]`: Apache Kafka in the foreground, until Ctrl-C.

import { parseArgs } from "node:util";
import { startCluster } from "./cluster.ts";

const { values } = parseArgs({
  options: { brokers: { type: "string", default: "1" }, secure: { type: "boolean", default: false } },
});
if (values.brokers !== "1" && values.brokers !== "3") throw new Error("--brokers takes 1 or 3");
const cluster = await startCluster({ brokers: values.brokers === "3" ? 3 : 1, secure: values.secure });
console.log(`KAFKA_BROKERS=${cluster.bootstrap.join(",")}`);
if (values.secure) console.log(`SASL_SSL: ${cluster.secureBootstrap.join(",")}`);
console.log(`data and logs: ${cluster.dir}`);
const stop = (): void => void cluster.stop().then(() => process.exit(0));
process.once("SIGINT", stop).once("SIGTERM", stop);
