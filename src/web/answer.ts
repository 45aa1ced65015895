// Sends requests and accepts any status: reads whole answers up to a size, or returns a stream. Decompresses while data arrives.

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { PassThrough, pipeline, type Readable } from "node:stream";
import zlib from "node:zlib";
import { HttpFailure, WebError } from "./failure.ts";
import { type OutgoingRequest, run } from "./request.ts";

/** An answer of any status. */
export interface FullAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Decompressed. */
  readonly body: Buffer;
}

/** An answer whose body is still arriving. */
export interface StreamedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Decompressed. The caller reads it to its end, or destroys it. */
  readonly stream: Readable;
}

/** The error of an answer that is larger than its limit. */
export class AnswerTooLarge extends WebError {
  override readonly name = "AnswerTooLarge";
}

/** The header `accept-encoding` of these requests. */
const ACCEPT_ENCODING = { "accept-encoding": "gzip, deflate, br" } as const;

/**
 * Sends the request, and resolves with the whole answer.
 *
 * @param maxBytes the maximum size of the body after decompression; a larger one is not read further
 * @throws AnswerTooLarge; HttpFailure when there is no complete answer, or one that cannot be decompressed; ProxyRefused; the reason
 *   of `cancel`
 */
export function fetchAnswer(
  request: OutgoingRequest,
  maxBytes: number,
  cancel: AbortSignal,
): Promise<FullAnswer> {
  let tooLarge: AnswerTooLarge | undefined;
  const read = async (res: IncomingMessage): Promise<FullAnswer> => {
    const { statusCode: status = 0, headers } = res;
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of decompressed(res, request.receiver) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) {
        tooLarge = new AnswerTooLarge(`${request.receiver} answered with more than ${maxBytes} bytes`);
        throw tooLarge;
      }
      chunks.push(chunk);
    }
    return { status, headers, body: Buffer.concat(chunks, length) };
  };
  return run(withEncodings(request), cancel, read, { accepts: () => true }).catch((error: unknown) => {
    throw tooLarge ?? error;
  });
}

/**
 * Sends the request, and resolves when the header of the answer has arrived. The time limit ends then.
 *
 * @throws HttpFailure when there is no answer; ProxyRefused; the reason of `cancel`
 */
export function openStream(request: OutgoingRequest, cancel: AbortSignal): Promise<StreamedAnswer> {
  const read = async (res: IncomingMessage): Promise<StreamedAnswer> => ({
    status: res.statusCode ?? 0,
    headers: res.headers,
    stream: decompressed(res, request.receiver),
  });
  return run(withEncodings(request), cancel, read, { accepts: () => true, headerOnly: true });
}

const withEncodings = (request: OutgoingRequest): OutgoingRequest => ({
  ...request,
  headers: { ...ACCEPT_ENCODING, ...request.headers },
});

/** Codings by name (RFC 9110, 8.4.1). A server may flush parts of a stream, so every part is passed on at once. */
const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream>> = {
  gzip: () => zlib.createGunzip({ flush: zlib.constants.Z_SYNC_FLUSH }),
  "x-gzip": () => zlib.createGunzip({ flush: zlib.constants.Z_SYNC_FLUSH }),
  deflate: () => zlib.createInflate({ flush: zlib.constants.Z_SYNC_FLUSH }),
  br: () => zlib.createBrotliDecompress({ flush: zlib.constants.BROTLI_OPERATION_FLUSH }),
};

/** @throws HttpFailure for a coding that was not requested, or more than two codings */
function decompressed(res: IncomingMessage, receiver: string): Readable {
  // Responses without a body may still name a coding.
  const isEmpty = [204, 304].includes(res.statusCode ?? 0) || res.headers["content-length"] === "0";
  const named = isEmpty ? "" : (res.headers["content-encoding"] ?? "");
  const codings = named
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter(Boolean);
  const steps = codings
    .filter((coding) => coding !== "identity" && coding !== "none")
    .reverse()
    .map((coding) => DECODERS[coding]?.());
  if (steps.length === 0) return res;
  const known = steps.filter((step) => step !== undefined);
  if (known.length < steps.length || steps.length > 2) {
    res.destroy();
    throw new HttpFailure(
      `${receiver} answered with the content-encoding "${codings.join(", ").slice(0, 60)}", which Onramp cannot decode`,
      {
        isUnreadable: true,
      },
    );
  }
  const end = new PassThrough();
  // `pipeline` destroys `end` with the error of a failed step, so its reader receives it.
  pipeline([res, ...known, end], () => {});
  return end;
}
