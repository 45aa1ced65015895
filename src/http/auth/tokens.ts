// Authenticates callers by the hashes of their tokens, and authorizes them per topic. A token never appears
// in a log or an error.

import { OnrampError } from "../../core/errors.ts";
import { compileGlob } from "../../core/glob.ts";
import { hashToken } from "../../core/token.ts";

/** An authenticated caller and its permissions. */
export interface Caller {
  /** The token's name; undefined when no auth is configured. */
  readonly name: string | undefined;
  /** The token's hash; undefined when no auth is configured. */
  readonly hash: string | undefined;
  mayProduce(topic: string): boolean;
  mayRead(topic: string): boolean;
}

export interface Auth {
  /**
   * Finds the caller of a request.
   *
   * @param authorization the request header
   * @throws OnrampError 40101 when the token is missing or unknown
   */
  caller(authorization: string | undefined): Caller;
  /**
   * @param name the name of a token; undefined for a caller from the time when no auth was configured
   * @returns the caller with this name. Its token may have been replaced since: compare the hash
   */
  byName(name: string | undefined): Caller | undefined;
}

export interface TokenGrant {
  readonly hash: string;
  /** Topics and patterns with `*`; none by default. */
  readonly produce?: readonly string[];
  readonly read?: readonly string[];
}

const MAX_CACHED = 1000;

/** @param tokens grants by token name; undefined: every client may use every topic */
export function createAuth(tokens: Readonly<Record<string, TokenGrant>> | undefined): Auth {
  if (!tokens)
    return {
      caller: () => UNRESTRICTED,
      byName: (name) => (name === undefined ? UNRESTRICTED : undefined),
    };
  const byName = new Map<string | undefined, Caller>(
    Object.entries(tokens).map(([name, grant]) => [name, toCaller(name, grant)]),
  );
  const byHash = new Map([...byName.values()].map((caller) => [caller.hash, caller]));
  // Callers by valid `Authorization` header, so that a token is not hashed again for each request.
  const cache = new Map<string, Caller>();
  return {
    caller(authorization) {
      if (authorization === undefined)
        throw new OnrampError(
          40101,
          "This request needs a token: send `Authorization: Bearer <token>`, or Basic with the token as the password.",
        );
      const cached = cache.get(authorization);
      if (cached) return cached;
      const caller = byHash.get(hashToken(tokenIn(authorization)));
      if (!caller)
        throw new OnrampError(40101, "The token is unknown. Check it, or ask the operator for a token.");
      if (cache.size >= MAX_CACHED) cache.clear();
      cache.set(authorization, caller);
      return caller;
    },
    byName: (name) => byName.get(name),
  };
}

function tokenIn(authorization: string): string {
  const space = authorization.search(/\s/);
  const [scheme, value] = [
    authorization.slice(0, Math.max(0, space)),
    authorization.slice(space).trimStart(),
  ];
  if (scheme.toLowerCase() === "bearer") return value;
  if (scheme.toLowerCase() !== "basic") return "";
  const decoded = Buffer.from(value, "base64").toString("utf8");
  return decoded.slice(decoded.indexOf(":") + 1);
}

const UNRESTRICTED: Caller = {
  name: undefined,
  hash: undefined,
  mayProduce: () => true,
  mayRead: () => true,
};

function toCaller(name: string, grant: TokenGrant): Caller {
  const [produce, read] = [matcher(grant.produce ?? []), matcher(grant.read ?? [])];
  return { name, hash: grant.hash, mayProduce: produce, mayRead: read };
}

/** Matches topics: `orders` matches one topic, `shop.*` matches all topics that start with `shop.`. */
function matcher(patterns: readonly string[]): (topic: string) => boolean {
  const exact = new Set(patterns.filter((pattern) => !pattern.includes("*")));
  const globs = patterns.filter((pattern) => pattern.includes("*")).map(compileGlob);
  return (topic) => exact.has(topic) || globs.some((matches) => matches(topic));
}
