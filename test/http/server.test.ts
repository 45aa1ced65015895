// The server of the API.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import https from "node:https";
import { useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { tlsFiles } from "../support/tls/files.ts";

describe("http: TLS", () => {
  const broker = useBroker();
  const { cert, key, ca } = tlsFiles();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { tls: { cert, key } } }),
  );

  it("serves HTTPS with the configured certificate", async () => {
    const topic = await broker.topic();
    const { port } = new URL(gateway().apiUrl);
    const status = await new Promise((resolve, reject) => {
      const request = https.request(
        { port, host: "127.0.0.1", path: `/topics/${topic}`, method: "POST", ca: readFileSync(ca) },
        (response) => resolve(response.statusCode),
      );
      request.on("error", reject).end("x");
    });
    assert.equal(status, 200);
  });
});
