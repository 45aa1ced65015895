// `onramp sources`: lists the sources with their cursors, and sets or removes a cursor.

import { loadConfiguration } from "../app/configuration.ts";
import { type ListedSource, listSources, removeState, setCursor } from "../app/source-states.ts";
import { type Command, configFile, configOption, type Io, stopSignal } from "./command.ts";

const USAGE = [
  "Usage: onramp sources list",
  "       onramp sources set NAME --cursor JSON    (the source continues after this cursor)",
  "       onramp sources set NAME --from-start     (the source starts from its beginning)",
  "       onramp sources forget NAME               (removes the cursor of a source that is no longer configured)",
];

export const sources: Command = {
  name: "sources",
  summary: "list sources and their cursors, set or remove a cursor",
  usage: "list | set NAME --cursor JSON | set NAME --from-start | forget NAME [--config FILE]",
  options: { ...configOption, cursor: { type: "string" }, "from-start": { type: "boolean" } },
  async run(io, options, [verb, name, ...more]) {
    const { cursor, "from-start": fromStart = false } = options;
    const hasCursor = cursor !== undefined || fromStart === true;
    const isList = verb === "list" && name === undefined && !hasCursor;
    const isSet = verb === "set" && name !== undefined && (cursor === undefined) === (fromStart === true);
    const isForget = verb === "forget" && name !== undefined && !hasCursor;
    if ((!isList && !isSet && !isForget) || more.length > 0) return wrongUsage(io);
    const parsed = typeof cursor === "string" ? parseJson(cursor) : undefined;
    if (parsed === INVALID) {
      io.err(`--cursor is not JSON. Quote it for the shell, such as: --cursor '{"number":1}'.`);
      return 2;
    }
    const { config, log } = loadConfiguration(configFile(io, options), io.env);
    const stopping = stopSignal(io);
    if (name === undefined) {
      for (const line of (await listSources(config, log, stopping)).map(lineOf)) io.out(line);
      return 0;
    }
    const isConfigured = config.compiled.sources.has(name);
    if (isSet && parsed !== undefined) {
      await setCursor(config, name, parsed, log, stopping);
      io.out(`The cursor of source "${name}" is set. ${CONTINUES}`);
      return 0;
    }
    const holds = await removeState(config, name, log, stopping);
    io.out(`The cursor of source "${name}" is removed. ${isConfigured ? STARTS : NOT_CONFIGURED}`);
    if (isForget && holds !== undefined) io.out(`The source may still hold ${holds}: remove that as well.`);
    return 0;
  },
};

const CONTINUES = "The replica that runs the source continues with it within about 10 seconds.";
const STARTS = "The replica that runs the source starts it from its beginning within about 10 seconds.";
const NOT_CONFIGURED = "The source is not in this configuration.";

const INVALID = Symbol("invalid");

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return INVALID;
  }
}

function lineOf({ name, type, cursor, holds, isConfigured, hasState, fault }: ListedSource): string {
  const state = fault ?? (hasState ? JSON.stringify(cursor) : "no cursor");
  const notes = [
    ...(isConfigured ? [] : ["not configured"]),
    ...(holds === undefined || isConfigured ? [] : [`may hold ${holds}`]),
  ];
  return [name, type ?? "?", state, ...notes].join("\t");
}

function wrongUsage(io: Io): number {
  for (const line of USAGE) io.err(line);
  return 2;
}
