// Web origins: which pages may call.

import { strict as assert } from "node:assert";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { post, rawExchange, send } from "../support/http.ts";

describe("http: web origins", () => {
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { cors: ["https://app.example.com"] } }),
  );

  it("refuses a foreign origin, and `null`", async () => {
    const topic = await broker.topic();
    for (const origin of ["https://evil.example", "null"]) {
      const answer = await post(gateway(), `/topics/${topic}`, undefined, "x", { origin });
      assert.deepEqual([answer.status, answer.body.error_code], [403, 40301]);
    }
  });

  it("allows its own origin and listed ones, and answers preflights", async () => {
    const topic = await broker.topic();
    assert.equal(
      (await post(gateway(), `/topics/${topic}`, undefined, "x", { origin: gateway().apiUrl })).status,
      200,
    );
    const origin = "https://app.example.com";
    const allowed = await post(gateway(), `/topics/${topic}`, undefined, "x", { origin });
    assert.deepEqual([allowed.status, allowed.headers.get("access-control-allow-origin")], [200, origin]);
    const preflight = await send(gateway(), `/topics/${topic}`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
      },
    });
    assert.deepEqual(
      [preflight.status, preflight.headers.get("access-control-allow-headers")],
      [204, "content-type"],
    );
  });

  it("refuses, without auth, an origin whose name DNS rebinding points to this machine", async () => {
    const answer = await rawExchange(
      gateway(),
      "POST /topics/t HTTP/1.1\r\nHost: rebound.example\r\nOrigin: http://rebound.example\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    );
    assert.match(answer, /^HTTP\/1\.1 403/);
  });
});
