// A stream of lines holds little memory, and releases it.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import http from "node:http";
import type net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describeOnDevBroker, useBroker } from "../support/broker.ts";
import { useGateway } from "../support/gateway.ts";
import { connect, inFlight, NDJSON } from "../support/http.ts";
import { linesHead, openLines } from "../support/lines.ts";
import { startMeasured, watchRss } from "../support/process.ts";
import { delayProduce } from "../support/produce-faults.ts";
import { until } from "../support/until.ts";

const MEGABYTE = 1024 * 1024;

describeOnDevBroker("issue: lines hold little memory", function () {
  this.timeout(90_000);
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { maxBody: "1MB", budget: "8MB" } }),
  );
  it("bytes of lines are released when the connection is reset while their response waits", async () => {
    const topic = await broker.topic();
    for (let n = 0; n < 20; n++) {
      delayProduce(broker.dev(), 200);
      const socket = await connect(gateway());
      const body = "1\n".repeat(2000);
      socket.write(`POST /topics/${topic} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1\r\n\r\nx`);
      socket.write(`${linesHead(topic, `content-length: ${body.length}\r\n`)}${body}`);
      await delay(30);
      socket.resetAndDestroy();
    }
    broker.dev().faults.clear();
    await until(async () => (await inFlight(gateway())) === 0);
  });

  /** The maximum resident memory of a gateway process, in megabytes. */
  async function memoryOf(use: (apiUrl: string, topic: string) => Promise<void>): Promise<number> {
    const own = await startMeasured({ kafka: { brokers: broker.addresses() } });
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
      for (let n = 0; n < 100; n++) if (!socket.write(bytes)) await once(socket, "drain");
      socket.write("1\r\n\n\r\n0\r\n\r\n");
      const [response] = await answered;
      await once(response.resume(), "end");
    });
    assert.ok(most < 200, `resident memory reached ${most.toFixed(0)} MB for a line of 1 MB`);
  });

  // A stream ends after 1,000 bad lines in a row.
  for (const lines of ["1\n".repeat(10_000), `1\n${"x\n".repeat(999)}`.repeat(10)])
    it(`lines of one byte (${lines.slice(0, 4).replaceAll("\n", " ")}…) cost no more memory than a window of lines`, async () => {
      const most = await memoryOf(async (apiUrl, topic) => {
        const exchange = openLines({ apiUrl }, `/topics/${topic}`);
        const COUNT = 300_000;
        const sent = (async () => {
          for (let n = 0; n < COUNT; n += 10_000) await exchange.write(lines);
          exchange.end();
        })();
        let read = 0;
        while (await exchange.next()) read++;
        await sent;
        assert.equal(read, COUNT);
      });
      assert.ok(most < 200, `resident memory reached ${most.toFixed(0)} MB`);
    });
});
