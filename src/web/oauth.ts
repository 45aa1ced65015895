// Requests access tokens with the client-credentials grant (RFC 6749, section 4.4), and caches them until
// shortly before they expire.

export interface TokenEndpoint {
  /** The part of the configuration that contains the endpoint, for error messages. */
  readonly owner: string;
  readonly tokenEndpoint: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string | undefined;
}

const TIMEOUT_MS = 5000;
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
    const response = await fetch(tokenEndpoint, {
      method: "POST",
      headers: {
        authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString("base64")}`,
      },
      body: new URLSearchParams({ grant_type: "client_credentials", ...(scope ? { scope } : {}) }),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`the token endpoint of ${owner} answered ${response.status}`);
    const answer = (await response.json()) as { access_token?: unknown; expires_in?: unknown };
    if (typeof answer.access_token !== "string")
      throw new Error(`the token endpoint of ${owner} answered without an access_token`);
    token = answer.access_token;
    renewAt = Date.now() + (typeof answer.expires_in === "number" ? answer.expires_in * 1000 * RENEW_AT : 0);
    return token;
  };
}
