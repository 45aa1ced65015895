// Issues and opens tickets: they let clients that cannot send headers, such as EventSource in a browser, read topics.
// A ticket is part of a URL, where proxies log it, so it is short-lived and permits less than the token that requested
// it. A ticket never appears in a log, an error or a metric.

import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import { JWTExpired } from "jose/errors";
import { SignJWT } from "jose/jwt/sign";
import { jwtVerify } from "jose/jwt/verify";
import { OnrampError } from "../../core/errors.ts";
import type { Auth, Caller } from "./tokens.ts";

/** What a valid ticket permits. */
export interface Ticket {
  /** The caller that requested the ticket, with its current permissions. */
  readonly caller: Caller;
  readonly topics: readonly string[];
  readonly filter: string | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** The claims of a ticket, besides those of every JSON Web Token. */
interface Claims {
  readonly topics: readonly string[];
  readonly filter?: string;
  /** The name of the token; absent when no auth is configured. */
  readonly name?: string;
  /** A digest of the token's hash; absent when no auth is configured. */
  readonly digest?: string;
}

const ALGORITHM = "HS256";
const ISSUER = "onramp";
const AUDIENCE = "onramp/events";
const LIFETIME_S = 3600;
/** A URL has a ticket and a position of at most 6 KiB; Node accepts 16 KiB of request line and headers. */
const MAX_LENGTH = 4096;

/** Creates and verifies tickets: JSON Web Tokens, valid for one hour on every replica with the same secret. */
export class Tickets {
  readonly #key: KeyObject | undefined;
  readonly #auth: Auth;
  readonly #now: () => number;

  /**
   * @param secret `http.tickets.secret`; undefined: there are no tickets
   * @param now milliseconds since 1970
   */
  constructor(secret: string | undefined, auth: Auth, now: () => number) {
    this.#key = secret === undefined ? undefined : createSecretKey(secret, "utf8");
    this.#auth = auth;
    this.#now = now;
  }

  /** @throws OnrampError 40403 without a secret */
  requireSecret(): void {
    this.#requireKey();
  }

  /**
   * Creates a ticket. The caller of this method has checked that `caller` may read the topics.
   *
   * @returns the ticket, and the time when it expires (RFC 3339)
   * @throws OnrampError 40403 without a secret, 40001 when the ticket would be too long for a URL
   */
  async issue(
    { name, hash }: Caller,
    { topics, filter }: { readonly topics: readonly string[]; readonly filter?: string | undefined },
  ): Promise<{ readonly ticket: string; readonly expires: string }> {
    const key = this.#requireKey();
    const expiresAt = Math.floor(this.#now() / 1000) + LIFETIME_S;
    const claims = { topics, filter, name, digest: digestOf(hash, key) };
    const ticket = await new SignJWT(claims satisfies Undefinable<Claims>)
      .setProtectedHeader({ alg: ALGORITHM })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime(expiresAt)
      .sign(key);
    if (ticket.length > MAX_LENGTH)
      throw new OnrampError(
        40001,
        `The ticket would have ${ticket.length} characters; ${MAX_LENGTH} fit into a URL. Name fewer topics, or use a shorter filter.`,
      );
    return { ticket, expires: new Date(expiresAt * 1000).toISOString() };
  }

  /**
   * Verifies a ticket. The caller of this method checks that the caller of the ticket may still read the topics.
   *
   * @throws OnrampError 40101 when the ticket is not valid, has expired, or its token was removed or replaced
   */
  async open(ticket: string): Promise<Ticket> {
    const key = this.#key;
    if (!key)
      throw new OnrampError(40101, "Tickets are not accepted: the operator has not set http.tickets.secret.");
    const { topics, filter, name, digest, exp } = await this.#claimsOf(ticket, key);
    const caller = this.#auth.byName(name);
    if (!caller || digestOf(caller.hash, key) !== digest)
      throw new OnrampError(
        40101,
        "The token that requested this ticket was removed or replaced. Request a new ticket with POST /tickets and a valid token.",
      );
    return { caller, topics, filter, expiresAt: exp * 1000 };
  }

  async #claimsOf(ticket: string, key: KeyObject): Promise<Claims & { readonly exp: number }> {
    try {
      const { payload } = await jwtVerify<Claims>(ticket, key, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: AUDIENCE,
        requiredClaims: ["exp", "topics"],
        currentDate: new Date(this.#now()),
      });
      return payload as Claims & { readonly exp: number };
    } catch (error) {
      // The cause is left out: it has the claims, and parts of the ticket.
      const why = error instanceof JWTExpired ? "has expired" : "is not valid";
      throw new OnrampError(40101, `The ticket ${why}; request a new one with POST /tickets.`);
    }
  }

  #requireKey(): KeyObject {
    if (this.#key) return this.#key;
    throw new OnrampError(
      40403,
      "There are no tickets, because the operator has not set http.tickets.secret: at least 32 characters, the same on all replicas.",
    );
  }
}

/**
 * Everyone who has a ticket can read its claims, so they have a digest in place of the hash. A hash has no dot, and the
 * signed text of a JSON Web Token has one, so a digest is not the signature of a token, although the key is the same.
 */
const digestOf = (hash: string | undefined, key: KeyObject): string | undefined =>
  hash === undefined ? undefined : createHmac("sha256", key).update(hash).digest("base64url");

/** The members of `T`, with `undefined` in place of absent ones. */
type Undefinable<T> = { readonly [K in keyof T]: T[K] | undefined };
