// Values of the configuration that are not what they look like: `${env:}` and `${file:}`.

import { readFileSync } from "node:fs";
import path from "node:path";

/** Where references are looked up. */
export interface Lookup {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that paths are relative to. */
  readonly folder: string;
}

/**
 * A copy of `value` with every `${env:NAME}` and `${file:/path}` in its strings replaced; a file's last line end is cut.
 *
 * @param report called with the path of each reference that leads nowhere, and the fix
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
          ? `the environment has no ${name}; set it, or remove \${env:${name}}`
          : `cannot read the file ${name}`,
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
