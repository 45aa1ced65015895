// Resolves jars with Maven, once, into a cache outside the work tree.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Returns the folder with the jars of a project. Takes about 10 s the first time.
 *
 * @param name of the folder in the cache
 * @param pom the file that names the jars
 * @param properties replace those of the file
 */
export async function installJars(
  name: string,
  pom: string,
  properties: Readonly<Record<string, string>> = {},
): Promise<string> {
  const hash = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 12);
  const base = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
  const libs = path.join(base, "onramp", [name, hash, ...Object.values(properties)].join("-"));
  if (existsSync(libs)) return libs;
  const partial = `${libs}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  await run("mvn", [
    "-q",
    "-B",
    "-f",
    pom,
    "dependency:copy-dependencies",
    `-DoutputDirectory=${partial}`,
    "-DincludeScope=runtime",
    ...Object.entries(properties).map(([property, value]) => `-D${property}=${value}`),
  ]);
  // Renamed when it is complete, so that an interrupted or concurrent run never leaves an incomplete cache.
  if (existsSync(libs)) rmSync(partial, { recursive: true });
  else renameSync(partial, libs);
  return libs;
}
