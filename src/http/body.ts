// Reads request bodies, counted against the budget from their first byte on.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Budget } from "../core/budget.ts";
import { OnrampError } from "../core/errors.ts";

/** A whole body; `release` gives its bytes back to the budget, once. */
export interface Body {
  readonly bytes: Buffer;
  release(): void;
}

export interface BodyLimits {
  readonly budget: Budget;
  /** `http.maxBody`, in bytes. */
  readonly maxBody: number;
}

/**
 * Reads a body to its end.
 *
 * @param client whose share of the budget it takes
 * @throws OnrampError 41301 past `maxBody`, 42901 or 50301 past the budget, 41501 when it is compressed, 40001 when it is cut off
 */
export function readBody(
  req: IncomingMessage,
  res: ServerResponse,
  client: string,
  { budget, maxBody }: BodyLimits,
): Promise<Body> {
  return new Promise((resolve, reject) => {
    const encoding = req.headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity") return reject(new OnrampError(41501, COMPRESSED));
    const announced = Number(req.headers["content-length"] ?? 0);
    if (announced > maxBody) return reject(tooLarge(maxBody));
    const gathered = new Gathered();
    const release = (): void => budget.give(client, gathered.clear());
    const fail = (error: unknown): void => {
      req.off("data", onData);
      req.off("end", onEnd);
      release();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      if (gathered.size + chunk.length > maxBody) return fail(tooLarge(maxBody));
      try {
        budget.take(client, chunk.length);
      } catch (error) {
        return fail(error);
      }
      gathered.add(chunk);
    };
    const onEnd = (): void => resolve({ bytes: gathered.bytes, release });
    // A client that waits for 100 Continue learns of a refusal before it sends a byte.
    try {
      budget.take(client, announced);
      budget.give(client, announced);
    } catch (error) {
      return reject(error);
    }
    if (req.headers.expect?.toLowerCase() === "100-continue") res.writeContinue();
    req.on("data", onData);
    req.once("end", onEnd);
    req.once("close", () => {
      if (!req.complete)
        fail(new OnrampError(40001, "The connection ended before the body did; nothing was written."));
    });
  });
}

const COMPRESSED = "Compressed request bodies are not supported; send the body without Content-Encoding.";
const FIRST_CAPACITY = 64 * 1024;

/** Chunks as one buffer: a lone chunk as it is; more are copied, since a buffer a byte would cost a hundred times its size. */
class Gathered {
  size = 0;
  #buffer: Buffer = NOTHING;

  get bytes(): Buffer {
    return this.#buffer.length === this.size ? this.#buffer : this.#buffer.subarray(0, this.size);
  }

  add(chunk: Buffer): void {
    const size = this.size + chunk.length;
    if (this.size === 0) this.#buffer = chunk;
    else {
      if (size > this.#buffer.length) {
        const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_CAPACITY, size, this.#buffer.length * 2));
        this.#buffer.copy(grown, 0, 0, this.size);
        this.#buffer = grown;
      }
      chunk.copy(this.#buffer, this.size);
    }
    this.size = size;
  }

  /** Lets everything go. @returns how many bytes that were */
  clear(): number {
    const { size } = this;
    this.size = 0;
    this.#buffer = NOTHING;
    return size;
  }
}

const NOTHING = Buffer.alloc(0);

function tooLarge(maxBody: number): OnrampError {
  return new OnrampError(
    41301,
    `The body is larger than ${maxBody} bytes (http.maxBody). Send less at once.`,
  );
}
