// Reads the configuration file (YAML) and the files that it names. Errors do not quote content, which may be
// secret.

import path from "node:path";
import { visit } from "yaml";
import { isExactNumber } from "../core/decimal.ts";
import { messageOf } from "../core/errors.ts";
import { FileFault, readFileOfAnyKind, readRegularFile } from "../core/files.ts";
import { ConfigError } from "./problems.ts";
import { contentOf, parseYaml, YamlFault } from "./yaml.ts";

/** The bounds of the configuration file: in bytes, and in tokens of YAML. */
const [MAX_CONFIG, MAX_CONFIG_TOKENS] = [512 * 1024, 100_000];
/** The same for a file that the configuration names, such as a JSON Schema. */
const [MAX_NAMED, MAX_NAMED_TOKENS] = [8 * 1024 * 1024, 1_000_000];

/**
 * Reads the configuration file.
 *
 * @throws ConfigError when the file cannot be read, is not YAML, or does not contain a mapping
 */
export function readConfigFile(file: string): Record<string, unknown> {
  const fail = (...messages: string[]): never => {
    throw new ConfigError(
      messages.map((message) => ({ path: "", message })),
      file,
    );
  };
  let content: unknown;
  try {
    const text = readFileOfAnyKind(file, MAX_CONFIG).toString("utf8");
    content = contentOf(parseYaml(text, MAX_CONFIG_TOKENS)) ?? {};
  } catch (error) {
    if (error instanceof YamlFault) fail(...error.faults);
    fail(unusable(error, "check its path: the argument FILE, --config, or ONRAMP_CONFIG"));
  }
  if (typeof content !== "object" || content === null || Array.isArray(content))
    fail("the file must contain a mapping of keys to values");
  return content as Record<string, unknown>;
}

/** Reads a regular file that the configuration names. @throws Error with the fix; it does not name the file */
export function readNamedFile(folder: string, file: string): string {
  try {
    return readRegularFile(path.resolve(folder, file), MAX_NAMED).toString("utf8");
  } catch (error) {
    throw new Error(unusable(error, "paths are relative to the configuration file"), { cause: error });
  }
}

/** @param advice about the path; left out if the system opened the file, but it is too large or of another kind */
const unusable = (error: unknown, advice: string): string =>
  error instanceof FileFault && error.code !== undefined
    ? `cannot read the file (${error.message}); ${advice}`
    : `cannot use the file: ${messageOf(error)}`;

/** A JSON or YAML file. */
export interface NamedFile {
  readonly document: unknown;
  /** The document in which the numbers that JavaScript would round are strings. */
  readonly exact: unknown;
}

/** Reads and parses a JSON or YAML file that the configuration names. @throws Error that quotes nothing of the file */
export function parseNamedFile(folder: string, file: string): NamedFile {
  const parsed = parseYaml(readNamedFile(folder, file), MAX_NAMED_TOKENS);
  const document = contentOf(parsed);
  visit(parsed, {
    Scalar(_, node) {
      if (typeof node.value !== "number" || node.format === "HEX" || node.format === "OCT") return;
      const source = node.source ?? "";
      if (!isExactNumber(source)) node.value = source;
    },
  });
  return { document, exact: contentOf(parsed) };
}
