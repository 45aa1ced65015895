// Converts a line of NDJSON to a draft, and a problem to a line.

import { OnrampError } from "../../../core/errors.ts";
import type { Draft } from "../../../core/record.ts";
import { problemBody } from "../../problem.ts";
import type { Line } from "./line-splitter.ts";

/** @param base the key, headers, partition and timestamp of the record @param maxLine in bytes */
export function draftOf(line: Line, base: Draft, maxLine: number): Draft {
  const { key, headers, partition, timestamp } = base;
  if (line !== undefined)
    return { key, value: line, headers, partition, timestamp, parsed: undefined, json: "The line" };
  const fault = new OnrampError(
    41301,
    `The line is larger than ${maxLine} bytes (http.maxBody). Send a smaller record. If these are several lines, use curl's --data-binary, because -d removes line ends.`,
  );
  return { key, value: null, headers, partition, timestamp, fault };
}

/** Whether the line is blank; blank lines are not records. */
export const isBlank = (line: Buffer): boolean =>
  line.length === 0 ||
  ((line[0] as number) <= 0x20 && line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d));

/** @returns a problem as JSON, with the number of its line */
export const problemText = (error: OnrampError, line: number, detail = error.message): string =>
  JSON.stringify({ ...problemBody(error), detail, message: detail, line });
