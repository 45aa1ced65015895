// One line of NDJSON: as a draft on its way in, as a problem on its way out.

import { OnrampError } from "../../../core/errors.ts";
import type { Draft } from "../../../core/record.ts";
import { problemBody } from "../../problem.ts";
import type { Line } from "./line-splitter.ts";

/** @param beside what query and headers say of every record */
export function draftOf(line: Line, beside: Draft, maxLine: number): Draft {
  const { key, headers, partition, timestamp } = beside;
  if (line !== undefined)
    return { key, value: line, headers, partition, timestamp, parsed: undefined, json: "The line" };
  const fault = new OnrampError(41301, `The line is larger than ${maxLine} bytes (http.maxBody).`);
  return { key, value: null, headers, partition, timestamp, fault };
}

/** Blank lines are no records. */
export const isBlank = (line: Buffer): boolean =>
  line.length === 0 ||
  ((line[0] as number) <= 0x20 && line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d));

/** A problem with the number of its line. */
export const problemText = (error: OnrampError, line: number, detail = error.message): string =>
  JSON.stringify({ ...problemBody(error), detail, message: detail, line });
