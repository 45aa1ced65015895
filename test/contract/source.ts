// The contract of sources: records and cursor are committed together, exactly once, whatever fails. Every source's tests run this
// suite.

import { strict as assert } from "node:assert";
import type { Gateway } from "../../src/app/gateway.ts";
import { statePartition } from "../../src/app/state-topic.ts";
import type { SourceKind } from "../../src/core/source.ts";
import type { Clock } from "../../src/core/time.ts";
import { Produce } from "../../src/wire/messages/produce.ts";
import { AddPartitionsToTxn, EndTxn } from "../../src/wire/messages/transaction.ts";
import type { PlacedRecord } from "../../src/wire/record-batch-reader.ts";
import { useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway } from "../support/gateway.ts";
import { metric } from "../support/http.ts";
import { type RequestFault, startKafkaProxy } from "../support/kafka-proxy.ts";
import { headersOf, readCommitted } from "../support/read-back.ts";
import { acceptedRecord } from "../support/segments.ts";
import { sourceState, storedState, untilState, upTo } from "../support/sources.ts";
import { CONFIRMED, NEVER, startTransactions } from "../support/transactional-producers.ts";
import { until } from "../support/until.ts";

/** The source that the suite tests. It writes records with the numbers 1, 2, 3 and so on. */
export interface SourceUnderTest {
  /** The kind of the source, if `src/sources/index.ts` does not contain it. */
  readonly kind?: SourceKind;
  /** Its options for a topic. */
  readonly options: (topic: string) => object;
  /** The number of a record. */
  readonly numberIn: (record: PlacedRecord) => number;
  /** Adds the items up to this number to the fake of the other system. Default: nothing to add. */
  readonly feed?: (last: number) => unknown;
  /** The topic that the source writes to, if it makes the name itself. Called before each test, with a name that no other test has. */
  readonly prepare?: (name: string) => Promise<string>;
  /** See `Source.group`. */
  readonly group?: string;
  /** Default: the clock of the system. */
  readonly clock?: Clock;
  /** A filter with which the source writes nothing. Default: `false`. */
  readonly filter?: string;
}

