// API tokens. Only their hashes are in the configuration.

import { createHash, randomBytes } from "node:crypto";

/** Creates a token, and the hash that goes into the configuration. */
export function createToken(): { readonly token: string; readonly hash: string } {
  const token = `onr_${randomBytes(32).toString("base64url")}`;
  return { token, hash: hashToken(token) };
}

/** The hash of a token, as `http.auth.tokens` has it. */
export const hashToken = (token: string): string =>
  `sha256:${createHash("sha256").update(token).digest("hex")}`;
