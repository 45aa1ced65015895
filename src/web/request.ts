// One HTTP request to a receiver: no redirect is followed, nothing of its answer but the status counts, and every way
// to fail is told apart.

import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import type { SecureContextOptions } from "node:tls";
import { DeliveryError } from "../core/sink.ts";
import { failureOf, unreachable } from "./failure.ts";

export interface OutgoingRequest {
  readonly url: URL;
  readonly method: "POST" | "PUT";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly timeoutMs: number;
  readonly lookup: LookupFunction;
  readonly agent: http.Agent;
  readonly now: number;
}

/** Connections that are kept between deliveries. */
export function createAgent(url: URL, tls: SecureContextOptions): http.Agent {
  const options = { keepAlive: true, maxSockets: 64, keepAliveMsecs: 1000, timeout: 60_000 };
  return url.protocol === "https:" ? new https.Agent({ ...options, ...tls }) : new http.Agent(options);
}

/** Resolves for 2xx. @throws DeliveryError; the signal's reason, when it is aborted */
export function send(request: OutgoingRequest, signal: AbortSignal): Promise<void> {
  const { url, method, headers, body, timeoutMs, lookup, agent, now } = request;
  const late = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      if (signal.aborted) return reject(signal.reason);
      if (cause instanceof DeliveryError) return reject(cause);
      reject(unreachable("the receiver", cause, late, timeoutMs));
    };
    const options = { method, agent, lookup, signal: AbortSignal.any([signal, late]) };
    const module = url.protocol === "https:" ? https : http;
    const req = module.request(
      url,
      { ...options, headers: { ...headers, "content-length": String(body.length) } },
      (res) => {
        const { statusCode = 0 } = res;
        // The status is the answer. What follows is read for the sake of the connection alone, until the time is up.
        res.on("error", () => {});
        res.resume();
        if (statusCode >= 200 && statusCode < 300) resolve();
        else reject(failureOf(statusCode, res.headers["retry-after"], now));
      },
    );
    req.on("error", fail);
    req.end(body);
  });
}
