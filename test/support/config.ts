// The configuration, loaded as `onramp` loads it, with a log that keeps nothing.

import { adapters } from "../../src/app/adapters.ts";
import { type Config, loadConfig } from "../../src/config/load.ts";
import type { Log } from "../../src/core/ports.ts";

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** @param now milliseconds since 1970; the system's time by default */
export function loadTestConfig(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  log: Log = SILENT,
  now: () => number = Date.now,
): Config {
  return loadConfig(file, env, adapters, { now, log, onSlow() {} });
}
