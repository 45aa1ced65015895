// The admin port.

import { strict as assert } from "node:assert";
import type { Readiness } from "../../src/core/ports.ts";
import { startAdmin } from "../support/api.ts";
import { rawExchange, send } from "../support/http.ts";

const part = (ready: boolean): Readiness => ({ ready, detail: "as it is" });

describe("http: admin", function () {
  this.timeout(2000);

  it("is healthy while it answers", async () => {
    const { status, body } = await send(await startAdmin({ kafka: part(false) }), "/healthz");
    assert.deepEqual([status, body], [200, { status: "ok" }]);
  });

  it("is ready when all parts are, and shows the state of each", async () => {
    const good = { kafka: part(true), topics: part(true) };
    const bad = { kafka: part(true), topics: part(false) };
    const ready = await send(await startAdmin(good), "/readyz");
    assert.deepEqual([ready.status, ready.body], [200, { status: "ready", parts: good }]);
    const not = await send(await startAdmin(bad), "/readyz");
    assert.deepEqual([not.status, not.body], [503, { status: "not ready", parts: bad }]);
  });

  it("serves the metrics with their content type, and the sinks", async () => {
    const admin = await startAdmin();
    const { headers, text } = await send(admin, "/metrics");
    assert.deepEqual(
      [headers.get("content-type"), text],
      ["text/plain; version=0.0.4; charset=utf-8", "a 1\n"],
    );
    assert.deepEqual((await send(admin, "/sinks")).body, [{ name: "s" }]);
  });

  const ask = async (url: { readonly apiUrl: string }, host: string): Promise<string> =>
    (await rawExchange(url, `GET /sinks HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).split(
      "\r\n",
    )[0] ?? "";

  it("on a loopback address, accepts only loopback names as Host, against DNS rebinding", async () => {
    const admin = await startAdmin();
    for (const host of ["localhost", "localhost:8081", "127.0.0.1", "127.1:8081", "[::1]:8081"])
      assert.equal(await ask(admin, host), "HTTP/1.1 200 OK", host);
    for (const host of [
      "admin.example",
      "admin.example:8081",
      "127.0.0.1.nip.io",
      "localhost.example",
      "10.0.0.1",
    ])
      assert.equal(await ask(admin, host), "HTTP/1.1 403 Forbidden", host);
  });

  it("on another address, accepts any Host: monitoring systems use its name", async () => {
    assert.equal(await ask(await startAdmin({}, false), "admin.example"), "HTTP/1.1 200 OK");
  });

  it("answers any other path with a 404 problem", async () => {
    const { status, body, headers } = await send(await startAdmin(), "/topics");
    assert.deepEqual([status, body.error_code, headers.get("x-powered-by")], [404, 40403, null]);
  });
});
