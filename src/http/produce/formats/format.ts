// What a produce format is: from a body to drafts, and from receipts to an answer. `register.ts` picks it by content type.

import type { ServerResponse } from "node:http";
import type { Draft, Receipts } from "../../../core/record.ts";

/** A produce request, as far as formats need it. */
export interface ProduceRequest {
  readonly topic: string;
  readonly body: Buffer;
  /** From the path; undefined when the path names none. */
  readonly partition: number | undefined;
  /** The query string without its question mark. */
  readonly query: string;
  /** Header names and values in turn, as they came. */
  readonly rawHeaders: readonly string[];
}

/** One produce format. */
export interface Format {
  /** @throws OnrampError 40001, 40402 */
  drafts(request: ProduceRequest): Draft[];
  /** Answers with the outcome of every record. @throws OnrampError when none was written */
  answer(res: ServerResponse, topic: string, receipts: Receipts): void;
}
