// Promise 8 for streams of events: an open stream costs little memory, and clients that do not read, or that come and go,
// cost the others nothing.

import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterTest } from "../support/after-test.ts";
import { describeIf, thorough, useBroker } from "../support/broker.ts";
import { ChurningClients } from "../support/churning-clients.ts";
import { metric } from "../support/http.ts";
import { ManyClients } from "../support/many-clients.ts";
import { heapAfterGc, rss, type Started, startMeasured, watchRss } from "../support/process.ts";
import { RecordRate } from "../support/record-rate.ts";
import { bound, soak } from "../support/soak.ts";
import { until } from "../support/until.ts";

const MEGABYTE = 1024 * 1024;
const PARTITIONS = 6;
const IDLE_CLIENTS = soak ? 10_000 : 1000;
const IDLE_TOPICS = 10;
const HEARTBEAT_MS = soak ? 15_000 : 1000;
/** The resident memory that idle clients may add. In CI, what the first clients add alone counts as well. */
const IDLE_BYTES = (soak ? 160 : 60) * MEGABYTE;
/** How late a heartbeat may be, in milliseconds. */
const LATE_MS = 2000;

const CHURN = { clients: soak ? 2000 : 200, keys: soak ? 500 : 60, activeKeys: soak ? 450 : 48 };
const CHURN_MS = soak ? Number(process.env["ONRAMP_CHURN_MINUTES"] ?? 30) * 60_000 : 16_000;

const mb = (bytes: number): string => `${(bytes / MEGABYTE).toFixed(1)} MB`;

describeIf(thorough, "promise 8: bounded memory of streams of events", function () {
  this.timeout(soak ? CHURN_MS + 600_000 : 120_000);
  const broker = useBroker();

  const startGateway = (events: object): Promise<Started> =>
    startMeasured({ kafka: { brokers: broker.addresses(), createTopics: true }, http: { events } });
  const manyClients = (): ManyClients => {
    const clients = new ManyClients();
    afterTest(() => clients.stop());
    return clients;
  };

  it(`${IDLE_CLIENTS} idle clients add less than ${mb(IDLE_BYTES)} of resident memory, and get their heartbeats`, async () => {
    const topics = await Promise.all(Array.from({ length: IDLE_TOPICS }, () => broker.topic()));
    const gateway = await startGateway({ heartbeat: `${HEARTBEAT_MS}ms` });
    const paths = topics.map((topic) => `/topics/${topic}/events`);
    const clients = manyClients();
    const base = rss(gateway.child.pid);
    const most = watchRss(gateway);
    const { open } = await clients.open({ url: gateway.apiUrl, paths, count: IDLE_CLIENTS });
    assert.equal(open, IDLE_CLIENTS);
    const opened = rss(gateway.child.pid);
    await clients.reset();
    await delay(2 * HEARTBEAT_MS + LATE_MS);
    const counts = await clients.counts();
    const added = rss(gateway.child.pid) - base;
    const bare = await bareMemory(manyClients());
    console.log(
      `      base ${mb(base)}; added: ${mb(added)}, when all were open ${mb(opened - base)}, at most ${mb(most() - base)}; bare node:http adds ${mb(bare)}; heap ${mb(await heapAfterGc(gateway))}; the longest silence ${counts.longestGapMs.toFixed(0)} ms`,
    );
    assert.equal(counts.open, IDLE_CLIENTS);
    assert.equal(await metric(gateway, "onramp_events_topics"), IDLE_TOPICS);
    assert.ok(counts.longestGapMs < HEARTBEAT_MS + bound(LATE_MS));
    assert.ok(added < IDLE_BYTES);
  });

  it(`${CHURN.clients} clients of ${CHURN.keys} keys come and go: every stream gets its records, and memory does not grow`, async () => {
    const topic = await broker.topic({
      partitions: PARTITIONS,
      config: { "retention.bytes": "20000000", "segment.bytes": "10000000" },
    });
    // A small ring is full soon: then memory must not grow any more.
    const gateway = await startGateway({ ring: "8MB", heartbeat: `${HEARTBEAT_MS}ms` });
    const records = await RecordRate.open(broker.addresses(), topic, PARTITIONS, CHURN.activeKeys);
    afterTest(() => records.close());
    records.start(CHURN.activeKeys);
    const clients = new ChurningClients();
    afterTest(() => clients.stop());
    const url = `${gateway.apiUrl}/topics/${topic}/events`;
    await clients.start({ ...CHURN, url, heartbeatMs: HEARTBEAT_MS, stays: soak ? [1, 30] : [0.2, 14] });
    const memory = await watchMemory(gateway, CHURN_MS);
    const counts = await clients.counts();
    await records.stop();
    console.log(`      ${JSON.stringify(counts)}\n      ${memory.text}`);
    assert.deepEqual(counts.faults, []);
    assert.ok(counts.records > 0 && counts.resumed > 0);
    if (!soak) return;
    assert.ok(memory.heapGrowth < 10 * MEGABYTE, `the heap grew by ${mb(memory.heapGrowth)}`);
    assert.ok(memory.rssGrowth < 30 * MEGABYTE, `resident memory grew by ${mb(memory.rssGrowth)}`);
  });
});

