// Converts errors to HTTP responses: RFC 9457 problem details, with `error_code` and `message` for clients
// that were written for other REST proxies.

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { ErrorRequestHandler } from "express";
import { asOnrampError, OnrampError } from "../core/errors.ts";

/** @returns the problem details of an error */
export function problemBody(error: OnrampError): Record<string, unknown> {
  return {
    type: `urn:onramp:error:${error.code}`,
    title: error.title,
    status: error.status,
    detail: error.message,
    error_code: error.code,
    message: error.message,
    ...(error.errors ? { errors: error.errors } : {}),
  };
}

/** @returns the headers of an error, besides the content type */
export function problemHeaders(error: OnrampError): Record<string, string> {
  return {
    ...(error.retryAfter === undefined ? {} : { "retry-after": String(error.retryAfter) }),
    ...(error.code === 40101 ? { "www-authenticate": 'Bearer realm="onramp", Basic realm="onramp"' } : {}),
  };
}

/** Called once for every request that fails as a whole. */
export type ErrorListener = (error: OnrampError) => void;

/** Responds with the problem of `thrown`, without waiting for the rest of the request's body. */
export function sendProblem(
  req: IncomingMessage,
  res: ServerResponse,
  thrown: unknown,
  report?: ErrorListener,
): void {
  const error = asOnrampError(thrown);
  report?.(error);
  if (res.headersSent || res.destroyed) return;
  const body = JSON.stringify(problemBody(error));
  const received = req.complete || !hasBody(req);
  if (!received) res.setHeader("connection", "close");
  res.writeHead(error.status, {
    ...problemHeaders(error),
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
  });
  if (received) res.end(body);
  else endAfterBody(req, res, body);
}

/**
 * Whether the request has a body (RFC 9112, 6). `complete` is not sufficient: it is still false when a
 * request without a body is refused because of its headers.
 */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** @returns a problem as a complete HTTP response, for a socket whose request could not be parsed */
export function rawProblem(problem: OnrampError): string {
  const body = JSON.stringify(problemBody(problem));
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

/** Creates an error handler for Express that responds with problems. */
export function problemErrors(report?: ErrorListener): ErrorRequestHandler {
  return (error, req, res, _next) => {
    // Express throws a URIError for a path that is not percent-encoded.
    const malformed = error instanceof URIError;
    sendProblem(
      req,
      res,
      malformed ? new OnrampError(40001, "The path is not percent-encoded UTF-8.", { cause: error }) : error,
      report,
    );
  };
}

/**
 * How long a refused body is read and discarded, so that its sender receives the response and not a reset.
 */
const LINGER_MS = 2000;
const LINGER_BYTES = 16 * 1024;
/** A refused body of at least this size is not read at all. */
const LARGE = 1024 * 1024;

/**
 * Writes the last part of a response, and ends it when the request's body has ended, or after 2 s. Node
 * destroys the socket as soon as the last response ends, which resets the connection of a client that is
 * still sending.
 */
export function endAfterBody(req: IncomingMessage, res: ServerResponse, body: string): void {
  const timer = setTimeout(() => res.end(), LINGER_MS);
  const done = (): void => {
    clearTimeout(timer);
    res.end();
  };
  let read = 0;
  res.write(body);
  req.once("end", done).once("close", done);
  // After the limit, the rest stays in the kernel's buffer, so that many such clients do not load this
  // process. Of a large body, nothing is read: with hundreds of senders, one read per sender needs much memory.
  if (Number(req.headers["content-length"] ?? 0) >= LARGE) return void req.socket.pause();
  req.resume();
  req.on("data", (chunk: Buffer) => {
    read += chunk.length;
    if (read > LINGER_BYTES) req.socket.pause();
  });
}
