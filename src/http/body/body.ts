// Reads request bodies, counted against the budget from their first byte on.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Budget } from "../../core/budget.ts";
import { OnrampError } from "../../core/errors.ts";
import { ChunkBuffer } from "./chunk-buffer.ts";

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
    try {
      refuseCompressed(req);
    } catch (error) {
      return reject(error);
    }
    const announced = Number(req.headers["content-length"] ?? 0);
    if (announced > maxBody) return reject(tooLarge(maxBody));
    const chunks = new ChunkBuffer();
    const share = new Share(budget, client);
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
      if (chunks.size + chunk.length > maxBody) return fail(tooLarge(maxBody));
      try {
        share.cover(chunks.size + chunk.length);
      } catch (error) {
        return fail(error);
      }
      chunks.add(chunk);
    };
    const onEnd = (): void => {
      share.settle(chunks.size);
      resolve({ bytes: chunks.bytes, release });
    };
    try {
      share.reserve(announced, () => chunks.size);
      if (announced >= LARGE) chunks.prepare(announced);
    } catch (error) {
      return reject(error);
    }
    askForBody(req, res);
    req.on("data", onData);
    req.once("end", onEnd);
    req.once("close", () => {
      if (!req.complete)
        fail(new OnrampError(40001, "The connection ended before the body did; nothing was written."));
    });
  });
}

/** @throws OnrampError 41501 */
export function refuseCompressed({ headers }: IncomingMessage): void {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") throw new OnrampError(41501, COMPRESSED);
}

/** Called when nothing speaks against the body: a client that waits for 100 Continue learns of a refusal before it sends a byte. */
export function askForBody(req: IncomingMessage, res: ServerResponse): void {
  if (req.headers.expect?.toLowerCase() === "100-continue") res.writeContinue();
}

/** A body announced larger than this takes its whole share at once: many at once would only spoil one another. */
const LARGE = 1024 * 1024;
/** What a large body has not sent by then is up for others again, so that nobody holds the budget by promises. */
const RESERVED_MS = 5000;

/** One body's share of the budget. */
class Share {
  readonly #budget: Budget;
  readonly #client: string;
  #held = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(budget: Budget, client: string) {
    this.#budget = budget;
    this.#client = client;
  }

  /** @throws OnrampError 42901, 50301 when there is no room for a large body */
  reserve(announced: number, received: () => number): void {
    if (announced < LARGE) return;
    this.cover(announced);
    this.#timer = setTimeout(() => this.settle(received()), RESERVED_MS);
  }

  /** Sees to it that `size` bytes are held. @throws OnrampError 42901, 50301 */
  cover(size: number): void {
    if (size <= this.#held) return;
    this.#budget.take(this.#client, size - this.#held);
    this.#held = size;
  }

  /** Gives back what is held beyond `size`. */
  settle(size: number): void {
    clearTimeout(this.#timer);
    if (this.#held > size) this.#budget.give(this.#client, this.#held - size);
    this.#held = Math.min(this.#held, size);
  }

  release(): void {
    this.settle(0);
  }
}

const COMPRESSED = "Compressed request bodies are not supported; send the body without Content-Encoding.";
function tooLarge(maxBody: number): OnrampError {
  return new OnrampError(
    41301,
    `The body is larger than ${maxBody} bytes (http.maxBody). Send less at once.`,
  );
}
