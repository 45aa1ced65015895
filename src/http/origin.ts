// Checks the web origins of requests from browsers. Other clients send no `Origin` header.

import type { IncomingMessage, ServerResponse } from "node:http";
import { OnrampError } from "../core/errors.ts";
import { isLoopback } from "./loopback.ts";

export interface OriginRule {
  /** `http.cors`. */
  readonly allowed: readonly string[];
  /**
   * Whether only loopback names are accepted as `Host`: true on a loopback address if `http.auth` is not
   * configured.
   */
  readonly loopbackOnly: boolean;
}

/** The paths whose requests are authenticated by signatures, and not by tokens. */
const SIGNED = "/webhooks/";

/**
 * Checks the origin of a request. Adds the CORS headers for an allowed origin, and answers preflight
 * requests. Deliveries of webhooks may have any host and origin: a signature authenticates each of them, and
 * proxies and tunnels replace `Host`.
 *
 * @returns true when the request was a preflight request and has been answered
 * @throws OnrampError 40301 when the origin, or the host, is not allowed
 */
export function checkOrigin(req: IncomingMessage, res: ServerResponse, rule: OriginRule): boolean {
  const { origin, host } = req.headers;
  const signed = req.url?.startsWith(SIGNED) ?? false;
  if (!signed && rule.loopbackOnly)
    requireLoopbackHost(
      req,
      "Without http.auth, the API accepts only loopback names such as localhost as Host. Use one of them, or configure http.auth: tokens, or `none` if a proxy authenticates the requests.",
    );
  if (origin === undefined) return false;
  const listed = rule.allowed.includes(origin);
  if (!listed && !signed && !isOwn(origin, host)) {
    throw new OnrampError(
      40301,
      "This web origin is not allowed to call the API. The operator can allow it in http.cors.",
    );
  }
  if (!listed) return false;
  res.setHeader("access-control-allow-origin", origin);
  res.setHeader("vary", "origin");
  res.setHeader("access-control-expose-headers", "retry-after");
  if (req.method !== "OPTIONS") return false;
  res.setHeader("access-control-allow-methods", "GET, POST, OPTIONS");
  res.setHeader(
    "access-control-allow-headers",
    req.headers["access-control-request-headers"] ?? "authorization, content-type",
  );
  res.setHeader("access-control-max-age", "600");
  res.writeHead(204).end();
  return true;
}

/**
 * Refuses names of other hosts, against DNS rebinding: a page whose name resolves to a loopback address sends no Origin, but its own
 * name as Host.
 *
 * @throws OnrampError 40301 with `message` for a host that is not a loopback name
 */
export function requireLoopbackHost({ headers: { host } }: IncomingMessage, message: string): void {
  if (host !== undefined && !isLoopback(host)) throw new OnrampError(40301, message);
}

/** Whether the origin is the API itself. */
function isOwn(origin: string, host: string | undefined): boolean {
  return /^https?:\/\/([^/]+)$/.exec(origin)?.[1] === host;
}
