// The rules for web origins, without a server.

import { strict as assert } from "node:assert";
import type { IncomingMessage, ServerResponse } from "node:http";
import { checkOrigin } from "../../src/http/origin.ts";
import { thrownCode } from "../support/codes.ts";

const LISTED = "https://app.example.com";

function check(
  headers: Record<string, string>,
  { method = "POST", loopbackOnly = false, url = "/topics/t" } = {},
) {
  const set: Record<string, string> = {};
  const seen: { status?: number; ended?: boolean } = {};
  const res = {
    setHeader: (name: string, value: string) => void Object.assign(set, { [name]: value }),
    writeHead(status: number) {
      seen.status = status;
      return { end: () => void Object.assign(seen, { ended: true }) };
    },
  } as unknown as ServerResponse;
  const req = { method, headers, url } as unknown as IncomingMessage;
  const rule = { allowed: [LISTED], loopbackOnly };
  return { set, seen, run: () => checkOrigin(req, res, rule) };
}

describe("http: rules for web origins", () => {
  it("accept a request without an origin, and add no CORS header", () => {
    const { set, run } = check({ host: "gateway.example" });
    assert.deepEqual([run(), set], [false, {}]);
  });

  it("accept the API's own origin, and add no CORS header", () => {
    for (const origin of ["http://gateway.example:8080", "https://gateway.example:8080"]) {
      const { set, run } = check({ origin, host: "gateway.example:8080" });
      assert.deepEqual([run(), set], [false, {}]);
    }
  });

  it("refuse every other origin: 403", () => {
    const host = "gateway.example";
    for (const origin of [
      "https://evil.example",
      "null",
      "",
      "http://gateway.example:81",
      "http://gateway.example/",
      "http://gateway.example.evil",
      "ftp://gateway.example",
      "xhttp://gateway.example",
      "httpss://gateway.example",
      "gateway.example",
      `${LISTED}.evil`,
    ])
      assert.equal(thrownCode(check({ origin, host }).run), 40301, origin);
    assert.equal(thrownCode(check({ origin: "https://evil.example" }).run), 40301);
  });

  it("accept a listed origin, and let it read the response and Retry-After", () => {
    const { set, seen, run } = check({ origin: LISTED, host: "gateway.example" });
    assert.equal(run(), false);
    assert.deepEqual(set, {
      "access-control-allow-origin": LISTED,
      vary: "origin",
      "access-control-expose-headers": "retry-after",
    });
    assert.deepEqual(seen, {});
  });

  it("answer the preflight of a listed origin, with the headers that it asks for", () => {
    const asks = { origin: LISTED, "access-control-request-headers": "x-a, x-b" };
    const { set, seen, run } = check(asks, { method: "OPTIONS" });
    assert.equal(run(), true);
    assert.deepEqual(seen, { status: 204, ended: true });
    assert.deepEqual(set, {
      "access-control-allow-origin": LISTED,
      vary: "origin",
      "access-control-expose-headers": "retry-after",
      "access-control-allow-methods": "GET, POST, OPTIONS",
      "access-control-allow-headers": "x-a, x-b",
      "access-control-max-age": "600",
    });
  });

  it("answer a preflight that asks for no headers with the default ones", () => {
    const { set, run } = check({ origin: LISTED }, { method: "OPTIONS" });
    run();
    assert.equal(set["access-control-allow-headers"], "authorization, content-type");
  });

  it("do not answer a preflight from the API's own origin, or without an origin", () => {
    for (const headers of [{ origin: "http://a", host: "a" }, { host: "a" }])
      assert.equal(check(headers, { method: "OPTIONS" }).run(), false);
  });

  it("accept only loopback names in Host if only this machine may call", () => {
    const names = [
      "localhost",
      "LOCALHOST:8080",
      "127.0.0.1:1",
      "[::1]",
      "[::1]:8080",
      "localhost.",
      "localhost.:80",
      "127.0.0.2",
      "127.255.0.9:8080",
      "[::ffff:127.0.0.1]:80",
      "[::ffff:7f00:1]",
      "[0:0:0:0:0:0:0:1]",
      "localhost:",
      "127.0.0.1.",
      "127.1",
    ];
    const foreign = [
      "gateway.example",
      "localhost.evil",
      "127.0.0.1.evil",
      "localhost:x",
      "localhost:1:2",
      "localhost..",
      "128.0.0.1",
      "[::2]",
      "[::ffff:10.0.0.1]",
      "0.0.0.0",
      "[127.0.0.1",
      "",
    ];
    const codes = [...names, ...foreign].map((host) =>
      thrownCode(check({ host }, { loopbackOnly: true }).run),
    );
    assert.deepEqual(codes, [...names.map(() => undefined), ...foreign.map(() => 40301)]);
  });

  it("accept a request without a Host if only this machine may call", () => {
    assert.equal(check({}, { loopbackOnly: true }).run(), false);
  });

  it("accept any Host and Origin for webhooks, and let only a listed origin read the response", () => {
    const url = "/webhooks/w";
    const foreign = check(
      { host: "hooks.example", origin: "https://evil.example" },
      { url, loopbackOnly: true },
    );
    assert.deepEqual([foreign.run(), foreign.set], [false, {}]);
    const preflight = check({ host: "hooks.example", origin: LISTED }, { url, method: "OPTIONS" });
    assert.deepEqual([preflight.run(), preflight.set["access-control-allow-origin"]], [true, LISTED]);
    for (const other of ["/webhooks", "/Webhooks/w", "/topics/webhooks/"])
      assert.equal(thrownCode(check({ host: "a", origin: "https://b" }, { url: other }).run), 40301, other);
  });

  it("refuse a listed origin with a foreign Host if only this machine may call", () => {
    const { run } = check({ origin: LISTED, host: "rebound.example" }, { loopbackOnly: true });
    assert.equal(thrownCode(run), 40301);
  });
});
