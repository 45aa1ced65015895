// Browsers: which web origins may call. Everybody else sends no `Origin` and is not concerned.

import type { IncomingMessage, ServerResponse } from "node:http";
import { OnrampError } from "../core/errors.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

export interface OriginRule {
  /** `http.cors`. */
  readonly allowed: readonly string[];
  /** Without auth only loopback names are our own: a page that rebinds its DNS name to us brings its own. */
  readonly loopbackOnly: boolean;
}

/**
 * Lets a request pass or refuses it; adds the CORS headers for an allowed origin, and answers preflights.
 *
 * @returns true when the request has been answered
 * @throws OnrampError 40301
 */
export function checkOrigin(req: IncomingMessage, res: ServerResponse, rule: OriginRule): boolean {
  const { origin } = req.headers;
  if (origin === undefined) return false;
  const listed = rule.allowed.includes(origin);
  if (!listed && !isOwn(origin, req.headers.host, rule.loopbackOnly)) {
    throw new OnrampError(
      40301,
      "This web origin may not call the API. The operator can allow it in http.cors.",
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

function isOwn(origin: string, host: string | undefined, loopbackOnly: boolean): boolean {
  const match = /^https?:\/\/([^/]+)$/.exec(origin);
  if (!match || match[1] !== host) return false;
  return !loopbackOnly || LOOPBACK.has(host?.replace(/:\d+$/, "") ?? "");
}
