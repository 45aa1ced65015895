// Builds the message of one record, or of several pending records.

import { toText } from "../../core/expressions.ts";
import { DeliveryError, type OutgoingRecord } from "../../core/sink.ts";
import { isTime } from "../../core/time.ts";
import type { Message } from "./poster.ts";
import type { SlackExpression } from "./text.ts";

export interface Expressions {
  readonly text: SlackExpression | undefined;
  readonly blocks: SlackExpression | undefined;
  readonly thread: SlackExpression | undefined;
}

/**
 * Builds the message of the first record, with the number of the other records.
 *
 * @throws DeliveryError when the expressions return no text and no blocks; ExpressionError
 */
export async function messageOf(
  records: readonly OutgoingRecord[],
  expressions: Expressions,
): Promise<Message> {
  const record = records[0] as OutgoingRecord;
  const [line, blocks, thread] = [
    await expressions.text?.evaluate(record),
    await expressions.blocks?.evaluate(record),
    await expressions.thread?.evaluate(record),
  ];
  const rest = records.length > 1 ? restOf(records) : undefined;
  const own = line === undefined || line === null ? "" : toText(line);
  if (own === "" && blocks === undefined)
    throw new DeliveryError(
      "permanent",
      "text and blocks returned no value for this record; use a filter to exclude such records",
    );
  const text = [own, rest].filter(Boolean).join("\n");
  return {
    text,
    ...(blocks === undefined ? {} : { blocks: [...asBlocks(blocks), ...(rest ? [context(rest)] : [])] }),
    ...(thread === undefined || thread === null ? {} : { thread: toText(thread) }),
  };
}

function asBlocks(result: unknown): object[] {
  const blocks = Array.isArray(result) ? result : [result];
  if (blocks.every((block) => typeof block === "object" && block !== null)) return blocks as object[];
  throw new DeliveryError("permanent", "blocks returned a value that is not an array of blocks");
}

const context = (line: string): object => ({ type: "context", elements: [{ type: "mrkdwn", text: line }] });

/** The number of the other records, and the time from the first record to the last if that is known. */
function restOf(records: readonly OutgoingRecord[]): string {
  const times = records.map(({ timestamp }) => timestamp).filter(isTime);
  const span = times.length > 1 ? ` in the last ${inWords(Math.max(...times) - Math.min(...times))}` : "";
  return `${records.length - 1} more${span}`;
}

function inWords(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 90) return seconds >= 45 ? "minute" : `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
