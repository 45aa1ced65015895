// The contract of sinks: they keep the order, retry, and drop nothing. Every sink's tests run this suite.

import { strict as assert } from "node:assert";
import type { Gateway } from "../../src/app/gateway.ts";
import type { SinkKind } from "../../src/core/sink.ts";
import type { Clock } from "../../src/core/time.ts";
import { useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { metric, post, sinkState } from "../support/http.ts";
import { hurryingClock } from "../support/hurrying-clock.ts";
import { readPartition } from "../support/read-back.ts";
import { type Arrived, type Receiver, type Reply, startReceiver } from "../support/receiver.ts";
import { until } from "../support/until.ts";

/** The sink that the suite tests. */
export interface SinkUnderTest {
  /** The kind of the sink, if the register of the build does not have it. */
  readonly kind?: SinkKind;
  /** Its options for a receiver; `topics` and `from` are added. */
  readonly options: (receiver: Receiver) => object;
  /** The `n` of a record `{"n":…}` in a request to the receiver. */
  readonly numberIn: (request: Arrived) => number;
  /** An answer that accepts a delivery. */
  readonly fine?: Reply;
}

/** Registers the suite. */
export function sinkContract(
  name: string,
  { kind, options, numberIn, fine = { status: 200, body: "ok" } }: SinkUnderTest,
) {
  describe(`sink contract: ${name}`, function () {
    this.timeout(60_000);
    const broker = useBroker();
    let receiver: Receiver;
    let topic: string;

    beforeEach(async () => {
      receiver = await startReceiver();
      receiver.script = () => fine;
      topic = await broker.topic();
    });

    function start(more: object = {}, clock?: Clock): Promise<Gateway> {
      const config = {
        kinds: { sinks: kind ? [kind] : [] },
        kafka: { createTopics: true, namespace: `ns-${topic}` },
        sinks: { out: { ...options(receiver), topics: [topic], from: "earliest", ...more } },
      };
      return startTestGateway(broker.addresses(), config, keepingLog(), clock);
    }
    const put = async (gateway: Gateway, ...numbers: number[]): Promise<void> => {
      for (const n of numbers)
        assert.equal((await post(gateway, `/topics/${topic}`, "application/json", `{"n":${n}}`)).status, 200);
    };
    const taken = (): number[] => receiver.taken.map(numberIn);
    const deadLetters = () => readPartition(broker.addresses(), `${topic}.dead-letter`);
    const count = (n: number): number => receiver.arrived.filter((request) => numberIn(request) === n).length;
    /** The first `times` attempts of record `n` get this answer. */
    const fault = (n: number, reply: Reply, times = 1): void => {
      let left = times;
      const before = receiver.script;
      receiver.script = (request) =>
        numberIn({ ...request, reply }) === n && left-- > 0 ? reply : before(request);
    };

    it("delivers every record once, in order", async () => {
      const gateway = await start();
      await put(gateway, 1, 2, 3, 4, 5);
      await until(() => taken().length >= 5);
      assert.deepEqual(taken(), [1, 2, 3, 4, 5]);
    });

    for (const status of [500, 429, 503, 408])
      it(`tries again after ${status}, and no record overtakes another`, async () => {
        fault(2, { status });
        const gateway = await start({}, hurryingClock());
        await put(gateway, 1, 2, 3);
        await until(() => taken().length >= 3);
        assert.deepEqual([taken(), count(2)], [[1, 2, 3], 2]);
      });

    it("dead-letters a permanent failure with the reason, and delivers the next record", async () => {
      fault(2, { status: 400 }, 10);
      const gateway = await start();
      await put(gateway, 1, 2, 3);
      await until(() => taken().length >= 2);
      assert.deepEqual([taken(), count(2)], [[1, 3], 1]);
      const [letter, ...more] = await deadLetters();
      const header = (key: string) => letter?.headers.find((each) => each.key === key)?.value?.toString();
      assert.deepEqual([letter?.value?.toString(), more.length], ['{"n":2}', 0]);
      assert.deepEqual(
        ["topic", "partition", "offset"].map((key) => header(`__connect.errors.${key}`)),
        [topic, "0", "1"],
      );
      assert.match(header("__connect.errors.exception.message") ?? "", /400/);
      assert.deepEqual([header("onramp.error.sink"), header("onramp.error.attempts")], ["out", "1"]);
    });

    it("ends an attempt at the time-out when the receiver stalls, and tries again", async () => {
      fault(1, "stall");
      const gateway = await start({ timeout: "300ms" }, hurryingClock());
      await put(gateway, 1, 2);
      await until(() => taken().length >= 2);
      assert.deepEqual([taken(), count(1)], [[1, 2], 2]);
    });

    it("tries again when the receiver closes the connection", async () => {
      fault(1, "hang up");
      const gateway = await start({}, hurryingClock());
      await put(gateway, 1, 2);
      await until(() => taken().length >= 2);
      assert.deepEqual([taken(), count(1)], [[1, 2], 2]);
    });

    it("stops without waiting for the next attempt", async () => {
      fault(1, { status: 503, headers: { "retry-after": "60" } });
      const gateway = await start();
      await put(gateway, 1);
      await until(async () => (await sinkState(gateway)).state === "retrying");
      const began = Date.now();
      await gateway.stop();
      assert.ok(Date.now() - began < 3000, `${Date.now() - began} ms`);
    });

    it("dead-letters a record after giveUpAfter when every attempt is answered with a failure", async () => {
      fault(2, { status: 500 }, 1000);
      const gateway = await start({ giveUpAfter: "1s" }, hurryingClock());
      await put(gateway, 1, 2, 3);
      await until(() => taken().length >= 2);
      assert.deepEqual(taken(), [1, 3]);
      assert.equal((await deadLetters()).length, 1);
    });

    it("dead-letters nothing while the receiver is away for 15 minutes, then delivers all", async () => {
      const { port } = receiver;
      const clock = hurryingClock();
      const gateway = await start({}, clock);
      await put(gateway, 1);
      await until(() => taken().length >= 1);
      await receiver.stop();
      const since = clock.now();
      await put(gateway, 2, 3);
      await until(() => clock.now() - since > 15 * 60_000);
      receiver = await startReceiver(port);
      receiver.script = () => fine;
      await until(() => taken().length >= 2);
      assert.deepEqual([taken(), (await deadLetters()).length], [[2, 3], 0]);
    });

    it("dead-letters a record after giveUpAfter when every response is not valid HTTP", async () => {
      fault(2, "bad status line", 1000);
      const gateway = await start({ giveUpAfter: "1s" }, hurryingClock());
      await put(gateway, 1, 2, 3);
      await until(() => taken().length >= 2);
      assert.deepEqual([taken(), (await deadLetters()).length], [[1, 3], 1]);
    });

    it("quotes the response of the receiver, without control characters and without its URL", async () => {
      fault(2, { status: 400, body: `no\u0000 way\r\nfrom ${receiver.url}` }, 10);
      const gateway = await start();
      await put(gateway, 1, 2, 3);
      await until(() => taken().length >= 2);
      const [letter] = await deadLetters();
      const reason = letter?.headers.find(({ key }) => key === "__connect.errors.exception.message");
      assert.match(reason?.value?.toString() ?? "", /answered 400: no way from \S+$/);
    });

    it("sends nothing to the receiver before the time in Retry-After has passed", async () => {
      topic = await broker.topic({ partitions: 2 });
      fault(1, { status: 429, headers: { "retry-after": "2" } });
      const gateway = await start();
      await post(gateway, `/topics/${topic}?partition=0`, "application/json", '{"n":1}');
      await until(() => count(1) === 1);
      await post(gateway, `/topics/${topic}?partition=1`, "application/json", '{"n":2}');
      await until(() => taken().length >= 2);
      const [first, ...others] = receiver.arrived as [Arrived, Arrived, Arrived];
      for (const other of others) assert.ok(other.at - first.at >= 1990, `${other.at - first.at} ms`);
    });

    it("skips records that do not pass the filter", async () => {
      const gateway = await start({ filter: "n % 2 = 0" });
      await put(gateway, 1, 2, 3, 4, 5);
      await until(async () => (await sinkState(gateway)).skipped === 3);
      await until(() => taken().length >= 2);
      assert.deepEqual(taken(), [2, 4]);
    });

    it("completes the delivery in flight at a stop, and continues after it at a restart", async () => {
      fault(2, { ...(fine as { status: number }), afterMs: 300 });
      const first = await start();
      await put(first, 1, 2, 3);
      await until(() => count(2) === 1);
      await first.stop();
      const second = await start();
      await until(() => taken().length >= 3);
      await put(second, 4);
      await until(() => taken().length >= 4);
      assert.deepEqual(taken(), [1, 2, 3, 4]);
    });

    it("shows its state, its lag and its last error on /sinks and in the metrics", async () => {
      fault(1, { status: 503, headers: { "retry-after": "60" } });
      const gateway = await start();
      await put(gateway, 1, 2);
      const state = () => sinkState(gateway);
      await until(async () => (await state()).state === "retrying" && (await state()).lag === 2);
      const { name, failed, delivered, lastError, partitions } = await state();
      assert.deepEqual([name, failed, delivered], ["out", 1, 0]);
      assert.match(lastError.message, /503/);
      assert.deepEqual(partitions, [{ topic, partition: 0, position: 0, lag: 2 }]);
      assert.equal(await metric(gateway, "onramp_sink_failed_total", { sink: "out" }), 1);
      assert.equal(await metric(gateway, "onramp_sink_lag", { sink: "out", topic, partition: 0 }), 2);
    });
  });
}
