// Who calls, and what they may do: tokens by their hashes. A token never reaches a log or an error.

import { OnrampError } from "../../core/errors.ts";
import { hashToken } from "../../core/token.ts";

/** What a caller may do. */
export interface Caller {
  /** The token's name; undefined where no auth is configured. */
  readonly name: string | undefined;
  mayProduce(topic: string): boolean;
  mayRead(topic: string): boolean;
}

/** Finds the caller of a request. */
export interface Auth {
  /** @throws OnrampError 40101 */
  caller(authorization: string | undefined): Caller;
}

export interface TokenGrant {
  readonly hash: string;
  /** Topics and patterns with `*`. Default: none. */
  readonly produce?: readonly string[];
  readonly read?: readonly string[];
}

const CACHED = 1000;

/** @param tokens grants by token name; undefined: everybody may do everything */
export function createAuth(tokens: Readonly<Record<string, TokenGrant>> | undefined): Auth {
  if (!tokens) return { caller: () => ANYBODY };
  const callers = new Map(Object.entries(tokens).map(([name, grant]) => [grant.hash, toCaller(name, grant)]));
  // Headers that proved valid, so that a busy client is hashed once; wrong ones are never remembered.
  const seen = new Map<string, Caller>();
  return {
    caller(authorization) {
      if (authorization === undefined)
        throw new OnrampError(
          40101,
          "This needs a token: send `Authorization: Bearer <token>`, or Basic with the token as password.",
        );
      const known = seen.get(authorization);
      if (known) return known;
      const caller = callers.get(hashToken(tokenIn(authorization)));
      if (!caller)
        throw new OnrampError(40101, "The token is not known here. Check it, or ask the operator for one.");
      if (seen.size >= CACHED) seen.clear();
      seen.set(authorization, caller);
      return caller;
    },
  };
}

function tokenIn(authorization: string): string {
  const [, scheme = "", value = ""] = /^(\S+)\s+(.+)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return "";
  const decoded = Buffer.from(value, "base64").toString("utf8");
  return decoded.slice(decoded.indexOf(":") + 1);
}

const ANYBODY: Caller = { name: undefined, mayProduce: () => true, mayRead: () => true };

function toCaller(name: string, grant: TokenGrant): Caller {
  const [produce, read] = [matcher(grant.produce ?? []), matcher(grant.read ?? [])];
  return { name, mayProduce: produce, mayRead: read };
}

/** `orders` is one topic, `shop.*` all that start so. Decisions are remembered for the names that were allowed. */
function matcher(patterns: readonly string[]): (topic: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes("*")));
  const globs = patterns
    .filter((pattern) => pattern.includes("*"))
    .map((pattern) => new RegExp(`^${pattern.split("*").map(quoted).join(".*")}$`));
  return (topic) => exact.has(topic) || globs.some((glob) => glob.test(topic));
}

const quoted = (text: string): string => text.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&");
