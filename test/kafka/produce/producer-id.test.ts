// The producer id of the process, which is requested until Kafka assigns one.

import { strict as assert } from "node:assert";
import { mock } from "node:test";
import type { Log } from "../../../src/core/ports.ts";
import type { Cluster } from "../../../src/kafka/client/cluster.ts";
import { ProducerIds } from "../../../src/kafka/produce/producer-id.ts";
import { InitProducerId } from "../../../src/wire/messages/cluster.ts";
import { afterTest } from "../../support/after-test.ts";
import { keepingLog } from "../../support/gateway.ts";

interface Answer {
  readonly errorCode: number;
  readonly producerId: number;
}

/** The `ProducerIds` of a cluster with these answers in order, on a clock that only the test moves. */
function idsOf(...answers: readonly (Answer | Error)[]) {
  mock.timers.enable({ apis: ["setTimeout"] });
  afterTest(() => mock.timers.reset());
  const asked: unknown[] = [];
  const events: string[] = [];
  const cluster = {
    async ask(api: unknown, body: object) {
      const answer = answers[asked.length];
      asked.push([api, body]);
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error("no more answers");
      return answer;
    },
  } as unknown as Cluster;
  const log: Log = keepingLog();
  const on = {
    ready: () => void events.push("ready"),
    refused: (code: number) => void events.push(`refused ${code}`),
  };
  const ids = new ProducerIds(cluster, log, on);
  afterTest(() => ids.stop());
  return { ids, asked, events };
}

/** Moves the clock, and waits until everything that is due has happened. */
async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

const gives = (producerId: number): Answer => ({ errorCode: 0, producerId });
const refuses = (errorCode: number): Answer => ({ errorCode, producerId: -1 });

describe("kafka: producer id", () => {
  it("is requested without a transactional id, and announced when it is assigned", async () => {
    const { ids, asked, events } = idsOf(gives(7));
    ids.renew();
    assert.equal(ids.current, undefined);
    await pass(0);
    assert.deepEqual([ids.current, ids.refusal, events], [7, undefined, ["ready"]]);
    const body = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
    assert.deepEqual(asked, [[InitProducerId, body]]);
  });

  it("is requested every 200 ms until Kafka assigns one", async () => {
    const { ids, asked, events } = idsOf(new Error("no broker"), refuses(14), gives(8));
    ids.renew();
    await pass(0);
    await pass(199);
    assert.equal(asked.length, 1);
    await pass(1);
    assert.deepEqual([asked.length, ids.current, ids.refusal], [2, undefined, undefined]);
    await pass(200);
    assert.deepEqual([asked.length, ids.current, events], [3, 8, ["ready"]]);
    await pass(1000);
    assert.equal(asked.length, 3);
  });

  it("is refused while the ACL is missing, and assigned afterwards", async () => {
    const { ids, events } = idsOf(refuses(31), refuses(31), gives(9));
    ids.renew();
    await pass(0);
    assert.deepEqual([ids.refusal, events], [31, ["refused 31"]]);
    await pass(200);
    await pass(200);
    assert.deepEqual(
      [ids.refusal, ids.current, events],
      [undefined, 9, ["refused 31", "refused 31", "ready"]],
    );
  });

  it("is not refused by a failure that may pass", async () => {
    const { ids, events } = idsOf(refuses(31), new Error("no broker"), refuses(15));
    ids.renew();
    await pass(0);
    await pass(200);
    assert.deepEqual([ids.refusal, events], [undefined, ["refused 31"]]);
    await pass(200);
    assert.deepEqual([ids.refusal, events], [undefined, ["refused 31"]]);
  });

  it("is undefined during a renewal, which starts at once, and once for several callers", async () => {
    const { ids, asked } = idsOf(gives(7), gives(8));
    ids.renew();
    await pass(0);
    ids.renew();
    ids.renew();
    assert.equal(ids.current, undefined);
    await pass(0);
    await pass(1000);
    assert.deepEqual([ids.current, asked.length], [8, 2]);
  });

  it("is not requested after a stop", async () => {
    const { ids, asked } = idsOf(new Error("no broker"), gives(7));
    ids.renew();
    await pass(0);
    ids.stop();
    await pass(1000);
    assert.deepEqual([asked.length, ids.current], [1, undefined]);
  });

  it("is not requested again if the last answer arrives after a stop", async () => {
    const { ids, asked } = idsOf(new Error("no broker"), gives(7));
    ids.renew();
    mock.timers.tick(0);
    ids.stop();
    await pass(0);
    await pass(1000);
    assert.equal(asked.length, 1);
  });
});
