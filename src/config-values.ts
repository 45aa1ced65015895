// Values of the configuration that are not what they look like: durations, sizes, `${env:}` and `${file:}`.

import { readFileSync } from "node:fs";
import path from "node:path";

const DURATION = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const;

/** `30s` in milliseconds; undefined when it is no duration. */
export function parseDuration(text: string): number | undefined {
  return scaled(text, /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/, DURATION);
}

/** `10MB` in bytes; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  return scaled(text, /^(\d+(?:\.\d+)?)(B|kB|MB|GB)$/, SIZE);
}

function scaled(text: string, shape: RegExp, units: Readonly<Record<string, number>>): number | undefined {
  const [, amount, unit] = shape.exec(text) ?? [];
  const factor = unit === undefined ? undefined : units[unit];
  return factor === undefined ? undefined : Math.round(Number(amount) * factor);
}

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
