// Signatures of Standard Webhooks.

import { strict as assert } from "node:assert";
import { createSigner } from "../../../src/sinks/parts/signature.ts";

describe("sinks: signatures", () => {
  it("signs the test vector of Standard Webhooks, once per secret", () => {
    const secrets = [
      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
      `whsec_${Buffer.alloc(24, 7).toString("base64")}`,
    ];
    const body = Buffer.from('{"test": 2432232314}');
    const headers = createSigner(secrets).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", body, 1614265330_000);
    const [first, second] = headers["webhook-signature"]?.split(" ") ?? [];
    assert.equal(first, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert.match(second ?? "", /^v1,/);
    for (const bad of ["secret", "whsec_c2hvcnQ="]) assert.throws(() => createSigner([bad]), /24 to 64/);
  });
});
