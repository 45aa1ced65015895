// Loads the configuration with the adapters of this build, creates the log, and sets the proxies of the process.

import { type Config, loadConfig } from "../config/load.ts";
import type { Log } from "../core/ports.ts";
import { createLog } from "../ops/log.ts";
import { slowExpressions } from "../ops/slow-expressions.ts";
import { useProxyVariables } from "../web/environment-proxy.ts";
import { adapters } from "./adapters.ts";

/**
 * Loads the configuration, and creates the log with the configured level.
 *
 * @param file the YAML file; undefined: defaults and environment only
 * @throws ConfigError with all problems
 */
export function loadConfiguration(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): { readonly config: Config; readonly log: Log } {
  useProxyVariables(env);
  const { log, setLevel } = createLog();
  const config = loadConfig(file, env, adapters, { now: Date.now, log, onSlow: slowExpressions(log) });
  setLevel(config.log.level);
  return { config, log };
}
