// `npm run test:kafka`: runs every test that uses a broker on Apache Kafka. It starts Apache Kafka, unless
// ONRAMP_TEST_BROKERS names a cluster. Further arguments are passed to mocha; files replace the suites.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { startCluster } from "../test/support/apache-kafka/cluster.ts";

// The promises first: they take the longest.
const SUITES = ["promises", "issues", "app", "contract", "http", "kafka", "sinks", "sources", "webhooks"];

/** Tests of processes that depend on the broker. The others have the same result with any broker. */
const PROCESSES = ["idle-sink", "lifecycle", "tail-and-produce"].map(
  (name) => `test/process/${name}.test.ts`,
);
const BROKER = path.resolve("test/support/broker.ts");

const imports = new Map<string, boolean>();

/** Whether a file imports the broker of the tests, directly or through other files of the tests. */
function usesBroker(file: string): boolean {
  if (file === BROKER) return true;
  if (!imports.has(file)) {
    // A file that is imported again while its own imports are followed adds nothing.
    imports.set(file, false);
    const found = readFileSync(file, "utf8").matchAll(
      /^(?:import|export)(?! type)[^;]*? from "(\.[^"]+\.ts)"/gms,
    );
    const files = Array.from(found, ([, name = ""]) => path.resolve(path.dirname(file), name));
    imports.set(
      file,
      files.some((each) => each.startsWith(path.resolve("test")) && usesBroker(each)),
    );
  }
  return imports.get(file) === true;
}

function testsOf(folder: string): string[] {
  const files = readdirSync(`test/${folder}`, { recursive: true, encoding: "utf8" });
  const tests = files.filter((file) => file.endsWith(".test.ts")).map((file) => `test/${folder}/${file}`);
  return tests.sort().filter((file) => usesBroker(path.resolve(file)));
}

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
const files = args.some((arg) => arg.startsWith("test/")) ? [] : [...SUITES.flatMap(testsOf), ...PROCESSES];
let code = 1;
try {
  const mocha = spawn("npx", ["mocha", "--timeout", "60000", ...args, ...files], { stdio: "inherit", env });
  [code] = await once(mocha, "exit");
} finally {
  await cluster?.stop();
}
process.exit(code);
