// Every request gets its own response, whatever else happens on its connection or to the process.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import https from "node:https";
import { itOnDevBroker, useBroker } from "../support/broker.ts";
import { startTestGateway, useGateway } from "../support/gateway.ts";
import { connect, post, rawExchange } from "../support/http.ts";
import { delayProduce } from "../support/produce-faults.ts";
import { readPartition } from "../support/read-back.ts";
import { tlsFiles } from "../support/tls/files.ts";
import { until } from "../support/until.ts";

describe("issue: every request gets its answer", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  it("a valid request that is followed by garbage is not answered 400 if it is written", async () => {
    const topic = await broker.topic();
    const answer = await rawExchange(
      gateway(),
      `POST /topics/${topic} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nxGARBAGE\r\n\r\n`,
    );
    const written = (await readPartition(broker.addresses(), topic)).length;
    assert.ok(!/^HTTP\/1\.1 400/.test(answer) || written === 0, answer);
  });

  it("a refused request without a body keeps its connection, and the request pipelined after it is answered", async () => {
    const topic = await broker.topic();
    const answer = await rawExchange(
      gateway(),
      `GET /nosuch HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /topics/${topic} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx`,
    );
    assert.match(answer, /^HTTP\/1\.1 404[\s\S]*HTTP\/1\.1 200/);
  });

  itOnDevBroker("a stop over TLS waits for the requests in flight", async () => {
    const { cert, key, ca } = tlsFiles();
    const own = await startTestGateway(broker.addresses(), { http: { tls: { cert, key } } });
    const topic = await broker.topic();
    delayProduce(broker.dev(), 500);
    const options = { method: "POST", ca: readFileSync(ca) };
    const request = https.request(`${own.apiUrl}/topics/${topic}`, options).end("x");
    const answered = once(request, "response") as Promise<[IncomingMessage]>;
    const status = answered.then(
      ([response]) => response.resume().statusCode,
      () => 0,
    );
    await until(async () => (await readPartition(broker.addresses(), topic)).length === 1);
    await own.stop();
    assert.equal(await status, 200);
  });

  it("a client that is still sending its body receives the error", async () => {
    const topic = await broker.topic();
    for (let n = 0; n < 10; n++)
      assert.equal(
        (await post(gateway(), `/topics/${topic}`, undefined, Buffer.alloc(27_000_000))).status,
        413,
      );
  });

  it("a client that half-closes its connection gets the response to a complete request", async () => {
    const topic = await broker.topic();
    assert.match(
      await rawExchange(
        gateway(),
        `POST /topics/${topic} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx`,
        { end: true },
      ),
      /^HTTP\/1\.1 200/,
    );
  });

  it("an idle connection does not delay a stop", async () => {
    const own = await startTestGateway(broker.addresses());
    await connect(own);
    const began = Date.now();
    await own.stop();
    assert.ok(Date.now() - began < 2000);
  });
});