/** Registers the suite. */
export function sourceContract(name: string, source: SourceUnderTest) {
  const { kind, options, numberIn, feed = () => {}, filter = "false", group, clock, prepare } = source;
  describe(`source contract: ${name}`, function () {
    this.timeout(60_000);
    const broker = useBroker();
    let topic: string;
    let namespace: string;

    beforeEach(async () => {
      const name = await broker.topic();
      topic = (await prepare?.(name)) ?? name;
      namespace = `ns-${name}`;
    });

    function start(more: object = {}, rules: object = {}, brokers = broker.addresses()): Promise<Gateway> {
      const config = {
        kinds: { sources: kind ? [kind] : [] },
        kafka: { createTopics: true, namespace, sessionTimeout: "6s" },
        sources: { in: { ...options(topic), ...more } },
        topics: { [topic]: rules },
        files: { "nothing.json": "false" },
      };
      return startTestGateway(brokers, config, keepingLog(), clock);
    }
    const records = () => readCommitted(broker.addresses(), topic);
    const numbers = async (): Promise<number[]> => (await records()).map(numberIn);
    const untilNumber = async (last: number): Promise<void> => {
      await feed(last);
      await until(async () => ((await numbers()).at(-1) ?? 0) >= last, 30_000);
    };
    const cursor = async () => (await storedState(broker.addresses(), namespace, "in", group))?.cursor;

    it("writes every record once, in order, and commits the cursor with it", async () => {
      const gateway = await start();
      await untilNumber(3);
      await gateway.stop();
      const written = await numbers();
      assert.deepEqual(written, upTo(written.length));
      const stored = await storedState(broker.addresses(), namespace, "in", group);
      assert.equal(stored.version, 1);
      assert.notEqual(stored.cursor, undefined);
    });

    it("continues after its cursor when it is started again", async () => {
      const first = await start();
      await untilNumber(2);
      await first.stop();
      const before = (await numbers()).length;
      await start();
      await untilNumber(before + 2);
      const written = await numbers();
      assert.deepEqual(written, upTo(written.length));
    });

    it("moves to another replica when the one that runs it stops", async () => {
      const first = await start();
      await untilNumber(2);
      const second = await start();
      assert.equal((await sourceState(second)).state, "waiting");
      await first.stop();
      await untilState(second, ["running"]);
      const before = (await numbers()).length;
      await untilNumber(before + 2);
      const written = await numbers();
      assert.deepEqual(written, upTo(written.length));
    });

    it("loses and duplicates nothing when requests and answers are lost", async () => {
      const proxy = await startKafkaProxy(broker.addresses()[0] ?? "");
      const apis: readonly number[] = [AddPartitionsToTxn.key, Produce.key, EndTxn.key];
      const faults: RequestFault[] = ["cut", "lose", "cut"];
      let requests = 0;
      proxy.fault = (key) =>
        apis.includes(key) && ++requests % 7 === 0 ? faults[(requests / 7) % faults.length] : undefined;
      const gateway = await start({}, {}, [proxy.address]);
      await untilNumber(8);
      for (let more = 9; (await sourceState(gateway)).starts === 1; more++) await untilNumber(more);
      proxy.fault = () => undefined;
      await gateway.stop();
      const written = await numbers();
      assert.deepEqual(written, upTo(written.length));
    });

    it("ends at once when the process stops", async () => {
      const gateway = await start();
      await untilState(gateway, ["running"]);
      const began = Date.now();
      await gateway.stop();
      assert.ok(Date.now() - began < 3000, `${Date.now() - began} ms`);
    });

    it("skips records that do not pass the filter, and still advances its cursor", async () => {
      const gateway = await start({ filter });
      await feed(2);
      await until(async () => (await sourceState(gateway)).skipped >= 2, 30_000);
      await until(async () => (await cursor()) !== undefined);
      assert.deepEqual(await records(), []);
    });

    it("writes records that violate the schema of their topic as dead letters, with the reason", async () => {
      await start({}, { schema: "nothing.json" });
      await feed(2);
      const letters = () => readCommitted(broker.addresses(), `${topic}.dead-letter`);
      await until(async () => (await letters().catch(() => [])).length >= 2, 30_000);
      const [first, second] = await letters();
      assert.deepEqual(
        [first, second].map((letter) => letter && numberIn(letter)),
        [1, 2],
      );
      const headers = headersOf(first);
      assert.equal(headers["onramp.error.source"], "in");
      assert.equal(headers["__connect.errors.topic"], topic);
      assert.equal(headers["__connect.errors.exception.class.name"], "SchemaViolation");
      assert.deepEqual(await records(), []);
    });

    it("does not change a cursor of a later version, and is blocked", async () => {
      const first = await start();
      await untilNumber(1);
      await first.stop();
      const stored = await storedState(broker.addresses(), namespace, "in", group);
      const { producer } = await startTransactions(broker.addresses(), `${namespace}-source-in`);
      const value = JSON.stringify({ ...stored, cursorVersion: 99 });
      const record = acceptedRecord(value, {
        key: Buffer.from("in"),
        partition: statePartition("in", group),
      });
      await producer.commit([{ topic: `${namespace}.sources`, record }]);
      const second = await start();
      const { lastError } = await untilState(second, ["blocked"]);
      assert.match(lastError?.message ?? "", /later version of Onramp.*onramp sources set in/);
      await producer.takeOver(CONFIRMED, NEVER);
      assert.equal((await storedState(broker.addresses(), namespace, "in", group)).cursorVersion, 99);
    });

    it("shows its state and its cursor on /sources and in the metrics", async () => {
      const gateway = await start();
      await untilNumber(2);
      await until(async () => (await sourceState(gateway)).records >= 2);
      const state = await sourceState(gateway);
      assert.deepEqual([state.name, state.state, state.lastError, state.starts], ["in", "running", null, 1]);
      assert.notEqual(state.cursor, null);
      assert.ok(Date.parse(state.lastCommit ?? "") <= (clock?.now() ?? Date.now()));
      assert.ok(((await metric(gateway, "onramp_source_records_total", { source: "in" })) ?? 0) >= 2);
      assert.equal(await metric(gateway, "onramp_source_state", { source: "in", state: "running" }), 1);
    });
  });
}
