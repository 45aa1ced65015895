// The clients of streams, npm's EventSource and that of a browser: they reconnect by themselves, and receive values unchanged.

import { strict as assert } from "node:assert";
import { createToken } from "../../../src/core/token.ts";
import { Tickets } from "../../../src/http/auth/tickets.ts";
import { createAuth } from "../../../src/http/auth/tokens.ts";
import {
  describeIf,
  itOnDevBroker,
  onApacheKafka,
  produceWithKafkajs,
  startDevBroker,
  thorough,
  useBroker,
} from "../../support/broker.ts";
import { browserEventSources, chromiumInstalled, useBrowser } from "../../support/browser.ts";
import { type EventSources, npmEventSources } from "../../support/event-sources.ts";
import { startTestGateway, type TestConfig, useGateway } from "../../support/gateway.ts";
import { untilReady } from "../../support/http.ts";
import { portOf } from "../../support/net.ts";
import { assertNumbers, produceNumbers } from "../../support/numbers.ts";
import { startWith } from "../../support/process.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { until } from "../../support/until.ts";

const AWAY_MS = 10_000;
/** Several attempts of an EventSource, each after 2 to 5 s, on a busy machine. */
const RECONNECTS_MS = 40_000;
const HEARTBEAT = { events: { heartbeat: "1s" } };
/** Another origin than that of any gateway. Nothing listens there: the browser gets its document from the test. */
const OTHER_ORIGIN = "http://localhost:1";

const SECRET = "a secret of at least 32 characters";
const HOUR_MS = 3_600_000;
const { token, hash } = createToken();
const tokens = { page: { hash, read: ["*"] } };

/** A ticket that expires at a time; the ones of Onramp are valid for an hour. */
async function ticketUntil(expiresAt: number, topic: string): Promise<string> {
  const auth = createAuth(tokens);
  const tickets = new Tickets(SECRET, auth, () => expiresAt - HOUR_MS);
  return (await tickets.issue(auth.caller(`Bearer ${token}`), { topics: [topic] })).ticket;
}

