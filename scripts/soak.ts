// `npm run soak -- NAME`: the long versions of tests, with the counts of the issue. Without a name: the list.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const mocha = (file: string, grep?: string): string[] => [
  "mocha",
  "--no-config",
  "--import=ts-blank-space/register",
  "--exit",
  "--timeout",
  "3600000",
  ...(grep ? ["-g", grep] : []),
  file,
];
const env = { ...process.env, ONRAMP_SOAK: "1", ONRAMP_TEST_APACHE: "1" };

/** On the development broker, then on Apache Kafka. */
async function onBoth(file: string, grep: string): Promise<number> {
  const { ONRAMP_TEST_APACHE: _, ...dev } = env;
  const first = await run("npx", mocha(file, grep), dev);
  if (first !== 0) return first;
  const onKafka = [
    "--import",
    "ts-blank-space/register",
    "scripts/test-kafka.ts",
    "--timeout",
    "3600000",
    "-g",
    grep,
  ];
  return run("node", onKafka);
}

const soaks: Readonly<Record<string, () => Promise<number>>> = {
  "false-acknowledgement": () =>
    onBoth("test/no-false-acknowledgement/kafkajs-traps.test.ts", "kafkajs's traps"),
  "large-bodies": () => onBoth("test/integration/isolation.test.ts", "25 MB each"),
  ndjson: () => onBoth("test/integration/lines-memory.test.ts", "lines without end"),
  sinks: () => onBoth("test/sinks/killed.test.ts", "sinks: kill -9"),
  outage: () => run("npx", mocha("test/integration/outage.test.ts")),
  "three-brokers": () => run("npx", mocha("test/integration/three-brokers.test.ts")),
  node24,
};

const name = process.argv[2];
const soak = name === undefined ? undefined : soaks[name];
if (!soak) {
  console.log(`npm run soak -- ${Object.keys(soaks).join(" | ")}`);
  process.exit(name === undefined ? 0 : 2);
}
process.exit(await soak());

/** `npm test` on Node 24, whose binary comes from npm's `node` package; and an idle gateway on it. */
async function node24(): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), "onramp-node24-"));
  const installed = await run("npm", ["install", "--prefix", folder, "--no-save", "node@24"]);
  if (installed !== 0) return installed;
  const PATH = `${path.join(folder, "node_modules", "node", "bin")}:${process.env["PATH"]}`;
  const withNode = { ...process.env, PATH, ONRAMP_NODE24: "1" };
  await run("node", ["--version"], withNode);
  return run("npm", ["test"], withNode);
}

async function run(command: string, args: string[], environment: NodeJS.ProcessEnv = env): Promise<number> {
  const child = spawn(command, args, { stdio: "inherit", env: environment });
  const [code] = await once(child, "exit");
  return code ?? 1;
}
