// Applies the environment variables that override options of the file.

import type { EnvironmentVariable } from "./schema.ts";

/**
 * Sets the options whose environment variable is set and not empty.
 *
 * @param report called with the JSON Pointer of an option whose variable has no valid value, and the fix
 */
export function override(
  settings: Record<string, unknown>,
  variables: readonly EnvironmentVariable[],
  env: Readonly<Record<string, string | undefined>>,
  report: (at: string, message: string) => void,
): void {
  for (const {
    name,
    path: [section, key],
    schema,
  } of variables) {
    const text = env[name];
    if (text === undefined || text === "") continue;
    settings[section] ??= {};
    const target = settings[section];
    if (typeof target !== "object" || target === null) continue;
    const value = parseVariable(text, schema["type"]);
    if (Number.isNaN(value))
      report(
        `/${section}/${key}`,
        schema["type"] === "boolean" ? `${name} must be true or false` : `${name} must be an integer`,
      );
    (target as Record<string, unknown>)[key] = value;
  }
}

/** Converts the text of a variable to a value of the type; commas separate the items of a list. */
function parseVariable(text: string, type: unknown): unknown {
  if (type === "boolean") return text === "true" || (text === "false" ? false : Number.NaN);
  if (type === "integer") return Number.isInteger(Number(text)) ? Number(text) : Number.NaN;
  if (type !== "array") return text;
  return text
    .split(",")
    .map((item) => item.trim())
    .filter(Boolean);
}
