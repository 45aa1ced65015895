// Loads the configuration from the file and the environment. The result is one validated, compiled and frozen
// object. All problems (of the schema, expressions, files and topics) are reported at once, each with its
// path and the fix.

import path from "node:path";
import { unescapeName } from "../core/json-pointer.ts";
import { parseDuration, parseSize } from "../core/units.ts";
import { type Compiled, compileConfig } from "./compile.ts";
import type { CompileHooks } from "./compiler.ts";
import { override } from "./override.ts";
import { ConfigError, type Problem } from "./problems.ts";
import { readConfigFile } from "./read-file.ts";
import { type Adapters, configSchema, environment, type Settings } from "./schema.ts";
import { validate } from "./validate.ts";
import { interpolate } from "./values.ts";

/** The configuration: the settings, with defaults, and the objects that were compiled from them. */
export interface Config extends Settings {
  /** The folder that paths are relative to. */
  readonly folder: string;
  readonly compiled: Compiled;
}

/**
 * Loads the configuration.
 *
 * @param file the YAML file; undefined: defaults and environment only
 * @param env environment variables: overrides (see `environment`) and `${env:NAME}`
 * @param hooks the clock and the log of the compiled parts
 * @param defaultSettings the settings when there is no file. Default: none
 * @throws ConfigError with all problems
 */
export function loadConfig(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  adapters: Adapters,
  hooks: CompileHooks,
  defaultSettings: Readonly<Record<string, unknown>> = {},
): Config {
  const folder = file === undefined ? path.resolve(".") : path.dirname(path.resolve(file));
  const problems: Problem[] = [];
  const report = (at: string, message: string): void => void problems.push({ path: dotted(at), message });
  const doubtful: Problem[] = [];
  const warn = (at: string, message: string): void => void doubtful.push({ path: dotted(at), message });
  const raw = file === undefined ? defaultSettings : readConfigFile(file);
  const settings = interpolate(raw, { env, folder }, { report, warn }) as Record<string, unknown>;
  override(settings, environment, env, report);
  const violations = validate(configSchema(adapters, settings), settings, folder);
  for (const { at, message } of violations) report(at, message);
  const section = (name: string) => (settings[name] ?? {}) as Readonly<Record<string, unknown>>;
  const { budget, maxBody, deadline } = section("http");
  if ((parseSize(String(budget)) ?? 0) < 2 * (parseSize(String(maxBody)) ?? 0))
    report(
      "/http/budget",
      "must be at least twice http.maxBody, because one client may use only half of the budget",
    );
  if (
    (parseDuration(String(section("kafka")["linger"])) ?? 0) >= (parseDuration(String(deadline)) ?? Infinity)
  )
    report(
      "/kafka/linger",
      "must be shorter than http.deadline; otherwise every request would be answered 503",
    );
  const broken = violations.filter(({ unknownKey }) => !unknownKey).map(({ at }) => pathOf(at));
  const { compiled, problems: found } = compileConfig(
    settings as unknown as Settings,
    adapters,
    { ...hooks, folder },
    broken,
  );
  problems.push(...found);
  if (problems.length > 0)
    throw new ConfigError(distinct([...problems, ...causes(problems, doubtful)]), file);
  const warnings = distinct(doubtful).map(({ path: at, message }) => `${at}: ${message}`);
  return Object.freeze({
    ...(deepFreeze(settings) as unknown as Settings),
    folder,
    compiled: { ...compiled, warnings },
  });
}

/** @returns the values that may be the cause of a problem: those at its path, or below it */
const causes = (problems: readonly Problem[], values: readonly Problem[]): Problem[] =>
  values.filter(({ path: at }) => problems.some((problem) => `${at}.`.startsWith(`${problem.path}.`)));

/** The names in a JSON Pointer (RFC 6901). */
const pathOf = (pointer: string): readonly string[] => pointer.split("/").slice(1).map(unescapeName);

const dotted = (pointer: string): string => pathOf(pointer).join(".");

function distinct(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null)
    for (const inner of Object.values(Object.freeze(value))) deepFreeze(inner);
  return value;
}
