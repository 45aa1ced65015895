// Resolves Apache Kafka's jars with Maven, once, into a cache outside the work tree.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const pom = path.join(import.meta.dirname, "pom.xml");

/**
 * Returns the folder with the jars. Takes about 10 s the first time.
 *
 * @param kafkaVersion default: the version in pom.xml
 */
export async function installKafka(kafkaVersion?: string): Promise<string> {
  const hash = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 12);
  const version = kafkaVersion === undefined ? hash : `${hash}-${kafkaVersion}`;
  const base = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
  const libs = path.join(base, "onramp", `apache-kafka-${version}`);
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
    ...(kafkaVersion === undefined ? [] : [`-Dkafka.version=${kafkaVersion}`]),
  ]);
  // Renamed when it is complete, so that an interrupted or concurrent run never leaves an incomplete cache.
  if (existsSync(libs)) rmSync(partial, { recursive: true });
  else renameSync(partial, libs);
  return libs;
}
