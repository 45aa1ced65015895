// The addresses that may be called.

import { strict as assert } from "node:assert";
import { addressPolicy } from "../../src/web/address-policy.ts";

describe("web: address policy", () => {
  it("allows no address of this host or network unless it is listed", () => {
    const policy = addressPolicy(["10.1.2.0/24", "::1"]);
    for (const address of [
      "127.0.0.1",
      "10.1.3.1",
      "169.254.169.254",
      "192.168.0.1",
      "0.0.0.0",
      "fe80::1",
      "fd00::1",
      "::127.0.0.1",
      "2002:7f00:1::",
      "::ffff:7f00:1",
    ])
      assert.equal(policy.allows(address), false, address);
    for (const address of ["::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1"])
      assert.equal(policy.allows(address), false, address);
    for (const address of ["8.8.8.8", "10.1.2.9", "::1", "2606:4700::1111"])
      assert.equal(policy.allows(address), true, address);
  });
});
