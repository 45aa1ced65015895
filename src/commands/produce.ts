// `onramp produce`: writes the lines of stdin to a topic, through a running gateway.

import { membersOf, stringOf } from "../client/lines.ts";
import { printable } from "../client/printable.ts";
import { type ProduceListener, type ProduceReport, ProduceStream } from "../client/produce-stream.ts";
import { type Command, INTERRUPTED, type Io, stopSignal } from "./command.ts";
import { gatewayOf, gatewayOption, isPartition, parametersOf } from "./gateway-option.ts";

export const produce: Command = {
  name: "produce",
  summary: "write the lines of stdin, one JSON value each, through a running gateway (token: ONRAMP_TOKEN)",
  usage: "TOPIC [--key KEY] [--partition N] [--json] [--url URL]",
  options: {
    ...gatewayOption,
    key: { type: "string" },
    partition: { type: "string" },
    json: { type: "boolean" },
  },
  maxArguments: 1,
  async run(io, options, [topic]) {
    if (!topic || !isPartition(options["partition"])) {
      io.err(`Usage: onramp produce ${produce.usage}. Give one topic; the lines are read from stdin.`);
      return 2;
    }
    const gateway = gatewayOf(io, options);
    if (!gateway) return 2;
    const stop = stopSignal(io);
    const query = parametersOf(options, ["key", "partition"]);
    const listener: ProduceListener = {
      onReceipts: receiptPrinter(io, options["json"] === true),
      onFailure: (line, detail) => io.err(`line ${line}: ${printable(detail)}`),
    };
    const report = await new ProduceStream(gateway, { topic, query }, io.input, listener).run(stop);
    for (const line of explain(report, stop.aborted)) io.err(line);
    if (stop.aborted && (report.next !== undefined || report.unknown > 0)) return INTERRUPTED;
    return report.failed + report.unknown > 0 || report.reason !== undefined ? 1 : 0;
  },
};

/** Prints receipts with `--json`, their places on a terminal, and nothing in a pipe. */
function receiptPrinter(io: Io, json: boolean): ProduceListener["onReceipts"] {
  return async (receipts) => {
    if (json) await io.write(Buffer.concat(receipts.flatMap((receipt) => [receipt, NEWLINE])));
    else if (io.isTerminal) await io.write(receipts.map((receipt) => `${placeOf(receipt)}\n`).join(""));
  };
}

const NEWLINE = Buffer.from("\n");

function placeOf(receipt: Buffer): string {
  const members = membersOf(receipt);
  const topic = printable(stringOf(members?.get("topic")) ?? "?");
  return `${topic}/${members?.get("partition")}@${members?.get("offset")}`;
}

/** Returns the lines of the report for the operator; the last one has the counts. */
function explain(report: ProduceReport, isInterrupted: boolean): string[] {
  const { written, failed, unknown, unknownLines, reason, next } = report;
  const lines: string[] = [];
  if (reason !== undefined) lines.push(printable(reason));
  if (unknown > 0)
    lines.push(
      `The outcome of ${unknownLines} is unknown: ${unknown === 1 ? "it" : "they"} may have been written. Read the topic before you send ${unknown === 1 ? "it" : "them"} again.`,
    );
  if (next !== undefined && (isInterrupted || reason !== undefined))
    lines.push(
      `${isInterrupted ? "The command was interrupted before the end of the input. " : ""}Line ${next} and the lines after it were not written.`,
    );
  const others = unknown > 0 ? `, ${unknown} unknown` : "";
  return [...lines, `${written} written, ${failed} failed${others}`];
}
