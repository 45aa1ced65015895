// A new owner of sources misses no cursor, and an old one writes nothing: also while another source's transaction is open,
// after time-outs, and after the transactional id has expired.

import { strict as assert } from "node:assert";
import { statePartition } from "../../src/app/state-topic.ts";
import { OwnershipUnknown, TransactionLost } from "../../src/core/source-ports.ts";
import { KafkaStateReader } from "../../src/kafka/consume/state-reader.ts";
import { TransactionalProducer } from "../../src/kafka/produce/transaction.ts";
import { EndTxn } from "../../src/wire/messages/transaction.ts";
import { startCluster } from "../support/apache-kafka/cluster.ts";
import { describeIf, mayStartApacheKafka, useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { startClient } from "../support/group-members.ts";
import { committedValues } from "../support/read-back.ts";
import { acceptedRecord } from "../support/segments.ts";
import {
  committedNumbers,
  counting,
  pause,
  scripted,
  sourceState,
  untilState,
  upTo,
} from "../support/sources.ts";
import {
  CONFIRMED,
  NEVER,
  prepared,
  recover,
  startTransactions,
} from "../support/transactional-producers.ts";
import { until } from "../support/until.ts";

/** Names of sources that have the same state partition. */
const twins = (count: number): string[] => {
  const wanted = statePartition("a0");
  const names: string[] = [];
  for (let n = 0; names.length < count; n++) if (statePartition(`a${n}`) === wanted) names.push(`a${n}`);
  return names;
};

describe("sources are taken over", function () {
  this.timeout(90_000);
  const broker = useBroker();

  function start(namespace: string, sources: Readonly<Record<string, string>>, log = keepingLog()) {
    const options = Object.entries(sources).map(([name, topic]) => [name, { type: "scripted", topic }]);
    return startTestGateway(
      broker.addresses(),
      {
        kinds: { sources: [scripted(counting(5))] },
        kafka: { createTopics: true, namespace, sessionTimeout: "6s" },
        sources: Object.fromEntries(options),
      },
      log,
    );
  }

  it("while another source's transaction is open on the same state partition", async () => {
    const topic = await broker.topic();
    const [name, other] = twins(2) as [string, string];
    const namespace = `ns-${topic}`;
    const first = await start(namespace, { [name]: topic });
    await until(async () => (await sourceState(first)).records > 10);
    // The second source is not in the configuration, so that the new owner does not end its transaction.
    const second = await startTransactions(broker.addresses(), `${namespace}-source-${other}`);
    second.proxy.fault = (key) => (key === EndTxn.key ? "lose" : undefined);
    const state = acceptedRecord("{}", { key: Buffer.from(other), partition: statePartition(other) });
    const open = second.producer.commit([{ topic: `${namespace}.sources`, record: state }]);
    await assert.rejects(open, TransactionLost);
    // These cursors are after the open transaction: a reader with read_committed does not see them yet.
    const { records } = await sourceState(first);
    await until(async () => (await sourceState(first)).records > records + 10);
    await first.stop();
    const next = await start(namespace, { [name]: topic });
    await untilState(next, ["starting"]);
    second.proxy.fault = () => undefined;
    await recover(second.producer);
    await until(async () => (await sourceState(next)).records > 10, 60_000);
    await next.stop();
    const written = await committedNumbers(broker.addresses(), topic);
    assert.deepEqual(written, upTo(written.length));
  });

  it("together: an open transaction of one source does not delay the others of the partition", async () => {
    const topics = [await broker.topic(), await broker.topic(), await broker.topic()];
    const names = twins(3);
    const namespace = `ns-${topics[0]}`;
    const sources = Object.fromEntries(names.map((name, n) => [name, topics[n] as string]));
    const first = await start(namespace, sources);
    await until(async () => (await sourceState(first, names[0])).records > 3);
    const zombie = await startTransactions(broker.addresses(), `${namespace}-source-${names[1]}`);
    zombie.proxy.fault = (key) => (key === EndTxn.key ? "lose" : undefined);
    const open = zombie.producer.commit([prepared(topics[1] as string, "open")]);
    await first.stop();
    await assert.rejects(open, TransactionLost);
    const began = Date.now();
    const next = await start(namespace, sources);
    for (const name of names) await until(async () => (await sourceState(next, name)).records > 3);
    // Kafka would end the open transaction by itself after 30 s.
    assert.ok(Date.now() - began < 20_000, `${Date.now() - began} ms`);
    await next.stop();
    for (const topic of topics) {
      const written = await committedNumbers(broker.addresses(), topic);
      assert.deepEqual(written, upTo(written.length));
    }
  });

  it("and log sources that have a cursor but are not configured, with what remains in another system", async () => {
    const topic = await broker.topic();
    const namespace = `ns-${topic}`;
    const holding = scripted(counting(5), { holds: "the replication slot old_slot" });
    const first = await startTestGateway(broker.addresses(), {
      kinds: { sources: [holding] },
      kafka: { createTopics: true, namespace },
      sources: { old: { type: "scripted", topic } },
    });
    await until(async () => (await sourceState(first)).commits > 0);
    await first.stop();
    const log = keepingLog();
    await start(namespace, { new: topic }, log);
    const line = () => log.lines.find(({ fields }) => fields["source"] === "old");
    await until(() => line() !== undefined);
    assert.equal(line()?.fields["holds"], "the replication slot old_slot");
    assert.match(line()?.event ?? "", /not configured.*onramp sources forget NAME/);
  });

  it("the reader of states returns the last state of each source, and those from an offset on", async () => {
    const topic = await broker.topic();
    const client = startClient(broker.addresses());
    const reader = new KafkaStateReader(client, topic);
    assert.equal((await reader.read(0, undefined, NEVER)).size, 0);
    const { producer } = await startTransactions(broker.addresses());
    const state = (key: string, value: string | null) => ({
      topic,
      record: acceptedRecord(value, { key: Buffer.from(key), partition: 0 }),
    });
    await producer.commit([state("a", "1"), state("b", "1")]);
    await producer.commit([state("a", "2"), state("b", null)]);
    const all = await reader.read(0, undefined, NEVER);
    assert.deepEqual([...all].map(([name, { value, offset }]) => [name, value?.toString(), offset]).sort(), [
      ["a", "2", 3],
      ["b", undefined, 4],
    ]);
    assert.deepEqual([...(await reader.read(0, 4, NEVER)).keys()], ["b"]);
    assert.equal((await reader.read(0, 6, NEVER)).size, 0);
  });
});

describe("a transaction of a source that times out", function () {
  this.timeout(60_000);
  const broker = useBroker();

  it("is aborted, and the only owner recovers and goes on", async () => {
    const topic = await broker.topic();
    const client = startClient(broker.addresses());
    const deps = { ...client, compression: undefined, transactionTimeoutMs: 1500 };
    const { proxy } = await startTransactions(broker.addresses(), undefined, { takeOver: false });
    const behind = startClient([proxy.address]);
    const producer = new TransactionalProducer({ ...deps, ...behind }, `x-${topic}`);
    await producer.takeOver(CONFIRMED, NEVER);
    await producer.commit([prepared(topic, "1")]);
    // The answer to EndTxn is lost before the coordinator gets it; nothing more is sent until the time-out.
    proxy.fault = (key) => (key === EndTxn.key ? "lose" : undefined);
    await assert.rejects(producer.commit([prepared(topic, "2")]), TransactionLost);
    proxy.fault = () => undefined;
    const stable = new KafkaStateReader(client, topic);
    await stable.read(0, undefined, NEVER);
    await recover(producer);
    await producer.commit([prepared(topic, "3")]);
    await until(async () => (await committedValues(broker.addresses(), topic)).length === 2);
    assert.deepEqual(await committedValues(broker.addresses(), topic), ["1", "3"]);
    producer.close();
  });
});

describeIf(mayStartApacheKafka, "the transactional id of a source expires", function () {
  this.timeout(120_000);
  let cluster: Awaited<ReturnType<typeof startCluster>>;
  before(async () => {
    cluster = await startCluster({
      brokers: 1,
      properties: {
        "transactional.id.expiration.ms": 3000,
        "transaction.remove.expired.transaction.cleanup.interval.ms": 500,
        "producer.id.expiration.ms": 3000,
        "producer.id.expiration.check.interval.ms": 500,
      },
    });
  });
  after(() => cluster?.stop());

  it("and an idle source goes on, while a zombie writes nothing visible", async () => {
    const topic = `t-${Date.now()}`;
    const namespace = `ns-${topic}`;
    let idle = true;
    const kind = scripted(async function* (source, cursor, signal, report) {
      for await (const batch of counting(1)(source, cursor, signal, report)) {
        yield batch;
        while (idle && batch.cursor === 3) {
          report();
          await pause(100, signal);
        }
      }
    });
    const log = keepingLog();
    const gateway = await startTestGateway(
      cluster.bootstrap,
      {
        kinds: { sources: [kind] },
        kafka: { createTopics: true, namespace },
        sources: { in: { type: "scripted", topic } },
      },
      log,
    );
    await until(async () => (await sourceState(gateway)).records === 3, 30_000);
    // A zombie with the identity that the source has now.
    const zombie = await startTransactions(cluster.bootstrap, `${namespace}-source-in`);
    await until(async () => {
      const { records, lastError } = await sourceState(gateway);
      return (
        records === 3 &&
        lastError === null &&
        Date.now() - Date.parse((await sourceState(gateway)).since) > 5000
      );
    }, 60_000);
    await assert.rejects(
      zombie.producer.check(),
      (error) => error instanceof OwnershipUnknown || error instanceof TransactionLost,
    );
    await assert.rejects(zombie.producer.commit([prepared(topic, '{"n":-1}')]));
    idle = false;
    await until(async () => (await sourceState(gateway)).records > 20, 30_000);
    await gateway.stop();
    const written = await committedNumbers(cluster.bootstrap, topic);
    assert.deepEqual(written, upTo(written.length));
  });
});
