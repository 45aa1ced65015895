// Reads the configuration file (YAML) and the files that it names. Errors do not quote content, which may be
// secret.

import { readFileSync } from "node:fs";
import path from "node:path";
import { parse, parseDocument, visit } from "yaml";
import { isExactNumber } from "../core/decimal.ts";
import { ConfigError } from "./problems.ts";

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
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    fail(
      `cannot read the file (${(error as NodeJS.ErrnoException).code}); check its path: the argument FILE, --config, or ONRAMP_CONFIG`,
    );
  }
  const document = parseDocument(text, { uniqueKeys: true });
  // Only the code and the position are reported: the parser's message quotes the file.
  const errors = document.errors.map(
    ({ code, linePos }) =>
      `the file is not valid YAML at line ${linePos?.[0].line ?? "?"}, column ${linePos?.[0].col ?? "?"} (${code})`,
  );
  if (errors.length > 0) fail(...errors);
  let content: unknown;
  try {
    content = document.toJS() ?? {};
  } catch {
    fail(
      `the file is not valid YAML: an alias (*name) has no anchor, or expands too often; put a value that starts with * in quotes`,
    );
  }
  if (typeof content !== "object" || content === null || Array.isArray(content))
    fail("the file must contain a mapping of keys to values");
  return content as Record<string, unknown>;
}

/** Reads a file that the configuration names. @throws Error with the fix */
export function readNamedFile(folder: string, file: string): string {
  try {
    return readFileSync(path.resolve(folder, file), "utf8");
  } catch (error) {
    throw new Error(
      `cannot read the file (${(error as NodeJS.ErrnoException).code}); paths are relative to the configuration file`,
      { cause: error },
    );
  }
}

/** A JSON or YAML file. */
export interface NamedFile {
  readonly document: unknown;
  /** The document in which the numbers that JavaScript would round are strings. */
  readonly exact: unknown;
}

/** Reads and parses a JSON or YAML file that the configuration names. @throws Error */
export function parseNamedFile(folder: string, file: string): NamedFile {
  const text = readNamedFile(folder, file);
  const document: unknown = parse(text);
  const exact = parseDocument(text);
  visit(exact, {
    Scalar(_, node) {
      if (typeof node.value !== "number" || node.format === "HEX" || node.format === "OCT") return;
      const source = node.source ?? "";
      if (!isExactNumber(source)) node.value = source;
    },
  });
  return { document, exact: exact.toJS() };
}
