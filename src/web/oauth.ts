// Requests access tokens with the client-credentials grant (RFC 6749, section 4.4), and caches them until
// shortly before they expire. Uses the proxies of the environment.

import { environmentAgent } from "./agent.ts";
import { exchange } from "./request.ts";

export interface TokenEndpoint {
  /** The part of the configuration that contains the endpoint, for error messages. */
  readonly owner: string;
  readonly tokenEndpoint: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string | undefined;
}

const TIMEOUT_MS = 5000;
const NEVER = new AbortController().signal;
/** A token is renewed after this fraction of its lifetime. */
const RENEW_AT = 0.8;

/**
 * @returns a function that returns a valid token, and requests a new one if necessary. It throws an Error
 *   whose message contains no secret
 */
export function clientCredentials({
  owner,
  tokenEndpoint,
  clientId,
  clientSecret,
  scope,
}: TokenEndpoint): () => Promise<string> {
  let token = "";
  let renewAt = 0;
  return async () => {
    if (Date.now() < renewAt) return token;
    const url = new URL(tokenEndpoint);
    const basic = `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString("base64")}`;
    const form = new URLSearchParams({ grant_type: "client_credentials", ...(scope ? { scope } : {}) });
    const { body } = await exchange(
      {
        receiver: `the token endpoint of ${owner}`,
        url,
        method: "POST",
        headers: { authorization: basic, "content-type": "application/x-www-form-urlencoded;charset=UTF-8" },
        body: Buffer.from(form.toString()),
        timeoutMs: TIMEOUT_MS,
        agent: environmentAgent(url),
        now: Date.now(),
        secrets: [basic, clientSecret],
      },
      NEVER,
    );
    const answer = parse(body);
    if (typeof answer.access_token !== "string")
      throw new Error(`the token endpoint of ${owner} answered without an access_token`);
    token = answer.access_token;
    renewAt = Date.now() + (typeof answer.expires_in === "number" ? answer.expires_in * 1000 * RENEW_AT : 0);
    return token;
  };
}

/** @returns an empty answer if the body is not a JSON object */
function parse(body: Buffer): { access_token?: unknown; expires_in?: unknown } {
  try {
    return JSON.parse(body.toString("utf8")) ?? {};
  } catch {
    return {};
  }
}
