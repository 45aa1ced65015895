// Replaces the references `${env:NAME}` and `${file:/path}` in values of the configuration.

import { readFileSync } from "node:fs";
import path from "node:path";

/** The sources of referenced values. */
export interface Lookup {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that paths are relative to. */
  readonly folder: string;
}

/**
 * Returns a copy of `value` in which all references in strings are replaced. A line end at the
 * end of a file is removed.
 *
 * @param report called with the JSON Pointer of each reference that cannot be resolved, and the fix
 */
export function interpolate(
  value: unknown,
  lookup: Lookup,
  report: (at: string, problem: string) => void,
  at = "",
): unknown {
  if (typeof value === "string") {
    return value.replaceAll(/\$\{(env|file):([^}]*)\}/g, (_, kind: string, name: string) => {
      const found = kind === "env" ? lookup.env[name] : readText(path.resolve(lookup.folder, name));
      if (found !== undefined) return found;
      report(
        at,
        kind === "env"
          ? `the environment variable ${name} is not set; set it, or remove \${env:${name}}`
          : `cannot read the file ${name}; check the path and its permissions`,
      );
      return "";
    });
  }
  if (Array.isArray(value))
    return value.map((item, index) => interpolate(item, lookup, report, `${at}/${index}`));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, interpolate(inner, lookup, report, `${at}/${key}`)]),
  );
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  } catch {
    return undefined;
  }
}
