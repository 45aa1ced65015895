// `npm run soak -- NAME`: runs the long version of a test, with the numbers of its issue. Without NAME, it
// prints the names.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { startOlderKafka } from "../test/support/apache-kafka/older.ts";

const HOUR = "3600000";
const env = { ...process.env, ONRAMP_SOAK: "1", ONRAMP_TEST_APACHE: "1" };

const mocha = (file: string, grep = "") => run("npx", ["mocha", "--timeout", HOUR, "-g", grep, file]);

/** Runs test files that measure time, on the development broker, one file after the other. */
async function onDevBroker(files: readonly string[]): Promise<number> {
  const { ONRAMP_TEST_APACHE: _, ...dev } = env;
  for (const file of files) {
    const code = await run("npx", ["mocha", "--timeout", HOUR, file], dev);
    if (code !== 0) return code;
  }
  return 0;
}

/** Runs tests on the development broker, then on Apache Kafka. */
async function onBoth(file: string, grep = ""): Promise<number> {
  const { ONRAMP_TEST_APACHE: _, ...dev } = env;
  const args = ["--timeout", HOUR, "-g", grep, file];
  const first = await run("npx", ["mocha", ...args], dev);
  return first === 0 ? run("npm", ["run", "test:kafka", "--", ...args]) : first;
}

const PROMISES = "test/promises";
const EVENTS = `${PROMISES}/8-bounded-memory.events.test.ts`;
const POSTGRES_KILLS = `${PROMISES}/4-sources-are-exactly-once.postgres.test.ts`;

/** Runs tests on several major versions of PostgreSQL. */
async function onPostgres(versions: readonly string[], files: readonly string[]): Promise<number> {
  for (const version of versions) {
    console.log(`PostgreSQL ${version}`);
    const args = ["mocha", "--timeout", HOUR, "--jobs", "4", ...files];
    const code = await run("npx", args, { ...env, ONRAMP_TEST_POSTGRES: version });
    if (code !== 0) return code;
  }
  return 0;
}

const soaks: Readonly<Record<string, () => Promise<number>>> = {
  "false-acknowledgement": () => onBoth(`${PROMISES}/1-a-receipt-means-written.test.ts`, "kafkajs"),
  "large-bodies": () => onBoth(`${PROMISES}/8-bounded-memory.test.ts`, "25 MB each"),
  "events-idle": () => onBoth(EVENTS, "idle clients"),
  "events-stuck": () => onBoth(EVENTS, "read nothing"),
  "events-churn": () => onBoth(EVENTS, "come and go"),
  reading: () => onBoth(`${PROMISES}/8-bounded-memory.reading.test.ts`),
  "tiny-records": () => onBoth("test/issues/a-batch-of-tiny-records.test.ts"),
  sources: () => onBoth(`${PROMISES}/4-sources-are-exactly-once.test.ts`),
  "source-replicas": () => onBoth(`${PROMISES}/4-sources-are-exactly-once.replicas.test.ts`),
  polls: () => onBoth(`${PROMISES}/4-sources-are-exactly-once.polls.test.ts`),
  streams: () => onBoth(`${PROMISES}/4-sources-are-exactly-once.streams.test.ts`),
  "github-recovery": () => onBoth("test/webhooks/github-recovery.test.ts", "recovers each failed one once"),
  postgres: () => onPostgres(["14", "17", "18"], [POSTGRES_KILLS]),
  "postgres-kafka": () => onBoth(POSTGRES_KILLS),
  "postgres-versions": onVersions,
  "source-brokers": () => mocha(`${PROMISES}/4-sources-are-exactly-once.three-brokers.test.ts`),
  "source-takeover": () => onBoth("test/issues/sources-take-over.many.test.ts"),
  "older-transactions": onOlderKafka,
  "older-kafka": () => mocha("test/issues/kafka-versions-are-negotiated.test.ts", "older Apache Kafka"),
  attacks: () =>
    onDevBroker(["test/issues/attacks-with-records.test.ts", "test/issues/attacks-with-connections.test.ts"]),
  /** Seeds are printed; ONRAMP_FUZZ_SEED begins with another one. */
  fuzz: () => mocha("test/issues/decoders-survive-any-bytes.test.ts"),
  fairness: () => onBoth("test/kafka/consume/fairness.test.ts"),
  "idle-sink": () => onBoth("test/process/idle-sink.test.ts"),
  "blocked-sinks": () => onBoth("test/issues/a-sink-reports-what-blocks-it.test.ts"),
  "blocked-groups": () => onBoth("test/issues/a-sink-reports-what-blocks-its-group.test.ts"),
  "lost-coordinator": () => mocha(`${PROMISES}/6-nothing-is-dropped-silently.three-brokers.test.ts`),
  ndjson: () => onBoth(`${PROMISES}/8-bounded-memory.test.ts`, "MB of lines"),
  sinks: () => onBoth(`${PROMISES}/6-nothing-is-dropped-silently.killed.test.ts`),
  stateless: () => onBoth(`${PROMISES}/9-stateless.test.ts`),
  isolation: () => mocha(`${PROMISES}/7-isolation.test.ts`),
  start: () => mocha("test/process/command-line.test.ts"),
  "reader-gone": () => mocha("test/process/reader-gone.test.ts"),
  outage: () => mocha(`${PROMISES}/2-an-error-says-what-is-known.outage.test.ts`),
  "three-brokers": () => mocha(`${PROMISES}/1-a-receipt-means-written.three-brokers.test.ts`),
  /** With the test of an idle gateway. */
  node24: () =>
    run("npm", ["run", "on-node", "--", "24", "npm", "test"], { ...process.env, ONRAMP_NODE24: "1" }),
};

/** PostgreSQL 14 has neither column lists nor numeric(5,-2), which some tests use. */
async function onVersions(): Promise<number> {
  const files = ["test/sources/postgres"];
  const first = await onPostgres(["14"], ["-i", "-g", "Debezium|that the publication has", ...files]);
  return first === 0 ? onPostgres(["16", "18"], files) : first;
}

const name = process.argv[2];
const soak = name === undefined ? undefined : soaks[name];
if (!soak) {
  console.log(`npm run soak -- ${Object.keys(soaks).join(" | ")}`);
  process.exit(name === undefined ? 0 : 2);
}
process.exit(await soak());

/** Runs the tests of transactions and sources on Apache Kafka 3.9. */
async function onOlderKafka(): Promise<number> {
  const { address, stop } = await startOlderKafka("3.9.1");
  const files = [
    "test/kafka/produce/transaction.test.ts",
    "test/issues/sources-take-over.test.ts",
    "test/issues/sources-commit-whole.test.ts",
    "test/sources",
    "test/promises/4-sources-are-exactly-once.test.ts",
  ];
  const environment = { ...process.env, ONRAMP_TEST_BROKERS: address, ONRAMP_TEST_OLDER: "1" };
  try {
    return await run("npx", ["mocha", "--timeout", "120000", ...files], environment);
  } finally {
    await stop();
  }
}

async function run(command: string, args: string[], environment: NodeJS.ProcessEnv = env): Promise<number> {
  const child = spawn(command, args, { stdio: "inherit", env: environment });
  const [code] = await once(child, "exit");
  return code ?? 1;
}
