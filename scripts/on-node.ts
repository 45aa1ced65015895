// `npm run on-node -- VERSION COMMAND...`: runs a command with another major version of Node.js. Example:
// `npm run on-node -- 24 npm test`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { nodeOf } from "../test/support/node-versions.ts";

const [version = "", command, ...args] = process.argv.slice(2);
if (!/^\d+$/.test(version) || command === undefined) {
  console.error("Usage: npm run on-node -- VERSION COMMAND..., such as: npm run on-node -- 24 npm test");
  process.exit(2);
}
const node = await nodeOf(Number(version));
const PATH = `${path.dirname(node)}:${process.env["PATH"]}`;
const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, PATH } });
const [code] = await once(child, "exit");
process.exit(code ?? 1);
