// Errors as HTTP: RFC 9457 problem details that also carry `error_code` and `message`, so that clients written
// for other REST proxies read them too.

import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { ErrorRequestHandler } from "express";
import { asOnrampError, OnrampError } from "../core/errors.ts";

/** The body of a problem. */
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

/** Headers that belong to an error, beside its content type. */
export function problemHeaders(error: OnrampError): Record<string, string> {
  return {
    ...(error.retryAfter === undefined ? {} : { "retry-after": String(error.retryAfter) }),
    ...(error.code === 40101 ? { "www-authenticate": 'Bearer realm="onramp", Basic realm="onramp"' } : {}),
  };
}

/** Told of every error that is answered. */
export type Report = (error: OnrampError) => void;

/** Answers a request with a problem. A body that is still coming in is not waited for. */
export function sendProblem(
  req: IncomingMessage,
  res: ServerResponse,
  thrown: unknown,
  report?: Report,
): void {
  const error = asOnrampError(thrown);
  report?.(error);
  if (res.headersSent || res.destroyed) return;
  const body = JSON.stringify(problemBody(error));
  const whole = req.complete || !hasBody(req);
  if (!whole) res.setHeader("connection", "close");
  res.writeHead(error.status, {
    ...problemHeaders(error),
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
  });
  if (whole) res.end(body);
  else endLater(req, res, body);
}

/** `complete` is not set yet when a refusal comes with the headers, even where no body follows (RFC 9112, 6). */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** A problem as the bytes of a whole response, for a socket whose request could not be read. */
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

/** Express's error handler: every error is a problem. */
export function problemErrors(report?: Report): ErrorRequestHandler {
  return (error, req, res, _next) => {
    // Express itself throws one for a path that is not percent-encoded.
    const malformed = error instanceof URIError;
    sendProblem(
      req,
      res,
      malformed ? new OnrampError(40001, "The path is not percent-encoded UTF-8.", { cause: error }) : error,
      report,
    );
  };
}

/** How long a refused body is read and thrown away, so that its sender sees the answer and not a reset. */
const LINGER_MS = 2000;
const LINGER_BYTES = 16 * 1024;

/** Node destroys the socket as soon as a last response ends, so it must not end while the client still sends. */
export function endLater(req: IncomingMessage, res: ServerResponse, body: string): void {
  const timer = setTimeout(() => res.end(), LINGER_MS);
  const done = (): void => {
    clearTimeout(timer);
    res.end();
  };
  let read = 0;
  res.write(body);
  req.resume();
  req.once("end", done).once("close", done);
  // Past that the sender waits, and what it sent waits in the kernel: a thousand of them must not fill our memory.
  req.on("data", (chunk: Buffer) => {
    read += chunk.length;
    if (read > LINGER_BYTES) req.socket.pause();
  });
}
