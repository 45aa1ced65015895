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

  it("keeps the ordinary words of a path, and the values of headers that are not secret", () => {
    const headers = { "x-env": "production", accept: "application/json", "x-tenant": "customer-eu-1" };
    const clean = cleaner(new URL("https://hooks.example.com/orders/webhook/v2"), [], headers);
    const text =
      "orders.customer is required; production webhook rejects application/json of customer-eu-1 at /orders/webhook/v2 without webhook-signature";
    assert.equal(clean(text), text);
  });

  it("redacts the segments of a path that look like secrets: long ones, and those that mix letters and digits", () => {
    const clean = cleaner(new URL("https://example.com/orders/abcdefghijklmnop/a1b2c3d4/a1b2/my%20o"), []);
    assert.equal(
      clean("orders abcdefghijklmnop a1b2c3d4 a1b2 my%20o"),
      "orders [redacted] [redacted] a1b2 my%20o",
    );
    assert.equal(clean("at /orders/abcdefghijklmnop/a1b2c3d4/a1b2/my%20o"), "at [redacted]");
  });

  it("redacts the values of a query, and a name without a value if it looks like a secret", () => {
    const clean = cleaner(new URL("https://example.com/hook?env=live&sig=a%20b%2Bc&s3cr3tname&debug"), []);
    assert.equal(
      clean("live a b+c a%20b%2Bc s3cr3tname debug hook"),
      "[redacted] [redacted] [redacted] [redacted] debug hook",
    );
  });

  it("redacts short values of headers with the name of a secret, and the user and password of authorization", () => {
    const basic = Buffer.from("billing:pa:ss").toString("base64");
    const clean = cleaner(new URL("https://example.com/"), [], {
      Authorization: `Basic ${basic}`,
      "X-Api-Key": "k3y5",
      "x-hub-signature": "sha256=beef",
      "proxy-password": "abcd",
      Cookie: 'sid=4711; theme="dark"',
      "x-secret": "abc",
    });
    for (const secret of [basic, "billing:pa:ss", "billing", "pa:ss", "k3y5", "beef", "abcd", "4711", "dark"])
      assert.equal(clean(`it has ${secret}!`), "it has [redacted]!", secret);
    assert.equal(clean("basic abc theme"), "basic abc theme");
  });

  it("redacts secrets that are escaped as in JSON, in HTML and in a URL, and secrets of any length", () => {
    const secret = 'pä"ss\\w<or>d1';
    const long = "x1".repeat(40_000);
    const clean = cleaner(new URL("https://example.com/?sig=a%2Bb+cdefg"), [secret, long]);
    const json = JSON.stringify(secret).slice(1, -1);
    for (const form of [
      json,
      json.replace("ä", "\\u00e4"),
      secret.replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;"),
      encodeURIComponent(secret),
      "a%2Bb+cdefg",
      "a+b cdefg",
      "a%2Bb%20cdefg",
    ])
      assert.equal(clean(`said ${form}.`), "said [redacted].", form);
    assert.match(clean(`said ${long}.`), /^said (\[redacted\])+\.?/);
  });
});
