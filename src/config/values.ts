// Replaces the references `${env:NAME}` and `${file:/path}` in values of the configuration.

import path from "node:path";
import { messageOf } from "../core/errors.ts";
import { MAX_VALUE_FILE, readRegularFile } from "../core/files.ts";

/** The sources of referenced values. */
export interface Lookup {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that paths are relative to. */
  readonly folder: string;
}

/** Called with the JSON Pointer of a reference, and a message that contains no values. */
type Listener = (at: string, message: string) => void;

/** The listeners for references. */
export interface Listeners {
  /** Called for a reference that cannot be resolved; the message contains the fix. */
  readonly report: Listener;
  /** Called for a value that starts or ends with whitespace: as a secret, it would not match the secret of the other system. */
  readonly warn: Listener;
}

/**
 * Returns a copy of `value` in which all references in strings are replaced. Files must be regular files of at most 1 MB. A line
 * end at the end of a file is removed.
 */
export function interpolate(value: unknown, lookup: Lookup, listeners: Listeners, at = ""): unknown {
  if (typeof value === "string") {
    return value.replaceAll(/\$\{(env|file):([^}]*)\}/g, (_, kind: string, name: string) => {
      const [found, fault] = kind === "env" ? [lookup.env[name], undefined] : readText(lookup.folder, name);
      const source = kind === "env" ? `the environment variable ${name}` : `the file ${name}`;
      if (found !== undefined && found !== found.trim())
        listeners.warn(
          at,
          `the value of ${source} starts or ends with whitespace, such as a line end; Onramp keeps it. Remove it if it is not intended`,
        );
      if (found !== undefined) return found;
      listeners.report(
        at,
        kind === "env"
          ? `${source} is not set; set it, or remove \${env:${name}}`
          : `cannot read ${source} (${fault}); check the path and its permissions`,
      );
      return "";
    });
  }
  if (Array.isArray(value))
    return value.map((item, index) => interpolate(item, lookup, listeners, `${at}/${index}`));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, interpolate(inner, lookup, listeners, `${at}/${key}`)]),
  );
}

function readText(folder: string, name: string): [text: string | undefined, fault: string | undefined] {
  try {
    const text = readRegularFile(path.resolve(folder, name), MAX_VALUE_FILE).toString("utf8");
    return [text.replace(/\r?\n$/, ""), undefined];
  } catch (error) {
    return [undefined, messageOf(error)];
  }
}
