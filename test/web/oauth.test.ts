// OAuth's client credentials.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import { createServer } from "node:http";
import "../../src/kafka/admin/kafkajs-repairs.ts";
import type net from "node:net";
import { clientCredentials } from "../../src/web/oauth.ts";
import { afterTest } from "../support/after-test.ts";

describe("web: OAuth", () => {
  it("fetches a token once, keeps it, and does not show the secret when it fails", async () => {
    let asked = 0;
    let answer: object = { access_token: "t-1", expires_in: 3600 };
    const server = createServer((req, res) => {
      asked++;
      res.writeHead(req.headers.authorization?.startsWith("Basic ") ? 200 : 401).end(JSON.stringify(answer));
    }).listen(0, "127.0.0.1");
    afterTest(() => server.close());
    await once(server, "listening");
    const options = {
      owner: "kafka.sasl",
      tokenEndpoint: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
      clientId: "id",
      clientSecret: "very-secret",
      scope: "kafka",
    };
    const token = clientCredentials(options);
    assert.deepEqual([await token(), await token(), asked], ["t-1", "t-1", 1]);
    answer = {};
    await assert.rejects(
      clientCredentials(options)(),
      (error: Error) => /access_token/.test(error.message) && !error.message.includes("very-secret"),
    );
  });
});
