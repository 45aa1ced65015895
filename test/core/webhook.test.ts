// `verifyDelivery`, the only function that returns a verified delivery.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import { type Delivery, sameText, verifyDelivery } from "../../src/core/webhook.ts";

const delivery = (signature?: string | string[]): Delivery => ({
  headers: { "x-signature": signature },
  body: Buffer.from("{}"),
  receivedAt: new Date(0),
});
const refused = (text: RegExp) => (error: unknown) =>
  error instanceof OnrampError && error.code === 40101 && text.test(error.message);
const unasked = (): never => assert.fail("nothing is compared");

describe("core: verified delivery", () => {
  it("has the content of the delivery if the signature matches, synchronously or asynchronously", async () => {
    const sent = delivery("abc");
    for (const matches of [(signature: string) => signature === "abc", async () => true]) {
      const { headers, body, receivedAt } = await verifyDelivery(sent, "x-signature", matches);
      assert.deepEqual({ headers, body, receivedAt }, sent);
    }
  });
  it("is refused without a signature, and with a signature header that is given twice", async () => {
    for (const none of [undefined, "", [], ["abc", "abc"]])
      await assert.rejects(
        verifyDelivery(delivery(none), "x-signature", unasked),
        refused(/^The header X-Signature is missing\./),
      );
  });
  it("is refused if the signature does not match or cannot be compared", async () => {
    const failing = (): never => {
      throw new TypeError("no hexadecimal");
    };
    for (const matches of [() => false, async () => false, failing, async () => failing()])
      await assert.rejects(
        verifyDelivery(delivery("abc"), "x-signature", matches),
        refused(/^The signature in X-Signature does not match\./),
      );
  });
  it("is refused with an error that spells the header as its documentation does", async () => {
    const sent = { ...delivery(), headers: {} };
    await assert.rejects(
      verifyDelivery(sent, "x-hub-signature-256", unasked),
      refused(/X-Hub-Signature-256/),
    );
  });
});

describe("core: texts compared in constant time", () => {
  it("are the same if their bytes are, whatever their length", () => {
    assert.equal(sameText("sha256=é", "sha256=é"), true);
    assert.equal(sameText("", ""), true);
    for (const [a, b] of [
      ["abc", "abd"],
      ["abc", "abcd"],
      ["abc", ""],
      ["é", "e"],
    ] as const)
      assert.equal(sameText(a, b), false, `${a} and ${b}`);
  });
});
