// API tokens.

import { strict as assert } from "node:assert";
import { createToken, hashToken } from "../../src/core/token.ts";

describe("core: tokens", () => {
  it("have 256 random bits, and a hash for the configuration", () => {
    const { token, hash } = createToken();
    assert.match(token, /^onr_[A-Za-z0-9_-]{43}$/);
    assert.match(hash, /^sha256:[0-9a-f]{64}$/);
    assert.equal(hash, hashToken(token));
    assert.notEqual(createToken().token, token);
  });
  it("are hashed with SHA-256", () => {
    assert.equal(hashToken("abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});
