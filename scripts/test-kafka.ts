// `npm run test:kafka`: runs every suite that uses a broker on Apache Kafka. It starts Apache Kafka, unless
// ONRAMP_TEST_BROKERS names a cluster. Further arguments are passed to mocha; files replace the suites.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { startCluster } from "../test/support/apache-kafka/cluster.ts";

// The promises first: they take the longest.
const SUITES = [
  "promises",
  "issues",
  "app",
  "contract",
  "http",
  "kafka",
  "process",
  "sinks",
  "sources",
  "webhooks",
];

const given = process.env["ONRAMP_TEST_BROKERS"];
const cluster = given ? undefined : await startCluster({ brokers: 1, secure: true });
const env = {
  ...process.env,
  ...(cluster
    ? {
        ONRAMP_TEST_APACHE: "1",
        ONRAMP_TEST_BROKERS: cluster.bootstrap.join(","),
        ONRAMP_TEST_SECURE_BROKERS: cluster.secureBootstrap.join(","),
      }
    : {}),
};
const args = process.argv.slice(2);
const files = args.some((arg) => arg.startsWith("test/")) ? [] : SUITES.map((folder) => `test/${folder}`);
let code = 1;
try {
  const mocha = spawn("npx", ["mocha", "--timeout", "60000", ...args, ...files], { stdio: "inherit", env });
  [code] = await once(mocha, "exit");
} finally {
  await cluster?.stop();
}
process.exit(code);
