// Signatures of outgoing webhooks: Standard Webhooks 1.0 (https://www.standardwebhooks.com), symmetric (v1).

import { createHmac } from "node:crypto";

const PREFIX = "whsec_";

/** Signs for all of a webhook's secrets. */
export interface Signer {
  /** The headers of one attempt. @param id the same for every attempt of a record */
  headers(id: string, body: Buffer, now: number): Record<string, string>;
}

/**
 * @param secrets `whsec_` and base64, 24 to 64 bytes; while they are rotated a receiver may know any of them
 * @throws Error for a secret of another form; it does not quote it
 */
export function createSigner(secrets: readonly string[]): Signer {
  const keys = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), "base64");
    if (!secret.startsWith(PREFIX) || key.length < 24 || key.length > 64)
      throw new Error(
        'a secret is "whsec_" and the base64 of 24 to 64 random bytes, as `openssl rand -base64 32` makes them',
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
