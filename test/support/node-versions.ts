// Installs other versions of Node.js, from the npm packages `node-<platform>-<arch>`.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const sh = promisify(execFile);

/**
 * Installs the latest release of a major version, unless it runs this process or has been installed.
 *
 * @param major such as 24
 * @returns the path of its binary
 * @throws the error of `npm install`
 */
export async function nodeOf(major: number): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const folder = path.join(tmpdir(), `onramp-node-${major}`);
  const name = `node-${process.platform}-${process.arch}`;
  const binary = path.join(folder, "node_modules", name, "bin", "node");
  if (!existsSync(binary)) await sh("npm", ["install", "--silent", "--prefix", folder, `${name}@${major}`]);
  return binary;
}
