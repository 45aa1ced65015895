// The outcome table of transactions, row by row (docs/adr/0011), on the development broker and on Apache Kafka. A proxy
// loses, holds and delays requests.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../src/core/errors.ts";
import { OwnershipUnknown, RecordsRefused, TransactionLost } from "../../../src/core/source-ports.ts";
import { KafkaCode } from "../../../src/wire/error-codes.ts";
import { InitProducerId } from "../../../src/wire/messages/cluster.ts";
import { Produce } from "../../../src/wire/messages/produce.ts";
import { AddPartitionsToTxn, EndTxn } from "../../../src/wire/messages/transaction.ts";
import { itOnDevBroker, useBroker, withAdmin } from "../../support/broker.ts";
import type { KafkaProxy, RequestFault } from "../../support/kafka-proxy.ts";
import { committedValues } from "../../support/read-back.ts";
import { acceptedRecord } from "../../support/segments.ts";
import {
  CONFIRMED,
  NEVER,
  prepared,
  recover,
  startTransactions,
} from "../../support/transactional-producers.ts";
import { until } from "../../support/until.ts";

const COMMIT = 1;

describe("kafka: transactions of a source", function () {
  this.timeout(60_000);
  const broker = useBroker();
  const values = (topic: string, partition = 0) => committedValues(broker.addresses(), topic, partition);
  const start = (id?: string, options?: { takeOver?: boolean }) =>
    startTransactions(broker.addresses(), id, options);

  /** Faults the next request of an API, once. */
  function faultOnce(proxy: KafkaProxy, key: number, fault: RequestFault) {
    proxy.fault = (apiKey) => {
      if (apiKey !== key) return undefined;
      proxy.fault = () => undefined;
      return fault;
    };
  }

  it("writes the records of several topics and partitions, and returns the offset of the last one", async () => {
    const { producer } = await start();
    const [a, b, state] = [await broker.topic({ partitions: 2 }), await broker.topic(), await broker.topic()];
    const records = [prepared(a, "1", 0), prepared(a, "2", 1), prepared(b, "3"), prepared(a, "4", 0)];
    assert.equal(await producer.commit([...records, prepared(state, "c1")]), 0);
    // The marker of the first transaction has offset 1.
    assert.equal(await producer.commit([prepared(b, "5"), prepared(state, "c2")]), 2);
    await until(async () => (await values(state)).length === 2);
    assert.deepEqual(
      [await values(a, 0), await values(a, 1), await values(b)],
      [["1", "4"], ["2"], ["3", "5"]],
    );
  });

  it("sends a batch that is larger than a request in several requests, in order", async () => {
    const { producer, proxy } = await start();
    const [topic, state] = [await broker.topic({ partitions: 2 }), await broker.topic()];
    const large = "x".repeat(300_000);
    const records = Array.from({ length: 40 }, (_, n) => prepared(topic, `${n} ${large}`, n % 2));
    await producer.commit([...records, prepared(state, "c")]);
    assert.ok((proxy.counts.get(Produce.key) ?? 0) > 1);
    await until(async () => (await values(state)).length === 1);
    for (const partition of [0, 1])
      assert.deepEqual(
        (await values(topic, partition)).map((value) => Number(value.split(" ")[0])),
        Array.from({ length: 20 }, (_, n) => 2 * n + partition),
      );
  });

  const apis = [
    [AddPartitionsToTxn, "AddPartitionsToTxn"],
    [Produce, "Produce"],
    [EndTxn, "EndTxn"],
  ] as const;
  for (const fault of ["lose", "cut"] as const)
    for (const [api, name] of apis)
      it(`settles a transaction when a request of ${name} ${fault === "lose" ? "does not arrive" : "arrives, but its answer is lost"}`, async () => {
        const { producer, proxy } = await start();
        const topic = await broker.topic();
        await producer.commit([prepared(topic, "before")]);
        faultOnce(proxy, api.key, fault);
        await assert.rejects(producer.commit([prepared(topic, "unknown")]), TransactionLost);
        const sent = proxy.counts.get(EndTxn.key);
        await recover(producer);
        assert.equal(proxy.counts.get(EndTxn.key), sent, "nothing more is sent under the old epoch");
        await producer.commit([prepared(topic, "after")]);
        const committed = fault === "cut" && api === EndTxn ? ["unknown"] : [];
        await until(async () => (await values(topic)).at(-1) === "after");
        assert.deepEqual(await values(topic), ["before", ...committed, "after"]);
      });

  for (const [api, name] of [...apis, [InitProducerId, "InitProducerId"] as const])
    it(`waits for a late answer to ${name}`, async () => {
      const { producer, proxy } = await start();
      const topic = await broker.topic();
      faultOnce(proxy, api.key, 300);
      if (api === InitProducerId) await recover(producer);
      await producer.commit([prepared(topic, "v")]);
      await until(async () => (await values(topic)).length === 1);
    });

  for (const [api, name] of apis)
    it(`a request of ${name} that arrives during the next transaction changes nothing`, async () => {
      const { producer, proxy } = await start();
      const [topic, other] = [await broker.topic(), await broker.topic()];
      faultOnce(proxy, api.key, "hold");
      await assert.rejects(producer.commit([prepared(topic, "held")]), TransactionLost);
      await recover(producer);
      // The next transaction is open when the late request arrives.
      faultOnce(proxy, EndTxn.key, "lose");
      await assert.rejects(
        producer.commit([prepared(topic, "open"), prepared(other, "open")]),
        TransactionLost,
      );
      const [late] = await proxy.release();
      assert.ok(late);
      assert.deepEqual([await values(topic), await values(other)], [[], []]);
      await recover(producer);
      await producer.commit([prepared(topic, "next")]);
      await until(async () => (await values(topic)).length === 1);
      assert.deepEqual([await values(topic), await values(other)], [["next"], []]);
    });

  it("a new owner fences the earlier one, whose recovery reports that the owner is not clear", async () => {
    const first = await start();
    const topic = await broker.topic();
    await first.producer.commit([prepared(topic, "1")]);
    const second = await start(first.id);
    await second.producer.commit([prepared(topic, "2")]);
    await assert.rejects(first.producer.commit([prepared(topic, "zombie")]), TransactionLost);
    await assert.rejects(first.producer.recover(CONFIRMED, NEVER), OwnershipUnknown);
    await second.producer.commit([prepared(topic, "3")]);
    await until(async () => (await values(topic)).length === 3);
    assert.deepEqual(await values(topic), ["1", "2", "3"]);
  });

  it("a takeover aborts the open transaction of the earlier owner", async () => {
    const first = await start();
    const topic = await broker.topic();
    faultOnce(first.proxy, EndTxn.key, "lose");
    await assert.rejects(first.producer.commit([prepared(topic, "open")]), TransactionLost);
    const second = await start(first.id);
    await second.producer.commit([prepared(topic, "1")]);
    await until(async () => (await values(topic)).length === 1);
    assert.deepEqual(await values(topic), ["1"]);
  });

  it("calls `confirm` before each request that could fence another owner", async () => {
    const { producer } = await start(undefined, { takeOver: false });
    const refused = producer.takeOver(async () => {
      throw new Error("not the owner");
    }, NEVER);
    await assert.rejects(refused, /not the owner/);
    await assert.rejects(producer.commit([]), TransactionLost);
  });

  it("check() succeeds before, between and after transactions, and fails after a takeover", async () => {
    const first = await start();
    const topic = await broker.topic();
    await first.producer.check();
    await first.producer.commit([prepared(topic, "1")]);
    await first.producer.check();
    await first.producer.check();
    await first.producer.commit([prepared(topic, "2")]);
    await until(async () => (await values(topic)).length === 2);
    await recover(first.producer);
    await first.producer.check();
    await start(first.id);
    await assert.rejects(first.producer.check(), TransactionLost);
  });

  itOnDevBroker(
    "after the expiry of the transactional id, the owner is not clear; then it takes over",
    async () => {
      const { producer } = await start();
      const topic = await broker.topic();
      await producer.commit([prepared(topic, "1")]);
      broker.dev().expireTransactionalIds();
      await assert.rejects(producer.commit([prepared(topic, "2")]), OwnershipUnknown);
      await producer.takeOver(CONFIRMED, NEVER);
      await producer.commit([prepared(topic, "3")]);
      assert.deepEqual(await values(topic), ["1", "3"]);
      broker.dev().expireTransactionalIds();
      await assert.rejects(producer.check(), OwnershipUnknown);
    },
  );

  it("refuses records that their topics would refuse, before the transaction begins", async () => {
    const { producer, proxy } = await start();
    const [topic, compacted] = [
      await broker.topic({
        config: { "max.message.bytes": "1000", "message.timestamp.after.max.ms": "3600000" },
      }),
      await broker.topic({ config: { "cleanup.policy": "compact" } }),
    ];
    const records = [
      prepared(topic, "good"),
      prepared(topic, "x".repeat(2000)),
      prepared(compacted, "no key"),
      { topic, record: acceptedRecord("late", { partition: 0, timestamp: Date.now() + 7_200_000 }) },
      prepared(topic, "elsewhere", 7),
    ];
    await assert.rejects(producer.commit(records), (error: unknown) => {
      assert.ok(error instanceof RecordsRefused);
      assert.deepEqual([...error.faults].map(([index, { code }]) => [index, code]).sort(), [
        [1, 41301],
        [2, 40001],
        [3, 40001],
        [4, 40402],
      ]);
      return true;
    });
    assert.equal(proxy.counts.get(AddPartitionsToTxn.key), undefined);
    await producer.commit([prepared(topic, "good")]);
  });

  it("finds the record that only the broker can refuse, aborts, and commits the others", async () => {
    const { producer, client } = await start();
    const topic = await broker.topic({ config: { "max.message.bytes": "5000" } });
    await client.metadata.resolve(topic, Date.now() + 5000);
    // As if the limit had been lowered, and could not be read.
    const state = client.metadata.get(topic);
    assert.ok(state);
    Object.assign(state.limits, { maxMessageBytes: Number.POSITIVE_INFINITY });
    client.metadata.refresh = () => {};
    const records = Array.from({ length: 30 }, (_, n) =>
      prepared(topic, String(n).padEnd(n === 17 ? 9000 : 400)),
    );
    let left = records;
    const refused: string[] = [];
    for (;;) {
      try {
        await producer.commit(left);
        break;
      } catch (error) {
        assert.ok(error instanceof RecordsRefused, String(error));
        const bad = [...error.faults.keys()];
        for (const index of bad) {
          refused.push(left[index]?.record.value?.toString().trim() ?? "");
          assert.equal(error.faults.get(index)?.code, 41301);
        }
        left = left.filter((_, index) => !bad.includes(index));
      }
    }
    assert.deepEqual(refused, ["17"]);
    await until(async () => (await values(topic)).length === 29);
  });

  it("reports a topic that does not exist, and goes on after recover()", async () => {
    const { producer } = await start();
    const topic = await broker.topic();
    const missing = producer.commit([prepared("missing", "v"), prepared(topic, "v")]);
    await assert.rejects(missing, (error: unknown) => error instanceof OnrampError && error.code === 40401);
    await recover(producer);
    await producer.commit([prepared(topic, "v")]);
  });

  it("gives up soon when a topic was deleted, and reports that at the next attempt", async () => {
    const { producer } = await start();
    const [topic, other] = [await broker.topic(), await broker.topic()];
    await producer.commit([prepared(topic, "1"), prepared(other, "1")]);
    await withAdmin(broker.addresses(), (admin) => admin.deleteTopics({ topics: [topic] }));
    const began = Date.now();
    await until(async () => {
      const failure = await producer
        .commit([prepared(topic, "2"), prepared(other, "2")])
        .catch((error) => error);
      await recover(producer);
      return failure instanceof OnrampError && failure.code === 40401;
    });
    assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms`);
    assert.deepEqual(await values(other), ["1"]);
  });

  /** The answers of a broker that refuses the batches of a transaction, and the error that follows. */
  const refusals: readonly [code: keyof typeof KafkaCode, expected: number | typeof TransactionLost][] = [
    ["REQUEST_TIMED_OUT", TransactionLost],
    ["NOT_ENOUGH_REPLICAS", TransactionLost],
    ["NOT_ENOUGH_REPLICAS_AFTER_APPEND", TransactionLost],
    ["OUT_OF_ORDER_SEQUENCE_NUMBER", TransactionLost],
    ["INVALID_PRODUCER_EPOCH", TransactionLost],
    ["INVALID_TXN_STATE", TransactionLost],
    ["UNKNOWN_SERVER_ERROR", TransactionLost],
    ["TOPIC_AUTHORIZATION_FAILED", 40301],
    ["TRANSACTIONAL_ID_AUTHORIZATION_FAILED", 40301],
    ["UNSUPPORTED_COMPRESSION_TYPE", 50001],
  ];
  for (const [code, expected] of refusals)
    itOnDevBroker(`aborts after the answer ${code} to Produce`, async () => {
      const { producer } = await start();
      const topic = await broker.topic();
      broker.dev().faults.produce = () => ({ append: true, errorCode: KafkaCode[code] });
      await assert.rejects(producer.commit([prepared(topic, "v")]), (error: unknown) =>
        typeof expected === "number"
          ? error instanceof OnrampError && error.code === expected
          : error instanceof expected,
      );
      broker.dev().faults.clear();
      await recover(producer);
      await producer.commit([prepared(topic, "after")]);
      assert.deepEqual(await values(topic), ["after"]);
    });

  itOnDevBroker("sends a batch again when its leader has moved", async () => {
    const { producer } = await start();
    const topic = await broker.topic();
    let answers: number[] = [KafkaCode.NOT_LEADER_OR_FOLLOWER, KafkaCode.LEADER_NOT_AVAILABLE];
    broker.dev().faults.produce = () => {
      const [errorCode, ...rest] = answers;
      answers = rest;
      return errorCode === undefined ? undefined : { append: false, errorCode };
    };
    await producer.commit([prepared(topic, "1"), prepared(topic, "2")]);
    await producer.commit([prepared(topic, "3")]);
    assert.deepEqual(await values(topic), ["1", "2", "3"]);
  });

  itOnDevBroker("replaces the records that the broker names, and keeps the epoch", async () => {
    const { producer, proxy } = await start();
    const topic = await broker.topic();
    broker.dev().faults.produce = () => ({
      append: false,
      errorCode: KafkaCode.INVALID_RECORD,
      recordErrors: [1],
    });
    const records = [prepared(topic, "a"), prepared(topic, "b"), prepared(topic, "c")];
    await assert.rejects(producer.commit(records), (error: unknown) => {
      assert.ok(error instanceof RecordsRefused);
      assert.deepEqual([...error.faults.keys()], [1]);
      return true;
    });
    broker.dev().faults.clear();
    await producer.commit([prepared(topic, "a"), prepared(topic, "c")]);
    assert.deepEqual(await values(topic), ["a", "c"]);
    assert.equal(proxy.counts.get(InitProducerId.key), COMMIT);
  });

  itOnDevBroker("retries while the coordinator still writes markers, and when it has moved", async () => {
    const { producer } = await start();
    const topic = await broker.topic();
    let release = (): void => {};
    broker.dev().faults.markers = () => {
      broker.dev().faults.markers = undefined;
      return new Promise((resolve) => {
        release = resolve;
      });
    };
    await producer.commit([prepared(topic, "1")]);
    const second = producer.commit([prepared(topic, "2")]);
    setTimeout(() => release(), 50);
    await second;
    let moved = 2;
    broker.dev().faults.coordinator = () => (moved-- > 0 ? KafkaCode.NOT_COORDINATOR : undefined);
    await producer.takeOver(CONFIRMED, NEVER);
    await producer.commit([prepared(topic, "3")]);
    assert.deepEqual(await values(topic), ["1", "2", "3"]);
  });
});
