// Sends HTTP requests with a body, and reuses connections. Does not follow redirects. Uses only the
// status and `Retry-After` of the response.

import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { RefusedAddress } from "./address-policy.ts";
import { badAnswer, noAnswer } from "./failure.ts";

export interface OutgoingRequest {
  /** The name of the receiver in errors. */
  readonly receiver: string;
  readonly url: URL;
  readonly method: "POST" | "PUT";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly timeoutMs: number;
  /** Resolves the host; see `addressPolicy`. */
  readonly lookup: LookupFunction;
  readonly agent: http.Agent;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Creates an agent that reuses the connections to one URL. */
export function createAgent(url: URL, tls: SecureContextOptions): http.Agent {
  const options = { keepAlive: true, maxSockets: 64, keepAliveMsecs: 1000, timeout: 60_000 };
  return url.protocol === "https:" ? new https.Agent({ ...options, ...tls }) : new http.Agent(options);
}

/**
 * Sends the request. Resolves for a status of 2xx.
 *
 * @throws HttpFailure, RefusedAddress, the reason of `cancel`
 */
export function send(request: OutgoingRequest, cancel: AbortSignal): Promise<void> {
  const { receiver, url, method, headers, body, timeoutMs, lookup, agent, now } = request;
  const late = AbortSignal.timeout(timeoutMs);
  return new Promise<void>((resolve, reject) => {
    const fail = (cause: unknown): void => {
      if (cancel.aborted) return reject(cancel.reason);
      if (cause instanceof RefusedAddress) return reject(cause);
      reject(noAnswer(receiver, cause, late, timeoutMs));
    };
    const options = { method, agent, lookup, signal: AbortSignal.any([cancel, late]) };
    const module = url.protocol === "https:" ? https : http;
    const req = module.request(
      url,
      { ...options, headers: { ...headers, "content-length": String(body.length) } },
      (res) => {
        const { statusCode = 0 } = res;
        // Reads and discards the body, until the time limit, so that the connection can be reused.
        res.on("error", () => {});
        res.resume();
        if (statusCode >= 200 && statusCode < 300) resolve();
        else reject(badAnswer(receiver, statusCode, res.headers["retry-after"], now));
      },
    );
    req.on("error", fail);
    req.end(body);
  });
}
