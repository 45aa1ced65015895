// Explains answers other than 200 and connections that fail, and decides whether a request is repeated.

import type { IncomingMessage } from "node:http";
import { messageOf, OperatorError } from "../core/errors.ts";
import { parseRetryAfter } from "../core/retry-after.ts";
import type { Gateway } from "./gateway.ts";
import { printable } from "./printable.ts";

/** How much of a problem is read, in bytes, and for how long, in milliseconds. */
const PROBLEM_BYTES = 64 * 1024;
const PROBLEM_MS = 2000;
/** How many characters a message quotes from an answer that is not a problem. */
const QUOTED = 200;
/** A longer `Retry-After` is reduced to this, in milliseconds. */
const MOST_RETRY_AFTER_MS = 300_000;

/** An answer other than the expected one. */
export class Refused extends OperatorError {
  override readonly name = "Refused";
  readonly status: number;
  /** The pause that the gateway asks for, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, message: string, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same request may succeed later. */
  get isTemporary(): boolean {
    return this.status >= 500 || this.status === 408 || this.status === 429;
  }

  /** Whether it is known that nothing of the request was written. */
  get isNotWritten(): boolean {
    return this.status < 500 || this.status === 503;
  }
}

/** What to do next, by status. The gateway cannot say it, because it does not know the options of this client. */
const NEXT: Readonly<Record<number, string>> = {
  401: "Set ONRAMP_TOKEN to a token of this gateway (`onramp token NAME` creates one).",
  403: "Set ONRAMP_TOKEN to a token that may use the topic.",
};
const NOT_ONRAMP = "Check that --url is the URL of a gateway of Onramp.";

/** Reads an answer other than 200. */
export async function readRefusal(res: IncomingMessage, { name }: Gateway): Promise<Refused> {
  const { statusCode: status = 0, headers } = res;
  const text = await beginningOf(res);
  const detail = detailOf(text);
  const retryAfterMs = parseRetryAfter(headers["retry-after"], Date.now(), MOST_RETRY_AFTER_MS);
  if (detail !== undefined) {
    const message = [`The gateway answered ${status}: ${printable(detail)}`, NEXT[status] ?? ""].join(" ");
    return new Refused(status, message.trim(), retryAfterMs);
  }
  const quoted = printable(text.slice(0, QUOTED).trim());
  const said =
    status >= 300 && status < 400
      ? `a redirect to ${printable(headers.location ?? "another URL")}, which is not followed`
      : `${status}${quoted === "" ? "" : ` (${quoted})`}`;
  return new Refused(status, `${name} answered ${said}. ${NEXT[status] ?? NOT_ONRAMP}`, retryAfterMs);
}

/** The error for an answer 200 that does not come from a gateway. @param what describes the answer */
export const notOnramp = ({ name }: Gateway, what: string): OperatorError =>
  new OperatorError(`${name} answered with ${what}. ${NOT_ONRAMP}`);

function detailOf(text: string): string | undefined {
  try {
    const { detail } = JSON.parse(text);
    return typeof detail === "string" ? detail : undefined;
  } catch {
    return undefined;
  }
}

/** Reads until the end, a limit, or a failure of the connection. Closes the connection. */
function beginningOf(res: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const end = (): void => {
      clearTimeout(timer);
      res.destroy();
      resolve(Buffer.concat(chunks).toString("utf8"));
    };
    const timer = setTimeout(end, PROBLEM_MS);
    res.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= PROBLEM_BYTES) end();
    });
    res.once("end", end).once("error", end).once("close", end);
  });
}

/** The codes of errors that end when the gateway or the network is available again. Others, such as those of TLS, persist. */
const TEMPORARY = [
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "EAI_AGAIN",
];

/** Whether the same connection may succeed later. */
export const isTemporary = (error: unknown): boolean =>
  TEMPORARY.includes((error as NodeJS.ErrnoException).code ?? "");

/** The message for a gateway to which no connection could be opened. */
export const noGateway = ({ name }: Gateway, error: unknown): string =>
  `No gateway answers at ${name}: ${messageOf(error)}. Start one with \`onramp start --dev\`, or set --url.`;

/** The reason for the end of a connection that was open. */
export function lossText(error: unknown): string {
  const message = messageOf(error);
  return message === "aborted" || message === "socket hang up" ? "the connection was closed" : message;
}
