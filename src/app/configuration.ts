// Loads the configuration with the adapters of this build, creates the log, and sets the proxies of the process.

import { type Config, loadConfig } from "../config/load.ts";
import type { Log } from "../core/ports.ts";
import { systemClock } from "../core/time.ts";
import { createLog } from "../ops/log.ts";
import { slowExpressions } from "../ops/slow-expressions.ts";
import { useProxyVariables } from "../web/environment-proxy.ts";
import { adapters } from "./adapters.ts";

/** The configuration of `start --dev` without a file. */
const SAMPLES = { sources: { sample: { type: "sample" } } };

/**
 * Loads the configuration, and creates the log with the configured level.
 *
 * @param file the YAML file; undefined: defaults and environment only
 * @param samples whether the source of sample orders runs if there is neither a file nor a broker
 * @returns the configuration, the log, and a function to call before the process exits
 * @throws ConfigError with all problems
 */
export function loadConfiguration(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  samples = false,
): { readonly config: Config; readonly log: Log; readonly flushLog: () => Promise<void> } {
  useProxyVariables(env);
  const { log, setLevel, flush: flushLog } = createLog();
  const hooks = { ...systemClock, log, onSlow: slowExpressions(log) };
  let config = loadConfig(file, env, adapters, hooks);
  if (samples && file === undefined && config.devBroker.samples && config.kafka.brokers.length === 0)
    config = loadConfig(undefined, env, adapters, hooks, SAMPLES);
  setLevel(config.log.level);
  return { config, log, flushLog };
}
