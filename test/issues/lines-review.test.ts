// What a review found when it ran the first version of NDJSON.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import http from "node:http";
import type net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Gateway } from "../../src/app/gateway.ts";
import { describeOnDevBroker, useBroker } from "../support/broker.ts";
import { startTestGateway, useGateway } from "../support/gateway.ts";
import { connect, metric, post } from "../support/http.ts";
import { openLines } from "../support/lines.ts";
import { startWith, watchRss } from "../support/process.ts";
import { delayProduce } from "../support/produce-faults.ts";
import { readPartition } from "../support/read-back.ts";
import { until } from "../support/until.ts";

const NDJSON = "application/x-ndjson";
const MEGABYTE = 1024 * 1024;

describeOnDevBroker("found by review: lines", function () {
  this.timeout(90_000);
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { maxBody: "1MB", budget: "8MB" } }),
  );
  const inFlight = (of: Pick<Gateway, "adminUrl"> = gateway()) => metric(of, "onramp_in_flight_bytes");
  const head = (topic: string, rest = ""): string =>
    `POST /topics/${topic} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: ${NDJSON}\r\n${rest}\r\n`;
  for (const together of [true, false])
    it(`a malformed chunk ${together ? "with" : "after"} a good line: no answer says that nothing was written when it was`, async () => {
      const topic = await broker.topic();
      delayProduce(broker.dev(), 300);
      const socket = await connect(gateway());
      let answer = "";
      socket.on("data", (chunk) => (answer += chunk));
      const good = `${head(topic, "transfer-encoding: chunked\r\n")}2\r\n1\n\r\n`;
      socket.write(together ? `${good}ZZ\r\n` : good);
      if (!together) {
        await until(async () => ((await inFlight()) ?? 0) > 0);
        socket.write("ZZ\r\n");
      }
      await once(socket, "close");
      const written = (await readPartition(broker.addresses(), topic)).length;
      if (written === 0) assert.match(answer, /^HTTP\/1\.1 400 /);
      else {
        assert.match(answer, /^HTTP\/1\.1 200 /);
        assert.match(answer, /"offset":0/);
        assert.match(answer, /Nothing from line 2 on was written/);
      }
      assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1);
    });

  it("a connection that is reset while the lines' answer waits for another: their bytes are released", async () => {
    const topic = await broker.topic();
    for (let n = 0; n < 20; n++) {
      delayProduce(broker.dev(), 200);
      const socket = await connect(gateway());
      const body = "1\n".repeat(2000);
      socket.write(`POST /topics/${topic} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1\r\n\r\nx`);
      socket.write(`${head(topic, `content-length: ${body.length}\r\n`)}${body}`);
      await delay(30);
      socket.resetAndDestroy();
    }
    broker.dev().faults.clear();
    await until(async () => (await inFlight()) === 0);
  });

  it("a client that reads no answers does not hold up a stop", async () => {
    const own = await startTestGateway(broker.addresses(), { stop: { deadline: "20s" } });
    const exchange = openLines(own, `/topics/${await broker.topic()}`);
    const writing = (async () => {
      for (let n = 0; n < 400; n++) await exchange.write("1\n".repeat(50_000));
    })();
    writing.catch(() => {});
    let [before, still] = [-1, 0];
    await until(async () => {
      const now = (await inFlight(own)) ?? 0;
      still = now === before && now > 0 ? still + 1 : 0;
      before = now;
      await delay(100);
      return still > 5;
    }, 30_000);
    const began = Date.now();
    await own.stop();
    assert.ok(Date.now() - began < 8000, `the stop took ${Date.now() - began} ms`);
  });

  it("a stream that begins during the drain is refused, and the client may go elsewhere", async () => {
    const own = await startTestGateway(broker.addresses(), { stop: { drain: "2s" } });
    const topic = await broker.topic();
    const stopped = own.stop();
    const { status, body, headers } = await post(own, `/topics/${topic}`, NDJSON, "1\n");
    assert.deepEqual([status, body.error_code, headers.get("retry-after")], [503, 50301, "1"]);
    await stopped;
  });

  it("a budget that is full before the first line is answered with a status and Retry-After", async () => {
    const own = await startTestGateway(broker.addresses(), {
      http: { maxBody: "1MB", budget: "2MB", deadline: "500ms" },
    });
    const topic = await broker.topic();
    // A body that is announced counts against the budget at once, for 5 s.
    const hold = await connect(own);
    hold.write(`POST /topics/${topic} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${MEGABYTE}\r\n\r\n`);
    await until(async () => (await inFlight(own)) === MEGABYTE);
    const { status, body, headers } = await post(own, `/topics/${topic}`, NDJSON, "1\n2\n");
    assert.deepEqual([status, body.error_code, headers.get("retry-after")], [429, 42901, "1"]);
  });

  /** The most resident memory of a gateway's process in megabytes. */
  async function memoryOf(use: (apiUrl: string, topic: string) => Promise<void>): Promise<number> {
    const own = await startWith({ kafka: { brokers: broker.addresses() } });
    const mostRss = watchRss(own);
    await use(own.apiUrl, await broker.topic());
    return mostRss() / MEGABYTE;
  }

  it("a long line in chunks of one byte costs little more memory than its size", async () => {
    const most = await memoryOf(async (apiUrl, topic) => {
      const request = http.request(`${apiUrl}/topics/${topic}`, {
        method: "POST",
        headers: { "content-type": NDJSON },
      });
      const answered = once(request, "response") as Promise<[http.IncomingMessage]>;
      request.flushHeaders();
      const socket = request.socket ?? ((await once(request, "socket")) as [net.Socket])[0];
      const bytes = Buffer.from("1\r\nx\r\n".repeat(10_000));
      for (let n = 0; n < 200; n++) if (!socket.write(bytes)) await once(socket, "drain");
      socket.write("1\r\n\n\r\n0\r\n\r\n");
      const [response] = await answered;
      await once(response.resume(), "end");
    });
    assert.ok(most < 200, `resident memory reached ${most.toFixed(0)} MB for a line of 2 MB`);
  });

  for (const line of ["1", "x"])
    it(`lines of one byte (${line}) cost no more memory than a window of lines`, async () => {
      const most = await memoryOf(async (apiUrl, topic) => {
        const exchange = openLines({ apiUrl }, `/topics/${topic}`);
        const COUNT = 300_000;
        const sent = (async () => {
          for (let n = 0; n < COUNT; n += 10_000) await exchange.write(`${line}\n`.repeat(10_000));
          exchange.end();
        })();
        let read = 0;
        while (await exchange.next()) read++;
        await sent;
        assert.equal(read, COUNT);
      });
      assert.ok(most < 200, `resident memory reached ${most.toFixed(0)} MB`);
    });

  it("a line of spaces is a blank line", async () => {
    const topic = await broker.topic();
    const { text } = await post(gateway(), `/topics/${topic}`, NDJSON, "1\n \t \n2\n");
    assert.equal(text.trim().split("\n").length, 2);
  });
});