function eventSourceTests(client: EventSources): void {
  const broker = useBroker();
  const gateway = useGateway(broker.addresses, () => ({ http: { ...HEARTBEAT, cors: [OTHER_ORIGIN] } }));

  /** A gateway behind a proxy that can close connections. */
  const proxied = async (config: TestConfig): Promise<{ direct: string; url: string; proxy: TcpProxy }> => {
    const started = await startTestGateway(broker.addresses(), config);
    await untilReady(started);
    const proxy = await startTcpProxy(portOf(started.apiUrl));
    return { direct: started.apiUrl, url: `http://127.0.0.1:${proxy.port}`, proxy };
  };

  /** Runs `examples/events/browser.js` on a topic; its first ticket expires at a time. */
  const followWithTicketUntil = async (expiresAt: number) => {
    const topic = await broker.topic({ partitions: 3 });
    const { url, proxy } = await proxied({
      http: { ...HEARTBEAT, auth: { tokens }, tickets: { secret: SECRET } },
    });
    const first = await ticketUntil(expiresAt, topic);
    const request = { topics: [topic] };
    const stream = await client.follow(`${url}/topics/${topic}/events`, { request, token, first });
    await stream.until("position");
    return { topic, stream, proxy };
  };

  itOnDevBroker("reconnects when Kafka was unavailable for ten seconds", async () => {
    const kafka = await startDevBroker();
    kafka.createTopic("orders", 3);
    const started = await startTestGateway([kafka.address], { http: HEARTBEAT });
    await untilReady(started);
    const proxy = await startTcpProxy(portOf(started.apiUrl));
    const path = "/topics/orders/events";
    const kept = await client.open(`${started.apiUrl}${path}`);
    const cut = await client.open(`http://127.0.0.1:${proxy.port}${path}`);
    for (const stream of [kept, cut]) await stream.until("position");
    await produceNumbers([kafka.address], "orders", 0, 20);
    for (const stream of [kept, cut]) await assertNumbers(stream, 20);
    const stopped = performance.now();
    await kafka.stop();
    proxy.closeOpenConnections();
    await cut.until("open", 2);
    await until(() => performance.now() - stopped > AWAY_MS);
    await kafka.start();
    for (const count of [40, 60]) {
      await produceNumbers([kafka.address], "orders", count - 20, count);
      for (const stream of [kept, cut]) await assertNumbers(stream, count);
    }
    assert.equal(kept.count("open"), 1);
  });

  it("continues on another replica when its own gets SIGTERM", async () => {
    const topic = await broker.topic({ partitions: 3 });
    const config = { kafka: { brokers: broker.addresses() }, http: HEARTBEAT };
    const [first, second] = [await startWith(config), await startWith(config)];
    const proxy = await startTcpProxy(portOf(first.apiUrl));
    const stream = await client.open(`http://127.0.0.1:${proxy.port}/topics/${topic}/events`);
    await stream.until("position");
    await produceNumbers(broker.addresses(), topic, 0, 20);
    await assertNumbers(stream, 20);
    proxy.target = portOf(second.apiUrl);
    const ended = first.end("SIGTERM");
    await produceNumbers(broker.addresses(), topic, 20, 40);
    assert.equal(await ended, 0);
    await produceNumbers(broker.addresses(), topic, 40, 60);
    await assertNumbers(stream, 60);
    assert.deepEqual(
      stream.data("goodbye").map((data) => JSON.parse(data).reason),
      ["stopping"],
    );
  });

  it("waits for a place when there are too many clients", async () => {
    const topic = await broker.topic({ partitions: 3 });
    const { direct, url, proxy } = await proxied({ http: { events: { heartbeat: "1s", clients: 1 } } });
    const stream = await client.open(`${url}/topics/${topic}/events`);
    await stream.until("position");
    await produceNumbers(broker.addresses(), topic, 0, 20);
    await assertNumbers(stream, 20);
    proxy.closeOpenConnections();
    const other = new AbortController();
    await until(async () => {
      const { status, body } = await fetch(`${direct}/topics/${topic}/events`, { signal: other.signal });
      if (status !== 200) await body?.cancel();
      return status === 200;
    });
    // Each attempt is answered with 200 and ends.
    await stream.until("open", 3, RECONNECTS_MS);
    await produceNumbers(broker.addresses(), topic, 20, 40);
    assert.equal(stream.count("message"), 20);
    other.abort();
    await assertNumbers(stream, 40, RECONNECTS_MS);
  });

  it("continues after a connection was lost, in a page of another origin too", async () => {
    const topic = await broker.topic({ partitions: 3 });
    const proxy = await startTcpProxy(portOf(gateway().apiUrl));
    const url = `http://127.0.0.1:${proxy.port}/topics/${topic}/events`;
    const stream = await client.open(url, OTHER_ORIGIN);
    // Before the first record, too.
    await stream.until("position");
    proxy.closeOpenConnections();
    await produceNumbers(broker.addresses(), topic, 0, 20);
    await assertNumbers(stream, 20);
    proxy.closeOpenConnections();
    await produceNumbers(broker.addresses(), topic, 20, 40);
    await assertNumbers(stream, 40);
  });

  it("gets a new ticket when it has an expired one (examples/events/browser.js)", async () => {
    const { topic, stream } = await followWithTicketUntil(Date.now() - 1000);
    await produceNumbers(broker.addresses(), topic, 0, 20);
    await assertNumbers(stream, 20);
  });

  it("gets a new ticket when its ticket expires, and continues where it was", async () => {
    const expiresAt = Date.now() + 4000;
    const { topic, stream, proxy } = await followWithTicketUntil(expiresAt);
    await produceNumbers(broker.addresses(), topic, 0, 20);
    await assertNumbers(stream, 20);
    await until(() => Date.now() > expiresAt + 1000);
    proxy.closeOpenConnections();
    await produceNumbers(broker.addresses(), topic, 20, 40);
    await assertNumbers(stream, 40);
  });

  const values: readonly (Buffer | string | null)[] = [
    ...[
      "text",
      "",
      " a",
      "a\rb",
      "a\nb",
      "a\r\nb",
      "a\n",
      "a\r",
      "a\r\n",
      "\n",
      "\n\n",
      "\ufeffa",
      "a\u2028b",
      "a\0b",
    ],
    ...["id: 7\nevent: forged\ndata: x\n\nretry: 1", "x\rid: 7\revent: forged\rdata: x\r\r", ":", "data"],
    ...['{"a":\r"x",\r\n"b":\n1}', Buffer.from([0x61, 0xff, 0x0d, 0x0a]), null, "the end"],
  ];
  const messages = values.map((value) => ({ value: value === null ? null : Buffer.from(value) }));
  const isText = (value: Buffer | string | null): value is string =>
    typeof value === "string" && !/[\r\0]/.test(value);

  it("gets every value as it was sent (format=value)", async () => {
    const topic = await broker.topic();
    const stream = await client.open(`${gateway().apiUrl}/topics/${topic}/events?format=value`);
    await stream.until("position");
    await produceWithKafkajs(broker.addresses(), topic, messages);
    await until(() => stream.data().includes("the end"));
    const received = stream.dispatched.filter(({ type }) =>
      ["message", "binary", "tombstone"].includes(type),
    );
    assert.deepEqual(
      received.map(({ type, data }) => (type === "tombstone" ? JSON.parse(data).value : data)),
      values.map((value) =>
        value === null || isText(value) ? value : Buffer.from(value).toString("base64"),
      ),
    );
    assert.deepEqual(
      received.map(({ type }) => type),
      values.map((value) => (value === null ? "tombstone" : isText(value) ? "message" : "binary")),
    );
  });

  it("gets every value as it was sent (format=record)", async () => {
    const topic = await broker.topic();
    const stream = await client.open(`${gateway().apiUrl}/topics/${topic}/events`);
    await stream.until("position");
    await produceWithKafkajs(broker.addresses(), topic, messages);
    await until(() => stream.data().some((data) => data.includes("the end")));
    const received = stream.dispatched.filter(({ type }) => ["message", "tombstone"].includes(type));
    assert.deepEqual(
      received.map(({ data }) => {
        const { value, value_base64 } = JSON.parse(data);
        return value_base64 === undefined ? value : Buffer.from(value_base64, "base64");
      }),
      values.map((value) => (typeof value === "string" && value.startsWith("{") ? JSON.parse(value) : value)),
    );
  });
}

describeIf(thorough, "http: npm's EventSource", function () {
  this.timeout(onApacheKafka ? 90_000 : 60_000);
  eventSourceTests(npmEventSources);
});

describeIf(thorough && chromiumInstalled, "http: Chromium's EventSource", function () {
  this.timeout(onApacheKafka ? 90_000 : 60_000);
  eventSourceTests(browserEventSources(useBrowser()));
});
