// `onramp tail`: prints the records of topics while they are written, through a running gateway.

import { eventSentence, isRecord, plainLine, TerminalLines } from "../client/record-text.ts";
import type { TailEvent } from "../client/tail-event.ts";
import { TailStream } from "../client/tail-stream.ts";
import { untilAborted } from "../core/time.ts";
import { type Command, type Io, stopSignal } from "./command.ts";
import { gatewayOf, gatewayOption, isPartition, parametersOf } from "./gateway-option.ts";

export const tail: Command = {
  name: "tail",
  summary: "print the records of topics as they are written, through a running gateway (token: ONRAMP_TOKEN)",
  usage:
    "TOPIC... [--from latest|earliest|-N|TIME] [--filter JSONATA] [--key KEY] [--partition N] [--json] [--url URL]",
  options: {
    ...gatewayOption,
    from: { type: "string" },
    filter: { type: "string" },
    key: { type: "string" },
    partition: { type: "string" },
    json: { type: "boolean" },
  },
  maxArguments: Number.POSITIVE_INFINITY,
  async run(io, options, args) {
    // The URL of the gateway separates topics by commas, so arguments may do so as well.
    const topics = args.flatMap((arg) => arg.split(",")).filter((topic) => topic !== "");
    const { from = "latest", json = false } = options;
    if (topics.length === 0 || from === "" || !isPartition(options["partition"])) {
      io.err(`Usage: onramp tail ${tail.usage}`);
      io.err(
        "Name at least one topic. -N means the last N records of each partition, such as --from -20. TIME is RFC 3339, such as 2026-01-31T12:00:00Z.",
      );
      return 2;
    }
    const gateway = gatewayOf(io, options);
    if (!gateway) return 2;
    const stop = AbortSignal.any([stopSignal(io), io.outputClosed]);
    const query = parametersOf(options, ["filter", "key", "partition"]);
    const listener = {
      onEvents: printer(io, json === true, stop),
      onLost: (reason: string, waitMs: number, wasOpen: boolean) => {
        const what = wasOpen ? `The stream from ${gateway.name} was lost: ` : "";
        io.err(`${what}${sentence(reason)} Trying again in ${(waitMs / 1000).toFixed(1)} s.`);
      },
      onBack: (resumed: boolean) =>
        io.err(
          resumed
            ? `The stream from ${gateway.name} is back. It continues after the last record.`
            : `The stream from ${gateway.name} is open.`,
        ),
    };
    await new TailStream(gateway, { topics, query, from: String(from) }, listener).run(stop);
    return 0;
  },
};

const sentence = (reason: string): string => (/[.!?]$/.test(reason) ? reason : `${reason}.`);

/** Records go to stdout, all else to stderr. Waits while the reader of stdout is slow, so that memory use stays small. */
function printer(io: Io, json: boolean, stop: AbortSignal): (events: readonly TailEvent[]) => Promise<void> {
  const terminal = io.isTerminal && !json ? new TerminalLines(hasColor(io)) : undefined;
  const lineOf = (event: TailEvent): string =>
    terminal ? terminal.line(event, io.width()) : plainLine(event);
  return async (events) => {
    let parts: Buffer[] = [];
    const flush = async (): Promise<void> => {
      if (parts.length > 0) await untilAborted(io.write(Buffer.concat(parts)), stop);
      parts = [];
    };
    for (const event of events) {
      if (isRecord(event)) parts.push(json ? event.data : Buffer.from(lineOf(event)), NEWLINE);
      else {
        // A terminal shows stdout and stderr together: the records before the event come first.
        await flush();
        io.err(eventSentence(event));
      }
    }
    await flush();
  };
}

const NEWLINE = Buffer.from("\n");

/** See no-color.org. */
const hasColor = ({ env }: Io): boolean => !env["NO_COLOR"] && env["TERM"] !== "dumb";
