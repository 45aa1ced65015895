// What errors quote of a receiver's answer.

import { strict as assert } from "node:assert";
import { cleaner } from "../../src/web/excerpt.ts";

const url = new URL(
  "https://user:hunter22@hooks.example.com/services/T0AB/B0CD/s3cr3t-part?token=abc%2Fdef123",
);

describe("web: excerpt", () => {
  it("removes control and format characters, and keeps the words apart", () => {
    const clean = cleaner(new URL("https://example.com/"), []);
    assert.equal(clean("\u001b[31mnot\r\n\tvalid\u0000\u202e\u2028here\u007f "), "[31mnot valid here");
  });

  it("has at most 200 bytes, and no part of a character", () => {
    const clean = cleaner(new URL("https://example.com/"), []);
    assert.equal(clean("x".repeat(300)), "x".repeat(200));
    assert.equal(clean(`${"x".repeat(199)}é`), "x".repeat(199));
    assert.equal(clean("x".repeat(300), 250).length, 250);
  });

  it("contains no secret of the URL or of the request, in any usual form, also at the cut", () => {
    const clean = cleaner(url, ["Bearer xoxb-12345", "whsec_a/b+c=="]);
    for (const text of [
      url.href,
      "no route for /services/T0AB/B0CD/s3cr3t-part",
      "part s3cr3t-part of the path",
      "abc%2Fdef123",
      "abc/def123",
      '{"path":"\\/services\\/T0AB\\/B0CD\\/s3cr3t-part"}',
      "the password is hunter22",
      Buffer.from("user:hunter22").toString("base64"),
      "token xoxb-12345",
      "Bearer xoxb-12345",
      "XOXB-12345",
      encodeURIComponent("whsec_a/b+c=="),
      "xo\u0000xb-12345",
      `${"x".repeat(195)}xoxb-12345`,
    ]) {
      const said = clean(text);
      assert.match(said, /\[reda/, text);
      assert.doesNotMatch(said, /s3cr3t|hunter22|xoxb|a%2Fb|a\/b|def123|dXNlcjpodW50ZXIyMg|services/i, text);
    }
  });

  it("keeps text that has nothing in common with the request", () => {
    assert.equal(cleaner(url, ["a"])("a bad request / field `name`"), "a bad request / field `name`");
    assert.equal(cleaner(url, ["Bearer xoxb-12345"])("the bearer token expired"), "the bearer token expired");
  });
});
