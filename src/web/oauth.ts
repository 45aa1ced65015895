// Requests access tokens with the client-credentials grant (RFC 6749, section 4.4), and caches them until
// shortly before they expire. Uses the proxies of the environment.

import { environmentAgent } from "./agent.ts";
import { failureReason, HttpFailure, ProxyRefused, WebError } from "./failure.ts";
import { type Answer, exchange } from "./request.ts";

export interface TokenEndpoint {
  /** The part of the configuration that contains the endpoint, for error messages. */
  readonly owner: string;
  readonly tokenEndpoint: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string | undefined;
}

/** The tokens of one client. */
export interface TokenSource {
  /**
   * Returns a valid token, and requests a new one if necessary.
   *
   * @throws WebError whose message names the token endpoint and the next step, and contains no secret
   */
  get(): Promise<string>;
  /**
   * Called when a server refused a token: `get` requests a new one, at the earliest ten seconds after the last request, so
   * that a server that refuses every token does not cause many requests. Has no effect for a token that was replaced.
   */
  drop(token: string): void;
}

const TIMEOUT_MS = 5000;
const NEVER = new AbortController().signal;
/** A token is renewed after this fraction of its lifetime. */
const RENEW_AT = 0.8;
/** A token that was refused is replaced when it has this age, in milliseconds. */
const SHORTEST_USE_MS = 10_000;

/** @param now milliseconds since 1970 */
export function clientCredentials(endpoint: TokenEndpoint, now: () => number = Date.now): TokenSource {
  let current = { token: "", requestedAt: 0, renewAt: 0 };
  let pending: Promise<string> | undefined;
  const renew = async (): Promise<string> => {
    const requestedAt = now();
    const { token, lifetimeMs } = await requestToken(endpoint, requestedAt);
    current = { token, requestedAt, renewAt: now() + lifetimeMs * RENEW_AT };
    return token;
  };
  return {
    async get() {
      if (now() < current.renewAt) return current.token;
      pending ??= renew().finally(() => {
        pending = undefined;
      });
      return pending;
    },
    drop(token) {
      if (token !== current.token) return;
      current.renewAt = Math.min(current.renewAt, current.requestedAt + SHORTEST_USE_MS);
    },
  };
}

async function requestToken(
  { owner, tokenEndpoint, clientId, clientSecret, scope }: TokenEndpoint,
  now: number,
): Promise<{ token: string; lifetimeMs: number }> {
  const receiver = `the token endpoint of ${owner}`;
  if (!URL.canParse(tokenEndpoint) || !/^https?:/i.test(tokenEndpoint))
    throw new WebError(
      `${receiver} is not a valid URL: correct ${owner}.tokenEndpoint, such as https://auth.example.com/oauth2/token`,
    );
  const url = new URL(tokenEndpoint);
  const basic = `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString("base64")}`;
  const form = new URLSearchParams({ grant_type: "client_credentials", ...(scope ? { scope } : {}) });
  let answer: Answer;
  try {
    answer = await exchange(
      {
        receiver,
        url,
        method: "POST",
        headers: { authorization: basic, "content-type": "application/x-www-form-urlencoded;charset=UTF-8" },
        body: Buffer.from(form.toString()),
        timeoutMs: TIMEOUT_MS,
        agent: environmentAgent(url),
        now,
        secrets: [clientSecret],
      },
      NEVER,
    );
  } catch (cause) {
    throw new WebError(describe(cause, receiver, owner), { cause });
  }
  const { access_token: token, expires_in: lifetime } = parse(answer.body);
  if (typeof token !== "string")
    throw new WebError(
      `${receiver} answered without an access_token: check that ${owner}.tokenEndpoint is the token endpoint of the authorization server`,
    );
  return { token, lifetimeMs: typeof lifetime === "number" ? lifetime * 1000 : 0 };
}

/** Names the token endpoint and the next step. */
function describe(cause: unknown, receiver: string, owner: string): string {
  const message = failureReason(cause);
  if (cause instanceof ProxyRefused) return message;
  if (!(cause instanceof HttpFailure)) return `${receiver} cannot be requested: ${message}`;
  const { status = 0 } = cause;
  if (status >= 400 && status < 500 && status !== 404 && status !== 429)
    return `${message}. Check ${owner}.clientId, ${owner}.clientSecret and ${owner}.scope`;
  return `${message}. Check ${owner}.tokenEndpoint, and whether the authorization server is available`;
}

/** @returns an empty answer if the body is not a JSON object */
function parse(body: Buffer): { access_token?: unknown; expires_in?: unknown } {
  try {
    return JSON.parse(body.toString("utf8")) ?? {};
  } catch {
    return {};
  }
}
