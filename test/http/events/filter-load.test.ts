// Filters of clients under load: a hundred different ones, and hostile ones, delay neither the process nor other clients.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { afterTest } from "../../support/after-test.ts";
import { describeIf, thorough, useBroker } from "../../support/broker.ts";
import { type EventClient, openEvents } from "../../support/event-client.ts";
import { post, V2_JSON } from "../../support/http.ts";
import { type Started, startMeasured } from "../../support/process.ts";
import { bound, soak } from "../../support/soak.ts";
import { until } from "../../support/until.ts";

const FILTERS = 100;
const PER_SECOND = soak ? 1000 : 200;
const SECONDS = soak ? 30 : 5;
const PER_REQUEST = 10;
/** How long the event loop may be blocked, in milliseconds. The request that measures it adds its own time. */
const [HELD_MS, REQUEST_MS] = [50, 25];

describeIf(thorough, "http: filters of events under load", function () {
  this.timeout(120_000);
  const broker = useBroker();

  it(`${FILTERS} different filters beside plain clients`, async () => {
    const topic = await broker.topic({ partitions: 2 });
    const gateway = await startMeasured({ kafka: { brokers: broker.addresses() }, http: { port: 0 } });
    const url = `${gateway.apiUrl}/topics/${topic}/events`;
    const filtered: EventClient[] = [];
    for (let k = 0; k < FILTERS; k++)
      filtered.push(
        await openEvents(`${url}?filter=${encodeURIComponent(`n % ${FILTERS} = ${k} and kind = 'order'`)}`),
      );
    const plain = [await openEvents(url), await openEvents(`${url}?partition=0`)];
    const slowest = startCanary(gateway);
    const total = PER_SECOND * SECONDS;
    const late: number[] = [];
    for (let n = 0; n < total; n += PER_REQUEST) {
      const began = performance.now();
      await produce(gateway, topic, n);
      await plain[0]?.untilRecords(n + PER_REQUEST);
      late.push(performance.now() - began);
      await delay(Math.max(0, (PER_REQUEST / PER_SECOND) * 1000 - (performance.now() - began)));
    }
    await plain[1]?.untilRecords(total / 2);
    for (const [k, client] of filtered.entries()) {
      await client.untilRecords(total / FILTERS, 60_000);
      const numbers = client.records.map(({ value }) => (value as { n: number }).n);
      assert.ok(numbers.every((n) => n % FILTERS === k) && numbers.length === total / FILTERS, `filter ${k}`);
    }
    late.sort((a, b) => a - b);
    const p99 = late[Math.floor(late.length * 0.99)] ?? 0;
    console.log(
      `      plain clients: p99 ${p99.toFixed(0)} ms; the canary: ${slowest().toFixed(0)} ms at most`,
    );
    assert.ok(slowest() < bound(HELD_MS + REQUEST_MS));
  });

  it("hostile filters on values that are made for them", async () => {
    const topic = await broker.topic();
    const gateway = await startMeasured({ kafka: { brokers: broker.addresses() }, http: { port: 0 } });
    const url = `${gateway.apiUrl}/topics/${topic}/events`;
    const hostile = [
      "$count(items[id in items.id]) > 1",
      "$contains(text, text)",
      "$sum(items.(id + 1).(1 + 1)) > 0",
      "$count(*.*.*.*) > 3",
      "$string($) & $string($) & $string($) = 'x'",
      "items[$string(id) = '1'][$string(id) = '2'].id = 3",
    ];
    for (const filter of [
      "/^(a+)+$/",
      "$pad('x', 100000000)",
      "$sort(items)",
      "**.**",
      "[1..10000000]",
      "$eval('1')",
    ]) {
      const answer = await fetch(`${url}?filter=${encodeURIComponent(filter)}`);
      assert.equal(answer.status, 400, filter);
      await answer.body?.cancel();
    }
    const clients: EventClient[] = [];
    for (const filter of hostile)
      clients.push(await openEvents(`${url}?filter=${encodeURIComponent(filter)}`));
    const plain = await openEvents(url);
    const slowest = startCanary(gateway);
    const items = JSON.stringify({
      items: Array.from({ length: 15_000 }, (_, id) => ({ id })),
      text: "ab".repeat(20_000),
    });
    const large = JSON.stringify("x".repeat(700_000));
    for (let n = 1; n <= 10; n++) {
      for (const value of [items, large])
        assert.equal((await post(gateway, `/topics/${topic}`, "application/json", value)).status, 200);
      await plain.untilRecords(2 * n);
    }
    // A client gets `skipped` for what was not evaluated, or a goodbye.
    for (const client of clients)
      await until(() => client.events.some(({ name }) => name === "skipped" || name === "goodbye"), 60_000);
    console.log(`      the canary: ${slowest().toFixed(0)} ms at most`);
    assert.ok(slowest() < bound(HELD_MS + REQUEST_MS));
  });
});

async function produce(gateway: Started, topic: string, from: number): Promise<void> {
  const records = Array.from({ length: PER_REQUEST }, (_, k) => ({
    partition: k % 2,
    value: { n: from + k, kind: "order", text: "x".repeat(200) },
  }));
  const { status } = await post(gateway, `/topics/${topic}`, V2_JSON, JSON.stringify({ records }));
  assert.equal(status, 200);
}

/** Asks for the health of the process every 20 ms. @returns a function that returns the longest time, in milliseconds */
function startCanary({ adminUrl }: Started): () => number {
  let [longest, running] = [0, true];
  afterTest(() => {
    running = false;
  });
  void (async () => {
    while (running) {
      const began = performance.now();
      await fetch(`${adminUrl}/healthz`).then(
        (answer) => answer.text(),
        () => {},
      );
      longest = Math.max(longest, performance.now() - began);
      await delay(20);
    }
  })();
  return () => longest;
}
