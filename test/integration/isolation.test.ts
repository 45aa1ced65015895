// What is wrong with one topic, client or body is nobody else's matter.

import { strict as assert } from "node:assert";
import http from "node:http";
import net from "node:net";
import { onApacheKafka, useBroker } from "../support/broker.ts";
import { useGateway, writeConfig } from "../support/gateway.ts";
import { post } from "../support/http.ts";
import { rss, start } from "../support/process.ts";
import { until } from "../support/until.ts";

const soak = process.env["ONRAMP_SOAK"] === "1";
const MEGABYTE = 1024 * 1024;
const PRODUCE = 0;

(onApacheKafka ? describe.skip : describe)("isolation, with faults on purpose", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { deadline: "3s" }, kafka: { requestTimeout: "500ms" } }),
  );
  afterEach(() => broker.dev().faults.clear());

  async function slowest(topic: string, posts: number): Promise<number> {
    let most = 0;
    for (let n = 0; n < posts; n++) {
      const began = performance.now();
      assert.equal((await post(gateway(), `/topics/${topic}`, undefined, `${n}`)).status, 200);
      most = Math.max(most, performance.now() - began);
    }
    return most;
  }

  it("a topic without a leader: 503 by the deadline, and a live one beside it is not delayed", async () => {
    const [live, lost] = [await broker.topic(), await broker.topic()];
    broker.dev().faults.leaderless = (topic) => topic === lost;
    const refused = post(gateway(), `/topics/${lost}`, undefined, "x");
    assert.ok((await slowest(live, 50)) < 500);
    const { status, body } = await refused;
    assert.deepEqual([status, body.error_code], [503, 50301]);
    assert.match(body.detail, /no leader/);
  });

  it("a topic whose replicas never catch up: a live one waits for one request at most, then not at all", async () => {
    const [live, slow] = [await broker.topic(), await broker.topic({ partitions: 12 })];
    broker.dev().faults.produce = ({ topic }) =>
      topic === slow ? { append: true, errorCode: 7 } : undefined;
    const slowPosts = Promise.all(
      Array.from({ length: 12 }, (_, partition) =>
        post(gateway(), `/topics/${slow}/partitions/${partition}`, undefined, "x"),
      ),
    );
    assert.ok((await slowest(live, 100)) < 500);
    assert.ok((await slowPosts).every(({ status }) => status === 504));
  });

  it("a slow partition: its siblings wait with it for a moment, and then no more", async () => {
    const topic = await broker.topic({ partitions: 4 });
    let slow = false;
    broker.dev().faults.produce = ({ partition }) => {
      slow ||= partition === 0;
      return undefined;
    };
    broker.dev().faults.response = (key) => {
      if (key !== PRODUCE || !slow) return undefined;
      slow = false;
      return { kind: "delay", ms: 700 };
    };
    let running = true;
    const slowPosts = (async () => {
      while (running) await post(gateway(), `/topics/${topic}/partitions/0`, undefined, "x");
    })();
    const took: number[] = [];
    for (let n = 0; n < 60; n++) {
      const began = performance.now();
      assert.equal(
        (await post(gateway(), `/topics/${topic}/partitions/${1 + (n % 3)}`, undefined, "x")).status,
        200,
      );
      took.push(performance.now() - began);
    }
    running = false;
    await slowPosts;
    assert.ok(took.filter((ms) => ms > 300).length < 15, took.map((ms) => ms.toFixed(0)).join());
  });

  it("a broker that does not answer for one topic: another on the same broker waits for one time-out at most", async () => {
    const [live, stalled] = [await broker.topic(), await broker.topic()];
    await slowest(live, 1);
    broker.dev().faults.response = (key, frame) =>
      key === PRODUCE && frame.includes(stalled) ? { kind: "stall" } : undefined;
    const lost = post(gateway(), `/topics/${stalled}`, undefined, "x");
    assert.ok((await slowest(live, 50)) < 500 + 1000 + 500);
    assert.equal((await lost).status, 504);
    assert.ok((await slowest(live, 50)) < 300, "from then on they travel apart");
  });
});

describe("bounded memory", function () {
  this.timeout(300_000);
  const broker = useBroker();

  it(`${soak ? 1000 : 200} clients that send 25 MB each at once: resident memory stays under the budget + 150 MB`, async () => {
    const topic = await broker.topic({ config: { "max.message.bytes": "30000000" } });
    const gateway = await start([
      "start",
      "--config",
      writeConfig({ kafka: { brokers: broker.addresses() }, stop: { drain: "0ms" } }),
    ]);
    const body = Buffer.alloc(25 * MEGABYTE, "x");
    const statuses = new Map<number, number>();
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, rss(gateway.child.pid));
    }, 20);
    const agent = new http.Agent({ keepAlive: false, maxSockets: 2000 });
    await Promise.all(
      Array.from(
        { length: soak ? 1000 : 200 },
        () =>
          new Promise<void>((resolve) => {
            const request = http.request(
              `${gateway.apiUrl}/topics/${topic}`,
              { method: "POST", agent, headers: { "content-length": body.length } },
              (response) => {
                statuses.set(response.statusCode ?? 0, (statuses.get(response.statusCode ?? 0) ?? 0) + 1);
                response.resume().on("end", resolve);
              },
            );
            request.on("error", () => resolve());
            request.end(body);
          }),
      ),
    );
    clearInterval(watch);
    assert.ok(most < (64 + 150) * MEGABYTE, `resident memory reached ${(most / MEGABYTE).toFixed(0)} MB`);
    assert.ok(
      [...statuses.keys()].every((status) => [200, 413, 429, 503, 504].includes(status)),
      JSON.stringify([...statuses]),
    );
    if (soak)
      console.log(
        `      RSS at most ${(most / MEGABYTE).toFixed(0)} MB; answers: ${JSON.stringify([...statuses])}`,
      );
    await until(async () =>
      /^onramp_in_flight_bytes 0$/m.test(await (await fetch(`${gateway.adminUrl}/metrics`)).text()),
    );
    assert.equal(await gateway.end(), 0);
  });

  it("a body in chunks of one byte costs no more than its size", async () => {
    const topic = await broker.topic();
    const gateway = await start([
      "start",
      "--config",
      writeConfig({ kafka: { brokers: broker.addresses() }, stop: { drain: "0ms" } }),
    ]);
    const before = rss(gateway.child.pid);
    const { port, hostname } = new URL(gateway.apiUrl);
    const socket = net.connect(Number(port), hostname);
    socket.on("error", () => {});
    socket.write(
      `POST /topics/${topic} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`,
    );
    const chunks = "1\r\nx\r\n".repeat(50_000);
    for (let n = 0; n < 4; n++) await new Promise<void>((resolve) => socket.write(chunks, () => resolve()));
    assert.ok(rss(gateway.child.pid) - before < 40 * MEGABYTE);
    socket.destroy();
    assert.equal(await gateway.end(), 0);
  });
});
