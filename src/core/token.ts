// Creates and hashes API tokens. The configuration contains only the hashes.

import { createHash, randomBytes } from "node:crypto";

/** Creates a token and its hash. */
export function createToken(): { readonly token: string; readonly hash: string } {
  const token = `onr_${randomBytes(32).toString("base64url")}`;
  return { token, hash: hashToken(token) };
}

/** @returns the hash of a token, in the format of the configuration (`http.auth.tokens`) */
export const hashToken = (token: string): string =>
  `sha256:${createHash("sha256").update(token).digest("hex")}`;
