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
    if (encoding !== undefined && encoding !== "identity")
      return reject(
        new OnrampError(
          41501,
          "Compressed request bodies are not supported; send the body without Content-Encoding.",
        ),
      );
    const announced = Number(req.headers["content-length"] ?? 0);
    if (announced > maxBody) return reject(tooLarge(maxBody));
    const chunks: Buffer[] = [];
    let size = 0;
    let held = 0;
    const release = (): void => {
      if (held > 0) budget.give(client, held);
      held = 0;
    };
    const fail = (error: unknown): void => {
      req.off("data", onData);
      chunks.length = 0;
      release();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBody) return fail(tooLarge(maxBody));
      try {
        budget.take(client, chunk.length);
      } catch (error) {
        return fail(error);
      }
      held += chunk.length;
      chunks.push(chunk);
    };
    // A client that waits for 100 Continue learns of a refusal before it sends a byte.
    try {
      budget.take(client, announced);
      budget.give(client, announced);
    } catch (error) {
      return reject(error);
    }
    if (req.headers.expect !== undefined) res.writeContinue();
    req.on("data", onData);
    req.once("end", () =>
      resolve({ bytes: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size), release }),
    );
    req.once("close", () => {
      if (!req.complete)
        fail(new OnrampError(40001, "The connection ended before the body did; nothing was written."));
    });
  });
}

function tooLarge(maxBody: number): OnrampError {
  return new OnrampError(
    41301,
    `The body is larger than ${maxBody} bytes (http.maxBody). Send less at once.`,
  );
}
