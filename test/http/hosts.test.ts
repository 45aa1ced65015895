// The names that the API accepts as `Host`, with real requests.

import { strict as assert } from "node:assert";
import { useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { rawExchange, send } from "../support/http.ts";

const WARNING =
  "the API accepts requests without auth; set http.auth.tokens, or make sure that a proxy authenticates all requests";

/** A request with the given lines of headers. @returns its response, until the connection closes */
const ask = (gateway: { readonly apiUrl: string }, line: string, ...headers: readonly string[]) =>
  rawExchange(
    gateway,
    `${[line, ...headers, "Connection: close", "Content-Length: 1"].join("\r\n")}\r\n\r\nv`,
  );

describe("http: hosts", () => {
  const broker = useBroker();

  it("webhooks accept any Host and any Origin, because signatures authenticate their deliveries", async () => {
    const hook = { type: "github", secrets: ["s"], topic: await broker.topic() };
    const gateway = await startTestGateway(broker.addresses(), { webhooks: { hook } });
    const foreign = ["Host: hooks.example.com", "Origin: https://github.example"];
    // The signature is missing: the request has passed the rules for hosts and origins.
    assert.match(await ask(gateway, "POST /webhooks/hook HTTP/1.1", ...foreign), /^HTTP\/1\.1 401 /);
    assert.match(await ask(gateway, "POST /webhooks/none HTTP/1.1", ...foreign), /^HTTP\/1\.1 404 /);
    assert.match(await ask(gateway, "POST /topics/t HTTP/1.1", ...foreign), /^HTTP\/1\.1 403 /);
  });

  it("without auth, other routes accept loopback names only, and no warning is logged", async () => {
    const log = keepingLog();
    const gateway = await startTestGateway(broker.addresses(), {}, log);
    const answer = await ask(gateway, "GET /openapi.yaml HTTP/1.1", "Host: gateway.example");
    assert.match(answer, /^HTTP\/1\.1 403 [\s\S]*http\.auth/);
    assert.ok(!log.lines.some(({ event }) => event === WARNING));
  });

  it("with http.auth: none, all routes accept any Host, and the warning is logged", async () => {
    const log = keepingLog();
    const gateway = await startTestGateway(broker.addresses(), { http: { auth: "none" } }, log);
    const answer = await ask(gateway, "GET /openapi.yaml HTTP/1.1", "Host: gateway.example");
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.ok(log.lines.some(({ event }) => event === WARNING));
    const foreign = await ask(
      gateway,
      "GET /topics HTTP/1.1",
      "Host: a.example",
      "Origin: https://b.example",
    );
    assert.match(foreign, /^HTTP\/1\.1 403 /);
  });

  it("the printed address of every loopback address accepts requests", async () => {
    for (const host of ["127.0.0.2", "localhost"]) {
      const gateway = await startTestGateway(broker.addresses(), { http: { host } });
      assert.equal((await send(gateway, "/openapi.yaml")).status, 200, host);
    }
  });
});
