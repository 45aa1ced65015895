// Other versions of Node.js, from npm's packages of its binaries.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const sh = promisify(execFile);

/** Installs a version of Node.js, once per machine. @param major such as 24 @returns the path of its binary */
export async function nodeOf(major: number): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const folder = path.join(tmpdir(), `onramp-node-${major}`);
  const name = `node-${process.platform}-${process.arch}`;
  const binary = path.join(folder, "node_modules", name, "bin", "node");
  if (!existsSync(binary)) await sh("npm", ["install", "--silent", "--prefix", folder, `${name}@${major}`]);
  return binary;
}
