// The configuration of this build: loaded with its adapters, and with the log that it configures.

import { type Config, loadConfig } from "../config/load.ts";
import type { Log } from "../core/ports.ts";
import { createLog } from "../ops/log.ts";
import { slowExpressions } from "../ops/slow-expressions.ts";
import { adapters } from "./adapters.ts";

/**
 * Loads the configuration, and the log with the level that the configuration sets.
 *
 * @param file the YAML file; undefined: defaults and environment only
 * @throws ConfigError with every problem
 */
export function loadConfiguration(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): { readonly config: Config; readonly log: Log } {
  const { log, setLevel } = createLog();
  const config = loadConfig(file, env, adapters, { now: Date.now, log, onSlow: slowExpressions(log) });
  setLevel(config.log.level);
  return { config, log };
}
