// Sinks and transactions: a sink delivers the records of committed transactions only, also while another one is open.

import { strict as assert } from "node:assert";
import { afterTest } from "../support/after-test.ts";
import { createTopic, openConnection, useBroker } from "../support/broker.ts";
import { startTestGateway } from "../support/gateway.ts";
import { sinkState } from "../support/http.ts";
import { leaderOf } from "../support/read-back.ts";
import { startReceiver } from "../support/receiver.ts";
import { RawTransactions } from "../support/transactions.ts";
import { until } from "../support/until.ts";

describe("gateway: sinks and transactions", function () {
  this.timeout(60_000);
  const broker = useBroker();

  it("delivers no record of an aborted transaction, and a record of an open one after its commit", async () => {
    const topic = await broker.topic();
    await createTopic(broker.addresses(), {}, `${topic}.dead-letter`);
    const connection = await openConnection(await leaderOf(broker.addresses(), topic, 0));
    afterTest(() => connection.close());
    const [producer, other] = [new RawTransactions(connection), new RawTransactions(connection)];
    const [own, their] = [await producer.init(), await other.init()];
    for (const [sequence, value] of ["first", "aborted", "second"].entries())
      await producer.run(own, topic, sequence, JSON.stringify(value), value !== "aborted");
    const receiver = await startReceiver();
    const gateway = await startTestGateway(broker.addresses(), {
      kafka: { namespace: `ns-${topic}` },
      sinks: {
        out: {
          type: "webhook",
          url: receiver.url,
          topics: [topic],
          from: "earliest",
          allowAddresses: ["127.0.0.1/32"],
        },
      },
    });
    const taken = (): unknown[] => receiver.taken.map(({ body }) => JSON.parse(body));
    await until(() => taken().length === 2);
    await other.add(their, topic);
    await other.produce(their, topic, 0, JSON.stringify("open"));
    // A later transaction is committed while the first one is open.
    await producer.run(own, topic, 3, JSON.stringify("third"), true);
    await until(async () => (await sinkState(gateway)).state === "running");
    assert.deepEqual(taken(), ["first", "second"]);
    await other.end(their, true);
    await until(() => taken().length === 4);
    assert.deepEqual(taken(), ["first", "second", "open", "third"]);
  });
});
