// Browsers: which web origins may call. Everybody else sends no `Origin` and is not concerned.

import type { IncomingMessage, ServerResponse } from "node:http";
import { OnrampError } from "../core/errors.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

export interface OriginRule {
  /** `http.cors`. */
  readonly allowed: readonly string[];
  /** Without auth, on the loopback address, only loopback names are our own. */
  readonly loopbackOnly: boolean;
}

/**
 * Lets a request pass or refuses it; adds the CORS headers for an allowed origin, and answers preflights.
 *
 * @returns true when the request has been answered
 * @throws OnrampError 40301
 */
export function checkOrigin(req: IncomingMessage, res: ServerResponse, rule: OriginRule): boolean {
  const { origin, host } = req.headers;
  // A page that rebinds its DNS name to us reads without an Origin, but not without its own name as Host.
  if (rule.loopbackOnly && host !== undefined && !isLoopbackName(host)) {
    throw new OnrampError(
      40301,
      "Without auth the API answers to localhost and 127.0.0.1 alone. Use one of them, or configure http.auth.",
    );
  }
  if (origin === undefined) return false;
  const listed = rule.allowed.includes(origin);
  if (!listed && !isOwn(origin, host)) {
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

function isOwn(origin: string, host: string | undefined): boolean {
  return /^https?:\/\/([^/]+)$/.exec(origin)?.[1] === host;
}

const isLoopbackName = (host: string): boolean => LOOPBACK.has(host.replace(/:\d+$/, "").toLowerCase());
