// Reads request bodies, and counts their bytes against the budget while they are read.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Budget } from "../../core/budget.ts";
import { OnrampError } from "../../core/errors.ts";
import { ChunkBuffer } from "./chunk-buffer.ts";
import { ChunkPace } from "./chunk-pace.ts";

/** A complete body. The caller calls `release` once to return the bytes to the budget. */
export interface Body {
  readonly bytes: Buffer;
  /** Takes further bytes from the budget until `release`. @throws OnrampError 42901, 50301 when it is exceeded */
  charge(bytes: number): void;
  release(): void;
}

export interface BodyLimits {
  readonly budget: Budget;
  /**
   * The budget of a body that is larger than a client's share of `budget`, and so does not fit into it. Without `largeBudget`,
   * such a body is refused.
   */
  readonly largeBudget?: Budget;
  /**
   * Whether a large body reserves its `Content-Length`. False for webhooks: an unauthenticated sender could block the budget without
   * sending a body. Default: true.
   */
  readonly reserves?: boolean;
  /** `http.maxBody`, in bytes. */
  readonly maxBody: number;
  /** The name of the limit in the error. Default: `http.maxBody`. */
  readonly limitName?: string;
}

/**
 * Reads a complete body.
 *
 * @param client the client whose share of the budget the bytes are taken from
 * @throws OnrampError 41301 when the body is larger than `maxBody`, 42901 or 50301 when the budget is
 *   exceeded, 41501 when the body is compressed, 40801 when its chunks are too small, 40001 when it is incomplete or
 *   has a transfer coding other than `chunked`
 */
export function readBody(
  req: IncomingMessage,
  res: ServerResponse,
  client: string,
  limits: BodyLimits,
): Promise<Body> {
  const { budget, largeBudget, maxBody, limitName = "http.maxBody", reserves = true } = limits;
  return new Promise((resolve, reject) => {
    try {
      refuseCodings(req);
    } catch (error) {
      return reject(error);
    }
    const contentLength = Number(req.headers["content-length"] ?? 0);
    if (contentLength > maxBody) return reject(tooLarge(maxBody, limitName));
    const chunks = new ChunkBuffer();
    const share = new BudgetShare(budget, client, largeBudget);
    const pace = new ChunkPace(req);
    const release = (): void => {
      chunks.clear();
      share.release();
    };
    const fail = (error: unknown): void => {
      req.off("data", onData);
      req.off("end", onEnd);
      release();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      if (chunks.size + chunk.length > maxBody) return fail(tooLarge(maxBody, limitName));
      try {
        if (pace.count(chunk.length)) void pace.release();
        if (pace.problem) throw pace.problem;
        share.growTo(chunks.size + chunk.length);
      } catch (error) {
        return fail(error);
      }
      chunks.add(chunk);
    };
    const onEnd = (): void => {
      share.shrinkTo(chunks.size);
      const charge = (bytes: number): void => share.growTo(share.taken + bytes);
      resolve({ bytes: chunks.bytes, charge, release });
    };
    try {
      if (reserves && contentLength >= LARGE) {
        share.reserve(contentLength, () => chunks.size);
        chunks.allocate(contentLength);
      }
    } catch (error) {
      return reject(error);
    }
    sendContinue(req, res);
    req.on("data", onData);
    req.once("end", onEnd);
    req.once("close", () => {
      if (!req.complete)
        fail(new OnrampError(40001, "The connection ended before the end of the body; nothing was written."));
    });
  });
}

/**
 * Refuses a body whose bytes are not the content itself.
 *
 * @throws OnrampError 41501 when the body is compressed, 40001 when it has a transfer coding other than
 *   `chunked`, the only one that Node decodes
 */
export function refuseCodings({ headers }: IncomingMessage): void {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && !encoding.split(",").every(changesNothing))
    throw new OnrampError(41501, COMPRESSED);
  const transfer = headers["transfer-encoding"];
  if (transfer !== undefined && transfer.toLowerCase() !== "chunked")
    throw new OnrampError(40001, TRANSFER_CODING);
}

/** As in Node, which emits `checkContinue` for these values. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

/**
 * Sends 100 Continue to a client that waits for it; HTTP/1.0 has no interim responses (RFC 9110, 10.1.1). Called
 * after all checks of the headers: the client of a refused request receives the refusal before it sends the body.
 */
export function sendContinue(req: IncomingMessage, res: ServerResponse): void {
  const { expect } = req.headers;
  if (expect !== undefined && CONTINUE.test(expect) && req.httpVersion === "1.1") res.writeContinue();
}

/**
 * A larger body takes all of its bytes at once: otherwise, concurrent large bodies could exceed the budget
 * together, and all of them would fail.
 */
const LARGE = 1024 * 1024;
/**
 * After this time, bytes that were reserved and not received are returned, so that a client cannot block the
 * budget.
 */
const RESERVED_MS = 5000;

/** The bytes of the budget that one body has taken. */
class BudgetShare {
  #budget: Budget;
  readonly #client: string;
  readonly #largeBudget: Budget | undefined;
  #taken = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(budget: Budget, client: string, largeBudget: Budget | undefined) {
    this.#budget = budget;
    this.#client = client;
    this.#largeBudget = largeBudget;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Takes all bytes of a large body. @throws OnrampError 42901, 50301 when the budget is exceeded */
  reserve(contentLength: number, received: () => number): void {
    this.growTo(contentLength);
    this.#timer = setTimeout(() => this.shrinkTo(received()), RESERVED_MS);
  }

  /**
   * Takes bytes until `size` bytes are taken.
   *
   * @throws OnrampError 42901, 50301 when the budget is exceeded
   */
  growTo(size: number): void {
    if (size <= this.#taken) return;
    if (this.#largeBudget && this.#budget !== this.#largeBudget && size > this.#budget.clientLimit) {
      this.#largeBudget.take(this.#client, size);
      this.#budget.give(this.#client, this.#taken);
      this.#budget = this.#largeBudget;
    } else this.#budget.take(this.#client, size - this.#taken);
    this.#taken = size;
  }

  /** Returns the bytes above `size`. */
  shrinkTo(size: number): void {
    clearTimeout(this.#timer);
    if (this.#taken > size) this.#budget.give(this.#client, this.#taken - size);
    this.#taken = Math.min(this.#taken, size);
  }

  release(): void {
    this.shrinkTo(0);
  }
}

/** Whether a content coding, or none between two commas, does not change the bytes. */
const changesNothing = (coding: string): boolean => ["", "identity"].includes(coding.trim().toLowerCase());
const TRANSFER_CODING =
  "The only transfer coding that is supported is `chunked`; send the body without other values in Transfer-Encoding.";
const COMPRESSED = "Compressed request bodies are not supported; send the body without Content-Encoding.";
function tooLarge(maxBody: number, limitName: string): OnrampError {
  return new OnrampError(
    41301,
    `The body is larger than ${maxBody} bytes (${limitName}). Send less data per request.`,
  );
}
