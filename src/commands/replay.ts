// `onramp replay` and `onramp dead-letter replay`: deliver records again.

import type { ReplayReport } from "../app/replay.ts";
import { parseTime } from "../core/time.ts";
import { type Command, configOption, configure, INTERRUPTED, type Io, stopSignal } from "./command.ts";

export const replay: Command = {
  name: "replay",
  summary: "deliver the records of a time range to a sink again",
  usage: "--sink NAME --from TIME [--to TIME] [--config FILE]",
  options: { ...configOption, sink: { type: "string" }, from: { type: "string" }, to: { type: "string" } },
  maxArguments: 0,
  async run(io, options) {
    const { sink } = options;
    const from = timeOf(options["from"]);
    const to = options["to"] === undefined ? undefined : timeOf(options["to"]);
    if (
      typeof sink !== "string" ||
      from === undefined ||
      (options["to"] !== undefined && !((to ?? -1) >= from))
    ) {
      io.err(
        "replay needs --sink NAME and --from TIME. TIME is RFC 3339, such as 2026-01-31T12:00:00Z, or 13 digits: milliseconds since 1970. --to must not be earlier than --from.",
      );
      return 2;
    }
    const { config, log } = await configure(io, options);
    const { replaySink } = await import("../app/replay.ts");
    return reportReplay(io, await replaySink(config, sink, { from, to }, log, stopSignal(io)));
  },
};

export const deadLetter: Command = {
  name: "dead-letter",
  summary: "deliver a topic's dead letters to their sinks again",
  usage: "replay TOPIC [--config FILE]",
  options: configOption,
  maxArguments: 2,
  async run(io, options, [verb, topic]) {
    if (verb !== "replay" || topic === undefined) {
      io.err(
        "Usage: onramp dead-letter replay TOPIC [--config FILE]. TOPIC is the original topic, without .dead-letter.",
      );
      return 2;
    }
    const { config, log } = await configure(io, options);
    const { replayDeadLetters } = await import("../app/replay.ts");
    return reportReplay(io, await replayDeadLetters(config, topic, log, stopSignal(io)));
  },
};

function reportReplay(
  io: Io,
  { delivered, skipped, deadLettered, notReplayed, unknownSinks, lost, interrupted }: ReplayReport,
): number {
  const others = notReplayed > 0 ? `, ${notReplayed} not replayed` : "";
  io.out(`${delivered} delivered, ${skipped} skipped by the filter, ${deadLettered} dead letters${others}.`);
  if (unknownSinks.size > 0)
    io.err(
      `These sinks are not configured, so their dead letters were not replayed: ${[...unknownSinks].join(", ")}.`,
    );
  for (const place of lost)
    io.err(
      `A dead letter was not replayed: it does not contain the whole record, and the original (${place}) no longer exists. The record cannot be delivered.`,
    );
  if (interrupted) io.err("The replay was interrupted before its end.");
  return interrupted ? INTERRUPTED : deadLettered + unknownSinks.size + lost.length > 0 ? 1 : 0;
}

/** Parses RFC 3339 or milliseconds since 1970. */
function timeOf(given: string | boolean | undefined): number | undefined {
  const text = String(given ?? "");
  return /^\d{13}$/.test(text) ? Number(text) : parseTime(text);
}