describeIf(soak, "promise 8: clients that do not read", function () {
  this.timeout(600_000);
  const broker = useBroker();
  const [READING, STUCK, RATE, WINDOW_MS] = [900, 100, 200, 20_000];

  it(`${STUCK} clients that read nothing do not slow the other ${READING}, and are ended after a minute`, async () => {
    const topic = await broker.topic({
      partitions: PARTITIONS,
      config: { "retention.bytes": "20000000", "segment.bytes": "10000000" },
    });
    const gateway = await startMeasured({
      kafka: { brokers: broker.addresses(), createTopics: true },
      http: { events: { ring: "8MB" } },
    });
    const records = await RecordRate.open(broker.addresses(), topic, PARTITIONS);
    const [reading, stuck] = [new ManyClients(), new ManyClients()];
    afterTest(async () => {
      await Promise.all([reading.stop(), stuck.stop()]);
      await records.close();
    });
    const paths = [`/topics/${topic}/events`];
    await reading.open({ url: gateway.apiUrl, paths, count: READING });
    records.start(RATE);
    const window = async (name: string) => {
      await reading.reset();
      const began = performance.now();
      await delay(WINDOW_MS);
      const { events, p50, p99, open } = await reading.counts();
      const perSecond = events / ((performance.now() - began) / 1000);
      const heap = await heapAfterGc(gateway);
      console.log(
        `      ${name}: ${perSecond.toFixed(0)} events/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${open} open; RSS ${mb(rss(gateway.child.pid))}, heap ${mb(heap)}`,
      );
      return { perSecond, p99, heap };
    };
    await window("warm-up");
    const without = await window("without");
    await stuck.open({ url: gateway.apiUrl, paths, count: STUCK, reads: false });
    const behind = async () => (await metric(gateway, "onramp_events_behind_seconds")) ?? 0;
    await until(async () => (await behind()) > 10, 120_000);
    const beside = await window(`with ${STUCK} that read nothing`);
    const slow = () => metric(gateway, "onramp_events_ended_total", { reason: "slow" });
    await until(async () => (await slow()) === STUCK, 120_000);
    const after = await window("after their end");
    await records.stop();
    assert.equal((await reading.counts()).open, READING);
    assert.ok(beside.perSecond > 0.95 * without.perSecond);
    assert.ok(beside.p99 < 1.5 * without.p99 + 10);
    for (const { heap } of [beside, after]) assert.ok(heap < without.heap + 10 * MEGABYTE);
  });
});

/** Opens responses of bare `node:http`. @returns the resident memory that they add, in bytes */
async function bareMemory(clients: ManyClients): Promise<number> {
  const file = path.join(import.meta.dirname, "../support/bare-events.ts");
  const child = spawn(process.execPath, ["--import", "ts-blank-space/register", file]);
  afterTest(() => child.kill("SIGKILL"));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const url = `http://127.0.0.1:${String(line).trim().split(" ")[1]}`;
  const base = rss(child.pid);
  await clients.open({ url, paths: ["/"], count: IDLE_CLIENTS });
  return rss(child.pid) - base;
}

/** Measures the growth of memory after a fifth of the time. */
async function watchMemory(gateway: Started, ms: number) {
  const [samples, heaps]: { at: number; bytes: number }[][] = [[], []];
  const began = Date.now();
  for (let at = 0; at < ms; at = Date.now() - began) {
    await delay(ms / 100);
    if (at < ms / 5) continue;
    samples?.push({ at, bytes: rss(gateway.child.pid) });
    if ((samples?.length ?? 0) % 8 === 1) heaps?.push({ at, bytes: await heapAfterGc(gateway) });
  }
  const [rssGrowth, heapGrowth] = [growth(samples ?? []), growth(heaps ?? [])];
  const of = (list: { bytes: number }[] = []): string => list.map(({ bytes }) => mb(bytes)).join(", ");
  const text = `RSS ${of(samples?.filter((_, n) => n % 8 === 0))}; growth ${mb(rssGrowth)}. Heap after gc ${of(heaps)}; growth ${mb(heapGrowth)}`;
  return { rssGrowth, heapGrowth, text };
}

/** The growth over the whole time, according to the regression line of the samples. */
function growth(samples: readonly { readonly at: number; readonly bytes: number }[]): number {
  const mean = (value: (sample: (typeof samples)[number]) => number): number =>
    samples.reduce((sum, sample) => sum + value(sample), 0) / samples.length;
  const [at, bytes] = [mean((sample) => sample.at), mean((sample) => sample.bytes)];
  const slope =
    mean((sample) => (sample.at - at) * (sample.bytes - bytes)) / mean((sample) => (sample.at - at) ** 2);
  return slope * ((samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0));
}
