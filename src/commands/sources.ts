// `onramp sources`: lists the sources with their cursors, and sets or removes a cursor.

import type { ListedSource } from "../app/source-states.ts";
import { type Command, configOption, configure, type Io, stopSignal, withoutInfo } from "./command.ts";

const USAGE = [
  "Usage: onramp sources list",
  "       onramp sources set NAME --cursor JSON    (continue from this cursor)",
  "       onramp sources set NAME --from-start     (start from the beginning)",
  "       onramp sources forget NAME               (remove the cursor; for a configured source of type postgres, also the slot and the publications)",
];

export const sources: Command = {
  name: "sources",
  summary: "list sources and their cursors; set or remove a cursor",
  usage: "list | set NAME --cursor JSON | set NAME --from-start | forget NAME [--config FILE]",
  options: { ...configOption, cursor: { type: "string" }, "from-start": { type: "boolean" } },
  maxArguments: 2,
  async run(io, options, [verb, name]) {
    const { cursor, "from-start": fromStart = false } = options;
    const hasCursor = cursor !== undefined || fromStart === true;
    const isList = verb === "list" && name === undefined && !hasCursor;
    const isSet = verb === "set" && name !== undefined && (cursor === undefined) === (fromStart === true);
    const isForget = verb === "forget" && name !== undefined && !hasCursor;
    if (!isList && !isSet && !isForget) return wrongUsage(io);
    const parsed = typeof cursor === "string" ? parseJson(cursor) : undefined;
    if (parsed === INVALID) {
      io.err(
        `The value of --cursor is not JSON. Quote it for the shell, for example: --cursor '{"number":1}'.`,
      );
      return 2;
    }
    const loaded = await configure(io, options);
    const { listSources, removeState, setCursor } = await import("../app/source-states.ts");
    const { config } = loaded;
    const log = withoutInfo(loaded.log);
    const stopping = stopSignal(io);
    if (name === undefined) {
      for (const line of (await listSources(config, log, stopping)).map(lineOf)) io.out(line);
      return 0;
    }
    const isConfigured = config.compiled.sources.has(name);
    if (isSet && parsed !== undefined) {
      await setCursor(config, name, parsed, log, stopping);
      io.out(`The cursor of source "${name}" was set. ${isConfigured ? CONTINUES : NOT_CONFIGURED}`);
      return 0;
    }
    const { released, holds } = await removeState(config, name, isForget, log, stopping);
    io.out(`The cursor of source "${name}" was removed. ${isConfigured ? STARTS : NOT_CONFIGURED}`);
    if (released !== undefined)
      io.out(
        `Removed: ${released}. If a replica still runs the source, it creates them again: stop the replica, and run this command again.`,
      );
    else if (!isConfigured && holds !== undefined)
      io.out(`This may still exist in another system: ${holds}. Remove it as well.`);
    return 0;
  },
};

const CONTINUES =
  "A source that runs continues from it within about 10 seconds; one that is blocked or backing off, at its next attempt.";
const STARTS =
  "A source that runs starts from its beginning within about 10 seconds; one that is blocked or backing off, at its next attempt.";
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
