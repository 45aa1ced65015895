// Streams of events behind Debian's nginx, with buffering and compression, and Debian's HAProxy, with short time-outs.

import { strict as assert } from "node:assert";
import { describeIf, thorough, useBroker } from "../../support/broker.ts";
import { browserEventSources, chromiumInstalled, useBrowser } from "../../support/browser.ts";
import { npmEventSources, type Stream } from "../../support/event-sources.ts";
import { startTestGateway, useGateway } from "../../support/gateway.ts";
import { haproxyInstalled, startHaproxy } from "../../support/haproxy.ts";
import { send } from "../../support/http.ts";
import { portOf } from "../../support/net.ts";
import { nginxInstalled, startNginx } from "../../support/nginx.ts";
import { assertNumbers, produceNumbers } from "../../support/numbers.ts";
import { startWith } from "../../support/process.ts";
import { bound } from "../../support/soak.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";

/** The time-out of the proxies, in milliseconds. */
const TIMEOUT_MS = 3000;
const RECORDS = 20;
/** A proxy has buffered a record that takes this long, in milliseconds. */
const HELD_BACK_MS = 150;

describeIf(thorough && nginxInstalled && haproxyInstalled, "http: events behind proxies", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const gateway = useGateway(broker.addresses, () => ({ http: { events: { heartbeat: "1s" } } }));
  const clients = [npmEventSources, ...(chromiumInstalled ? [browserEventSources(useBrowser())] : [])];

  const openAll = (url: string, topic: string): Promise<Stream[]> =>
    Promise.all(clients.map((client) => client.open(`${url}/topics/${topic}/events`)));

  for (const [name, start] of [
    ["nginx", startNginx],
    ["HAProxy", startHaproxy],
  ] as const)
    describe(name, () => {
      it("passes the first event within a second, and each record at once", async () => {
        const url = await start(gateway().apiUrl);
        const topic = await broker.topic();
        for (const client of clients) {
          const opened = performance.now();
          const stream = await client.open(`${url}/topics/${topic}/events`);
          await stream.until("position", 1, bound(1000));
          const first = performance.now() - opened;
          const times: number[] = [];
          for (let n = 1; n <= RECORDS; n++) {
            const sent = performance.now();
            await send(gateway(), `/topics/${topic}`, { method: "POST", body: `${n}` });
            await stream.until("message", n, bound(1000));
            times.push(performance.now() - sent);
          }
          times.sort((a, b) => a - b);
          const [quarter = 0] = times.slice(RECORDS / 4);
          const [median = 0] = times.slice(RECORDS / 2);
          console.log(`      first event: ${first.toFixed(0)} ms; record: ${median.toFixed(0)} ms (median)`);
          // HAProxy waits 200 ms for more of a chunked answer.
          assert.ok(quarter < HELD_BACK_MS, `a quarter of the records took ${quarter.toFixed(0)} ms or less`);
        }
      });

      it("keeps an idle stream open for longer than three time-outs", async () => {
        const url = await start(gateway().apiUrl);
        const topic = await broker.topic();
        const opened = performance.now();
        const streams = await openAll(url, topic);
        await until(() => performance.now() - opened > 3 * TIMEOUT_MS + 1000);
        await send(gateway(), `/topics/${topic}`, { method: "POST", body: "1" });
        for (const stream of streams) {
          await stream.untilRecords(1);
          assert.equal(stream.count("open"), 1);
          assert.equal(stream.count("error"), 0);
        }
      });

      it("closes a stream whose heartbeat is longer than its time-out, and the clients reconnect", async () => {
        const slow = await startTestGateway(broker.addresses(), { http: { events: { heartbeat: "60s" } } });
        const topic = await broker.topic();
        const streams = await openAll(await start(slow.apiUrl), topic);
        for (const stream of streams) await stream.until("error");
        await send(gateway(), `/topics/${topic}`, { method: "POST", body: "1" });
        for (const stream of streams) await stream.untilRecords(1);
      });
    });

  it("nginx compresses the stream, and speaks HTTP/1.0 to Onramp", async () => {
    const topic = await broker.topic();
    const url = await startNginx(gateway().apiUrl);
    const cancel = new AbortController();
    const headers = { "accept-encoding": "gzip" };
    const { headers: got } = await fetch(`${url}/topics/${topic}/events`, { headers, signal: cancel.signal });
    cancel.abort();
    assert.equal(got.get("content-encoding"), "gzip");
    assert.equal(got.get("content-type"), "text/event-stream");
  });

  it("nginx buffers a stream without x-accel-buffering: no", async () => {
    const topic = await broker.topic();
    const ignoring = await startNginx(gateway().apiUrl, "proxy_ignore_headers X-Accel-Buffering;");
    const direct = await npmEventSources.open(`${gateway().apiUrl}/topics/${topic}/events`);
    const [held] = await openAll(ignoring, topic);
    await direct.until("position", 5);
    assert.equal(held?.dispatched.length, 0);
  });

  it("an EventSource gives up at nginx's 502, and examples/events/browser.js reconnects", async () => {
    const topic = await broker.topic({ partitions: 3 });
    const tickets = { secret: "a secret of at least 32 characters" };
    const config = { kafka: { brokers: broker.addresses() }, http: { events: { heartbeat: "1s" }, tickets } };
    const replica = await startWith(config);
    const upstream = await startTcpProxy(portOf(replica.apiUrl));
    // Without Host, Onramp would refuse POST /tickets, since it could not know that the page is of its own origin.
    const host = "proxy_set_header Host $http_host;";
    const url = `${await startNginx(`http://127.0.0.1:${upstream.port}`, host)}/topics/${topic}/events`;
    const bare = await npmEventSources.open(url);
    const request = { topics: [topic] };
    const streams = await Promise.all(
      clients.map((client) => client.follow(url, { request, token: "none" })),
    );
    for (const stream of streams) await stream.until("position");
    await produceNumbers(broker.addresses(), topic, 0, 20);
    for (const stream of streams) await assertNumbers(stream, 20);
    await replica.end("SIGTERM");
    await until(() => bare.dispatched.some(({ closed }) => closed));
    await produceNumbers(broker.addresses(), topic, 20, 40);
    upstream.target = portOf((await startWith(config)).apiUrl);
    for (const stream of streams) await assertNumbers(stream, 40);
  });
});
