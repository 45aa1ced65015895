// Signs outgoing webhooks: Standard Webhooks 1.0 (https://www.standardwebhooks.com), symmetric signatures
// (v1).

import { createHmac } from "node:crypto";

const PREFIX = "whsec_";

/** Signs with all secrets of a webhook. */
export interface Signer {
  /**
   * @returns the headers of one attempt
   * @param id the same for all attempts of a record
   * @param now milliseconds
   */
  headers(id: string, body: Buffer, now: number): Record<string, string>;
}

/**
 * Creates a signer.
 *
 * @param secrets each is `whsec_` followed by the base64 of 24 to 64 bytes; several during a rotation, when
 *   a receiver may know only one of them
 * @throws Error for a secret in another format; the message does not quote the secret
 */
export function createSigner(secrets: readonly string[]): Signer {
  const keys = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), "base64");
    if (!secret.startsWith(PREFIX) || key.length < 24 || key.length > 64)
      throw new Error(
        'a secret must be "whsec_" followed by the base64 of 24 to 64 random bytes, such as the output of `openssl rand -base64 32`',
      );
    return key;
  });
  return {
    headers(id, body, now) {
      const timestamp = String(Math.floor(now / 1000));
      const signatures = keys.map((key) => {
        const mac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body);
        return `v1,${mac.digest("base64")}`;
      });
      const signed = keys.length > 0 ? { "webhook-signature": signatures.join(" ") } : {};
      return { "webhook-id": id, "webhook-timestamp": timestamp, ...signed };
    },
  };
}
