// `npm run test:contract`: tests a gateway with the documents of the contract that it serves. Schemathesis generates valid and
// invalid requests, and checks the responses; schemathesis.toml configures it. It is installed from PyPI, into a virtual
// environment in the folder for temporary files.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { writeConfig } from "../test/support/gateway.ts";
import { launch } from "../test/support/process.ts";

const VERSION = "4.32.5";
/** Per operation and phase; the whole run takes less than a minute. */
const EXAMPLES = 30;

const environment = path.join(tmpdir(), `onramp-schemathesis-${VERSION}`);
const schemathesis = path.join(environment, "bin", "schemathesis");

/** Resolves with the exit code of a command. */
async function run(command: string, ...args: readonly string[]): Promise<number> {
  // Otherwise Python would write compiled hooks into the tree.
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1" };
  const [code] = await once(spawn(command, args, { stdio: "inherit", env }), "exit");
  return code ?? 1;
}

async function install(): Promise<void> {
  const pip = path.join(environment, "bin", "pip");
  const failed =
    (await run("python3", "-m", "venv", environment)) ||
    (await run(pip, "install", "--quiet", "--disable-pip-version-check", `schemathesis==${VERSION}`));
  if (failed)
    throw new Error("Schemathesis cannot be installed. Install Python 3 with venv, and check pip's index.");
}

if (!existsSync(schemathesis)) await install();
// Without the broker's limit for timestamps in the future, which the contract does not contain.
const config = { "message.timestamp.after.max.ms": String(Number.MAX_SAFE_INTEGER) };
const file = writeConfig({
  topics: {
    orders: { schema: "orders.json", key: "orderId", config },
    events: { partitions: 3, config },
  },
  http: { tickets: { secret: "a secret of at least 32 characters" } },
  webhooks: { github: { type: "github", secrets: ["a secret for tests"], topic: "events" } },
  files: { "orders.json": JSON.stringify({ type: "object", required: ["orderId"] }) },
});
const gateway = await launch(["start", "--dev", "--config", file]);
let code = 0;
try {
  const options = ["--checks", "all", "--max-examples", String(EXAMPLES), "--no-color"];
  for (const name of ["openapi.yaml", "openapi-compat.yaml"])
    code ||= await run(schemathesis, "run", `${gateway.apiUrl}/${name}`, ...options);
} finally {
  await gateway.end();
}
process.exit(code);
