// `npm run test:kafka`: the conformance and integration suites on Apache Kafka. Starts what it needs, unless
// ONRAMP_TEST_BROKERS names a cluster of yours. Further arguments go to mocha.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { startCluster } from "../test/support/apache-kafka/cluster.ts";

const SUITES = [
  "test/conformance/**/*.test.ts",
  "test/no-false-acknowledgement/**/*.test.ts",
  "test/http/**/*.test.ts",
  "test/webhooks/**/*.test.ts",
  "test/sinks/**/*.test.ts",
  "test/integration/**/*.test.ts",
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
const args = [
  "--no-config",
  "--extension",
  "ts",
  "--import=ts-blank-space/register",
  "--exit",
  "--timeout",
  "60000",
  "--forbid-only",
  "--reporter",
  "test/support/reporter.cjs",
];
let code = 1;
try {
  const mocha = spawn("npx", ["mocha", ...args, ...process.argv.slice(2), ...SUITES], {
    stdio: "inherit",
    env,
  });
  [code] = await once(mocha, "exit");
} finally {
  await cluster?.stop();
}
process.exit(code);
