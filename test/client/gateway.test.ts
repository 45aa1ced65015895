// The URL and the token of a gateway.

import { strict as assert } from "node:assert";
import { parseGateway } from "../../src/client/gateway.ts";

describe("client: gateway", () => {
  it("accepts http and https URLs with a path, and names them without a slash at the end", () => {
    assert.equal(parseGateway("https://example.com/onramp/", "t").name, "https://example.com/onramp");
    assert.equal(parseGateway("http://127.0.0.1:8080", undefined).name, "http://127.0.0.1:8080");
  });

  it("refuses other URLs, passwords in URLs, and tokens that cannot be sent, without quoting them", () => {
    for (const url of ["", "127.0.0.1:8080", "localhost:8080", "ftp://x", "http://x/?a=1"])
      assert.throws(() => parseGateway(url, undefined), {
        message: /such as http:\/\/127\.0\.0\.1:8080.*--url/,
      });
    const withPassword = (): unknown => parseGateway("http://u:hidden@x", undefined);
    assert.throws(
      withPassword,
      ({ message }: Error) => /ONRAMP_TOKEN/.test(message) && !/hidden/.test(message),
    );
    const badToken = (): unknown => parseGateway("http://x", "hid\nden");
    assert.throws(badToken, ({ message }: Error) => /ONRAMP_TOKEN/.test(message) && !/hid/.test(message));
  });
});
