// The PostgreSQL that the tests start, and the user that it runs as.

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { onApacheKafka } from "../broker.ts";
import {
  fillOnce,
  installedPostgres,
  installPostgres,
  linkLibraries,
  type NativePackage,
} from "./install.ts";

const run = promisify(execFile);
const DEBIAN = "/usr/lib/postgresql";

/** The user and group of the server's processes; empty: those of the tests. */
export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

/** `initdb` and `postgres` of one version. */
export interface Binaries {
  readonly folder: string;
  /** The major version. */
  readonly version: number;
  readonly user: ServerUser;
}

const found = new Map<number | undefined, Promise<Binaries>>();

/**
 * Returns Debian's PostgreSQL with ONRAMP_TEST_POSTGRES=debian and on Apache Kafka, otherwise the one from npm. With a major version in
 * ONRAMP_TEST_POSTGRES, that is the default.
 *
 * @param wanted the major version; default: Debian's newest, or the one of the development dependency
 */
export function findBinaries(wanted?: number): Promise<Binaries> {
  const version = wanted ?? (Number(process.env["ONRAMP_TEST_POSTGRES"]) || undefined);
  const binaries = found.get(version) ?? find(version);
  found.set(version, binaries);
  return binaries;
}

async function find(version: number | undefined): Promise<Binaries> {
  const debian = debianBinaries(version);
  if (debian) return probe(debian);
  const installed = installedPostgres();
  if (version === undefined || version === Number.parseInt(installed.version, 10)) return usable(installed);
  return usable(await installPostgres(version));
}

/** The folder of Debian's binaries, if they are to be used and there are some. */
function debianBinaries(version: number | undefined): string | undefined {
  const required = process.env["ONRAMP_TEST_POSTGRES"] === "debian";
  if (!required && !onApacheKafka) return undefined;
  const majors = existsSync(DEBIAN) ? readdirSync(DEBIAN).map(Number) : [];
  const folder = path.join(DEBIAN, `${version ?? Math.max(0, ...majors)}`, "bin");
  if (existsSync(path.join(folder, "postgres"))) return folder;
  if (required && version === undefined) throw new Error(`there is no PostgreSQL in ${DEBIAN}`);
  return undefined;
}

/**
 * The binaries of a package. They are copied when they do not run: a package installed with --ignore-scripts has no links to
 * its libraries, and the server's user may not be permitted to read the package's folder.
 */
async function usable({ folder, version }: NativePackage): Promise<Binaries> {
  try {
    return await probe(path.join(folder, "native/bin"));
  } catch {
    const name = `onramp-postgres-${process.platform}-${process.arch}-${version}`;
    const copy = await fillOnce(path.join(tmpdir(), name), async (partial) => {
      await run("cp", ["-R", path.join(folder, "native"), partial]);
      linkLibraries(partial);
      await run("chmod", ["-R", "a+rX", partial]);
    });
    return probe(path.join(copy, "native/bin"));
  }
}

/** Runs `postgres --version` as the server's user. @throws when that user cannot run it */
async function probe(folder: string): Promise<Binaries> {
  const user = serverUser();
  const { stdout } = await run(path.join(folder, "postgres"), ["--version"], { cwd: "/", ...user });
  return { folder, version: Number(/\) (\d+)/.exec(stdout)?.[1]), user };
}

/** PostgreSQL refuses to run as root: then it runs as the user `postgres`, or as 65534 if there is no such user. */
function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return {};
  const [, uid = "65534", gid = "65534"] =
    /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8")) ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}
