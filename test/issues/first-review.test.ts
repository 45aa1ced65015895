// What reviewers found when they ran the first version of the gateway.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { afterTest } from "../support/after-test.ts";
import { describeOnDevBroker, itOnDevBroker, useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway, useGateway } from "../support/gateway.ts";
import { connect, metric, post, rawExchange, V2_JSON, V2_TEXT } from "../support/http.ts";
import { delayProduce } from "../support/produce-faults.ts";
import { readPartition } from "../support/read-back.ts";
import { bound } from "../support/soak.ts";
import { tlsFiles } from "../support/tls/files.ts";
import { until } from "../support/until.ts";

describe("found by review: http", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());

  it("of many bad records the first 100 are reported, in short time (a million took 17 s and 121 MB)", async () => {
    const began = Date.now();
    const { status, body, text } = await post(
      gateway(),
      `/topics/${await broker.topic()}`,
      V2_JSON,
      `{"records":[${"1,".repeat(300_000)}1]}`,
    );
    assert.deepEqual([status, body.errors.length], [400, 100]);
    assert.ok(text.length < 50_000 && Date.now() - began < 10_000);
  });

  it("a record with 100,000 members is refused in short time (it blocked the process for 27 s)", async () => {
    const members = Array.from({ length: 100_000 }, (_, n) => `"a${n}":1`).join(",");
    const began = Date.now();
    assert.equal(
      (await post(gateway(), `/topics/${await broker.topic()}`, V2_JSON, `{"records":[{${members}}]}`))
        .status,
      400,
    );
    assert.ok(Date.now() - began < 3000);
  });

  it("names of Object's own members are ordinary content types and unknown parameters (they were a 500)", async () => {
    const topic = await broker.topic();
    for (const type of ["constructor", "__proto__", "toString"])
      assert.equal((await post(gateway(), `/topics/${topic}`, type, "x")).status, 200);
    assert.equal((await post(gateway(), `/topics/${topic}?constructor=1`, undefined, "x")).status, 400);
  });

  it("a good request with garbage after it is not answered 400 if it is written", async () => {
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
    const status = new Promise<number>((resolve) => {
      const request = https.request(
        `${own.apiUrl}/topics/${topic}`,
        { method: "POST", ca: readFileSync(ca) },
        (response) => resolve(response.resume().statusCode ?? 0),
      );
      request.on("error", () => resolve(0)).end("x");
    });
    await until(async () => (await readPartition(broker.addresses(), topic)).length === 1);
    await own.stop();
    assert.equal(await status, 200);
  });

  it("a client that is still sending gets the refusal", async () => {
    const topic = await broker.topic();
    for (let n = 0; n < 10; n++)
      assert.equal(
        (await post(gateway(), `/topics/${topic}`, undefined, Buffer.alloc(27_000_000))).status,
        413,
      );
  });

  it("a client that has ended its side gets the answer to a whole request", async () => {
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

  it("reading with a foreign Host, as a rebound page does, is refused without auth", async () => {
    assert.match(
      await rawExchange(gateway(), "GET /topics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
      /^HTTP\/1\.1 403/,
    );
  });

  it("30 February is refused (it counted as 2 March)", async () => {
    assert.equal(
      (
        await post(
          gateway(),
          `/topics/${await broker.topic()}?timestamp=2026-02-30T00:00:00Z`,
          undefined,
          "x",
        )
      ).status,
      400,
    );
  });

  it("refusals before the core are counted", async () => {
    const count = async () => (await metric(gateway(), "onramp_rejected_total", { code: "41501" })) ?? 0;
    const before = await count();
    await post(gateway(), `/topics/${await broker.topic()}`, "application/cloudevents+json", "{}");
    assert.equal(await count(), before + 1);
  });

  it("a silent connection does not hold up a stop", async () => {
    const own = await startTestGateway(broker.addresses());
    await connect(own);
    const began = Date.now();
    await own.stop();
    assert.ok(Date.now() - began < 2000);
  });

  itOnDevBroker("an unforeseen failure is logged", async () => {
    const log = keepingLog();
    const own = await startTestGateway(broker.addresses(), {}, log);
    broker.dev().faults.produce = () => ({ append: false, errorCode: 42, errorMessage: "odd" });
    assert.equal((await post(own, `/topics/${await broker.topic()}`, undefined, "x")).status, 500);
    assert.ok(log.lines.some(({ level, fields }) => level === "error" && fields["code"] === 50001));
  });

  it("an envelope of very many small records for one partition is written (it was answered 503 for ever)", async () => {
    const topic = await broker.topic();
    const { status } = await post(
      gateway(),
      `/topics/${topic}`,
      V2_TEXT,
      `{"records":[${"{},".repeat(400_000)}{}]}`,
    );
    assert.equal(status, 200);
  });
});

describeOnDevBroker("found by review: the produce path", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const config = { kafka: { requestTimeout: "300ms" }, http: { deadline: "1s" } };

  it("a lane whose records have all expired closes and does not hold up the stop", async () => {
    const own = await startTestGateway(broker.addresses(), config);
    const topic = await broker.topic();
    broker.dev().faults.produce = () => ({ append: false, errorCode: 19 });
    assert.equal((await post(own, `/topics/${topic}`, undefined, "x")).body.error_code, 50302);
    broker.dev().faults.clear();
    await until(async () => (await metric(own, "onramp_lanes_backing_off")) === 0);
    const began = Date.now();
    await own.stop();
    assert.ok(Date.now() - began < bound(1000));
  });

  it("gzip of what does not shrink fits its frame, and no other topic of the broker stalls", async () => {
    const own = await startTestGateway(broker.addresses(), {
      ...config,
      kafka: { ...config.kafka, compression: "gzip" },
    });
    const topics = [await broker.topic(), await broker.topic()];
    const noise = Buffer.from(Array.from({ length: 400_000 }, () => Math.floor(Math.random() * 256)));
    const answers = await Promise.all([
      post(own, `/topics/${topics[0]}`, undefined, noise),
      post(own, `/topics/${topics[1]}`, undefined, "small ".repeat(100)),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    assert.deepEqual((await readPartition(broker.addresses(), topics[0] as string))[0]?.value, noise);
  });

  it("1,100 unknown names at once are 404 (more than a thousand were 503 after 5 s)", async () => {
    const own = await startTestGateway(broker.addresses(), config);
    const agent = new http.Agent({ maxSockets: 200 });
    afterTest(() => agent.destroy());
    const statuses = await Promise.all(
      Array.from(
        { length: 1100 },
        (_, n) =>
          new Promise<number>((resolve) =>
            http
              .request(`${own.apiUrl}/topics/unknown-${n}`, { method: "POST", agent }, (res) =>
                resolve(res.resume().statusCode ?? 0),
              )
              .end("x"),
          ),
      ),
    );
    assert.deepEqual([...new Set(statuses)], [404]);
  });

  it("partitions left out of a full request do not starve while the first ones stay busy", async () => {
    const own = await startTestGateway(broker.addresses(), { http: { budget: "200MB", deadline: "4s" } });
    const topic = await broker.topic({ partitions: 14 });
    delayProduce(broker.dev(), 100);
    const body = Buffer.alloc(900_000);
    const written = new Array<number>(14).fill(0);
    const end = Date.now() + 4000;
    const worker = async (partition: number): Promise<void> => {
      while (Date.now() < end)
        if ((await post(own, `/topics/${topic}/partitions/${partition}`, undefined, body)).status === 200)
          written[partition] = (written[partition] ?? 0) + 1;
    };
    await Promise.all([...written.keys(), ...written.keys()].map(worker));
    assert.ok(Math.min(...written) * 3 > Math.max(...written), written.join());
  });

  it("a batch limit that was halved grows again", async () => {
    const own = await startTestGateway(broker.addresses(), config);
    const topic = await broker.topic();
    let refusals = 0;
    const sizes: number[] = [];
    const envelope = JSON.stringify({ records: Array.from({ length: 200 }, (_, n) => ({ value: `${n}` })) });
    broker.dev().faults.produce = () => (refusals++ < 5 ? { append: false, errorCode: 10 } : undefined);
    assert.equal((await post(own, `/topics/${topic}`, V2_TEXT, envelope)).status, 200);
    for (let n = 0; n < 10; n++) await post(own, `/topics/${topic}`, V2_TEXT, envelope);
    broker.dev().faults.produce = ({ bytes }) => {
      sizes.push(bytes.readInt32BE(57));
      return undefined;
    };
    await post(own, `/topics/${topic}`, V2_TEXT, envelope);
    assert.deepEqual(sizes, [200]);
  });
});
