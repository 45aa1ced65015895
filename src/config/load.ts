// File and environment become one validated, frozen configuration. Every problem is told at once, each with its
// path and the fix; no value is ever part of a message, since it may be a secret.

import { readFileSync } from "node:fs";
import path from "node:path";
import { Ajv, type ErrorObject } from "ajv";
import { parseDocument } from "yaml";
import type { SchemaPart } from "../core/options.ts";
import { parseDuration, parseSize } from "../core/units.ts";
import { type AdapterSchemas, configSchema } from "./schema.ts";
import type { Config } from "./types.ts";
import { interpolate } from "./values.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** One thing that is wrong, with the path to it (`kafka.brokers`) and the fix. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** All that is wrong with a configuration. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(
      `the configuration has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n${problems.map((p) => `  ${p.path || "(top)"}: ${p.message}`).join("\n")}`,
    );
    this.problems = problems;
  }
}

/** Environment variables that stand above the file, and where they go. */
const OVERRIDES = {
  KAFKA_BROKERS: ["kafka", "brokers"],
  ONRAMP_NAMESPACE: ["kafka", "namespace"],
  ONRAMP_HOST: ["http", "host"],
  ONRAMP_PORT: ["http", "port"],
  ONRAMP_ADMIN_HOST: ["admin", "host"],
  ONRAMP_ADMIN_PORT: ["admin", "port"],
  ONRAMP_LOG_LEVEL: ["log", "level"],
  ONRAMP_STOP_DRAIN: ["stop", "drain"],
  ONRAMP_DEV_BROKER_PORT: ["devBroker", "port"],
  ONRAMP_DEV_BROKER_RETENTION: ["devBroker", "retention"],
} as const;

/**
 * Loads the configuration.
 *
 * @param file the YAML file; undefined: defaults and environment alone
 * @param adapters option schemas of the adapters
 * @throws ConfigError with every problem found
 */
export function loadConfig(file: string | undefined, env: Environment, adapters: AdapterSchemas): Config {
  const folder = file === undefined ? path.resolve(".") : path.dirname(path.resolve(file));
  const problems: Problem[] = [];
  const report = (at: string, message: string): void => void problems.push({ path: dotted(at), message });
  const raw = file === undefined ? {} : parseFile(file);
  const config = interpolate(raw, { env, folder }, report) as Record<string, unknown>;
  override(config, env, report);
  const ajv = new Ajv({
    allErrors: true,
    useDefaults: true,
    discriminator: true,
    strict: true,
    strictRequired: false,
    strictTypes: false,
    verbose: true,
    logger: false,
  });
  ajv.addFormat("duration-onramp", (text: string) => parseDuration(text) !== undefined);
  ajv.addFormat("size-onramp", (text: string) => parseSize(text) !== undefined);
  const validate = ajv.compile(configSchema(adapters));
  if (!validate(config)) for (const error of validate.errors ?? []) explain(error, report);
  const { budget, maxBody } = (config["http"] ?? {}) as { budget?: string; maxBody?: string };
  if ((parseSize(budget ?? "") ?? 0) < 2 * (parseSize(maxBody ?? "") ?? 0)) {
    report("/http/budget", "must be at least twice http.maxBody: one client may hold half of it");
  }
  if (problems.length > 0) throw new ConfigError(distinct(problems));
  return deepFreeze({ ...config, folder } as unknown as Config);
}

function parseFile(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError([
      {
        path: "",
        message: `cannot read ${file} (${(error as NodeJS.ErrnoException).code}); name another with --config or ONRAMP_CONFIG`,
      },
    ]);
  }
  const document = parseDocument(text, { uniqueKeys: true });
  // The error's code and place only: its message quotes the file, secrets included.
  const errors = document.errors.map(({ code, linePos }) => ({
    path: "",
    message: `${file} is not valid YAML at line ${linePos?.[0].line ?? "?"}, column ${linePos?.[0].col ?? "?"} (${code})`,
  }));
  if (errors.length > 0) throw new ConfigError(errors);
  let content: unknown;
  try {
    content = document.toJS() ?? {};
  } catch {
    throw new ConfigError([
      {
        path: "",
        message: `${file} is not valid YAML: an alias (*name) in it leads nowhere, or too many places; put a value that starts with * in quotes`,
      },
    ]);
  }
  if (typeof content !== "object" || Array.isArray(content))
    throw new ConfigError([{ path: "", message: "the file must hold a mapping of keys to values" }]);
  return content;
}

function override(
  config: Record<string, unknown>,
  env: Environment,
  report: (at: string, message: string) => void,
): void {
  for (const [name, [section, key]] of Object.entries(OVERRIDES)) {
    const text = env[name];
    if (text === undefined || text === "") continue;
    config[section] ??= {};
    const target = config[section];
    if (typeof target !== "object" || target === null) continue;
    let value: unknown = text;
    if (key === "brokers")
      value = text
        .split(",")
        .map((broker) => broker.trim())
        .filter(Boolean);
    if (key === "port") {
      value = Number(text);
      if (!Number.isInteger(value)) report(`/${section}/${key}`, `${name} must be a port number`);
    }
    (target as Record<string, unknown>)[key] = value;
  }
}

function explain(error: ErrorObject, report: (at: string, message: string) => void): void {
  const { instancePath: at, keyword, params, parentSchema } = error;
  switch (keyword) {
    case "additionalProperties": {
      const known = Object.keys((parentSchema?.["properties"] as object | undefined) ?? {}).join(", ");
      return report(
        `${at}/${String(params["additionalProperty"])}`,
        `unknown key; the keys here are ${known}`,
      );
    }
    case "required":
      return report(`${at}/${String(params["missingProperty"])}`, "is missing");
    case "format":
      return report(
        at,
        params["format"] === "duration-onramp"
          ? 'must be a duration, as "500ms", "30s", "5m"'
          : 'must be a size, as "64kB", "10MB"',
      );
    case "enum":
      return report(at, `must be one of ${(params["allowedValues"] as unknown[]).join(", ")}`);
    case "discriminator":
      return report(
        `${at}/${String(params["tag"])}`,
        `must be one of ${tags(parentSchema, String(params["tag"])).join(", ")}`,
      );
    case "const":
    case "oneOf":
    case "if":
      return report(
        at,
        `does not fit; see the key's description: ${String(parentSchema?.["description"] ?? "schemas/onramp.json")}`,
      );
    default:
      return report(at, error.message ?? "is not valid");
  }
}

function tags(schema: SchemaPart | undefined, tag: string): string[] {
  const kinds = (schema?.["oneOf"] ?? []) as {
    properties: Record<string, { const?: string; enum?: string[] }>;
  }[];
  return kinds.flatMap(({ properties }) => properties[tag]?.enum ?? [properties[tag]?.const ?? ""]);
}

const dotted = (pointer: string): string => pointer.replace(/^\//, "").replaceAll("/", ".");

function distinct(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.path} ${problem.message}`, problem])).values()];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null)
    for (const inner of Object.values(Object.freeze(value))) deepFreeze(inner);
  return value;
}
