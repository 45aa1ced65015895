// Clients that are cut and resumed at random, on either of two gateways, receive every record exactly once per partition, in
// the order of the partition.

import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import type { PlacedRecord } from "../../../src/wire/record-batch-reader.ts";
import { afterTest } from "../../support/after-test.ts";
import { describeIf, thorough, useBroker } from "../../support/broker.ts";
import { startTestGateway } from "../../support/gateway.ts";
import { post, V2_JSON } from "../../support/http.ts";
import { readCommitted } from "../../support/read-back.ts";
import { ResumingClient, type ResumingOptions } from "../../support/resuming-client.ts";
import { soak } from "../../support/soak.ts";
import { CONFIRMED, NEVER, prepared, startTransactions } from "../../support/transactional-producers.ts";
import { until } from "../../support/until.ts";

const RECORDS = soak ? 20_000 : 4000;
const CUTS = soak ? 200 : 60;
const PARTITIONS = 3;
/** The pause between requests and between transactions, so that the clients are cut while records are written. */
const PACE_MS = 20;

interface Kind extends Omit<ResumingOptions, "urls" | "path"> {
  readonly wants?: (record: PlacedRecord) => boolean;
}

describeIf(thorough, "http: events are exact", function () {
  this.timeout(soak ? 600_000 : 120_000);
  const broker = useBroker();

  it("while clients are cut and resumed on either of two gateways, some of them slow", async () => {
    const topics = [
      await broker.topic({ partitions: PARTITIONS }),
      await broker.topic({ partitions: PARTITIONS }),
    ];
    const gateways = [await startTestGateway(broker.addresses()), await startTestGateway(broker.addresses())];
    const urls = (): string[] => gateways.map(({ apiUrl }) => apiUrl);
    const path = `/topics/${topics.join(",")}/events`;
    const kinds: readonly Kind[] = [
      { from: "earliest", cutAfterMs: 800 },
      { from: "latest", cutAfterMs: 800 },
      { from: "latest", cutAfterMs: 20 },
      { from: "earliest", bytesPerSecond: 10_000, cutAfterMs: 2000 },
      { from: "latest", bytesPerSecond: 10_000, cutAfterMs: 2000 },
      { from: "earliest", bytesPerSecond: 100_000, cutAfterMs: 1000 },
      {
        from: "latest",
        query: "&key=%227%22",
        cutAfterMs: 800,
        wants: ({ key }) => key?.toString() === '"7"',
      },
      {
        from: "earliest",
        query: `&filter=${encodeURIComponent("n % 2 = 1")}`,
        cutAfterMs: 500,
        wants: ({ value }) => JSON.parse(value?.toString() ?? "").n % 2 === 1,
      },
    ];
    const clients = kinds.map((kind) => new ResumingClient({ urls, path, ...kind }));
    const running = clients.map((client) => client.run());
    afterTest(() => clients.forEach((client) => void client.end()));
    await until(() => clients.every(({ starts }) => starts.length > 0));

    await Promise.all([
      producePlain(gateways[0] as never, topics),
      produceTransactions(broker.addresses(), topics),
    ]);
    const cuts = (): number => clients.reduce((sum, client) => sum + client.cuts, 0);
    await until(() => cuts() >= CUTS && clients.every((client) => client.cuts >= CUTS / 20), 300_000);
    for (const client of clients) client.stop();

    for (const [topicIndex, topic] of topics.entries())
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const committed = await readCommitted(broker.addresses(), topic, partition);
        for (const [index, client] of clients.entries()) {
          const start = client.starts[topicIndex]?.[partition] ?? 0;
          const wanted = committed.filter(kinds[index]?.wants ?? (() => true)).map(({ offset }) => offset);
          const last = wanted.at(-1) ?? -1;
          const place = `${topic}/${partition}`;
          await until(
            () => last < start || (client.received.get(place)?.at(-1)?.offset ?? -1) >= last,
            60_000,
          );
          client.check(place, start, wanted);
        }
      }
    for (const client of clients) assert.deepEqual(client.others, []);
    for (const client of clients) client.end();
    await Promise.all(running);
  });
});

/** Produces records in envelopes, over HTTP. */
async function producePlain(gateway: Parameters<typeof post>[0], topics: readonly string[]): Promise<void> {
  const size = 20;
  for (let n = 0; n < RECORDS / 2; n += size)
    for (const topic of [topics[(n / size) % topics.length] ?? ""]) {
      const records = Array.from({ length: size }, (_, k) => ({
        key: `${(n + k) % 50}`,
        partition: (n + k) % PARTITIONS,
        value: { n: n + k, text: "x".repeat(100) },
      }));
      const { status } = await post(gateway, `/topics/${topic}`, V2_JSON, JSON.stringify({ records }));
      assert.equal(status, 200);
      await delay(PACE_MS);
    }
}

/** Produces records in transactions over all partitions. Every fifth one is aborted. */
async function produceTransactions(brokers: readonly string[], topics: readonly string[]): Promise<void> {
  const { producer } = await startTransactions(brokers);
  const size = 30;
  for (let n = 0; n < RECORDS / 2; n += size) {
    const records = Array.from({ length: size }, (_, k) =>
      prepared(
        topics[k % topics.length] ?? "",
        JSON.stringify({ n: n + k, transactional: true }),
        k % PARTITIONS,
      ),
    );
    if ((n / size) % 5 === 4) {
      const tooLarge = prepared(topics[0] ?? "", "x".repeat(3 * 1024 * 1024));
      await assert.rejects(producer.commit([...records, tooLarge]));
      await producer.recover(CONFIRMED, NEVER);
    } else await producer.commit(records);
    await delay(PACE_MS);
  }
}
