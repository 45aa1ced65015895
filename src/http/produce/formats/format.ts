// The interface of a produce format. `register.ts` selects the format of a request by its content type.

import type { ServerResponse } from "node:http";
import type { Draft, Receipts } from "../../../core/record.ts";

/** The parts of a produce request that formats use. */
export interface ProduceRequest {
  readonly body: Buffer;
  /** The partition in the path; undefined when the path has none. */
  readonly partition: number | undefined;
  /** The query string without its question mark. */
  readonly query: string;
  /** `http.maxRecords`. */
  readonly maxRecords: number;
  /** Takes bytes from the budget until the request is answered. @throws OnrampError 42901, 50301 when it is exceeded */
  charge(bytes: number): void;
  /** Header names and values, alternating, in the order of the request. */
  readonly rawHeaders: readonly string[];
}

/** One produce format. */
export interface Format {
  /**
   * Converts the body to drafts. Returns a promise if the body is read in steps. Called once per request.
   *
   * @throws OnrampError 40001, 40402, 41301, 42901, 50301
   */
  drafts(request: ProduceRequest): Draft[] | Promise<Draft[]>;
  /**
   * Responds with the outcome of every record. Called once per request.
   *
   * @throws OnrampError when no record was written
   */
  answer(res: ServerResponse, topic: string, receipts: Receipts): void;
}
