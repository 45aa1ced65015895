// Promise 4, with the changes of PostgreSQL: nothing is lost or written twice when the owner or the server is killed, during a snapshot
// and after it. A table into which the topic is replayed is the table of the source.

import { strict as assert } from "node:assert";
import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { itThoroughly, onApacheKafka, startDevBroker, useBroker } from "../support/broker.ts";
import { dice, LOAD_NAME, Load } from "../support/postgres/load.ts";
import { differences, type Replayed, replay } from "../support/postgres/replay.ts";
import { type Postgres, startPostgres } from "../support/postgres/server.ts";
import { type Started, startWith } from "../support/process.ts";
import { readCommitted } from "../support/read-back.ts";
import { soak } from "../support/soak.ts";
import { ownerOf, SESSION_MS } from "../support/source-processes.ts";
import { sourceState } from "../support/sources.ts";
import { until } from "../support/until.ts";

const [KILLS, CRASHES, CHANGES, ROWS] = soak ? [50, 10, 200_000, 100_000] : [5, 1, 20_000, 20_000];
/** How long the source may need until it has what was changed, in milliseconds. */
const CATCH_UP_MS = soak ? 600_000 : 60_000;
/** A kill comes at a random moment within this time, in milliseconds; some while a large transaction is read. */
const MOMENT_MS = 300;
const WAITING_CLIENTS = 16;
/** The development broker must keep the whole topic. */
const RETENTION_BYTES = 4 * 2 ** 30;

/** What is killed, in this order. */
const EVENTS = Array.from({ length: KILLS + CRASHES }, (_, n) =>
  n % Math.floor((KILLS + CRASHES) / CRASHES) === 1 ? "postgres" : "gateway",
);

/** The part of the cursor that shows how far the source is. */
interface Cursor {
  readonly lsn: string;
  readonly tables?: {
    readonly done: readonly number[];
    readonly current?: { readonly after?: readonly string[] };
  };
}

/** How much of the table the snapshot has read, from 0 to 1. */
function snapshotShare(at: Cursor | undefined): number {
  if (at?.tables?.done.length === 1) return 1;
  return Number(at?.tables?.current?.after?.[0] ?? 0) / (2 * ROWS);
}

const position = (lsn: string): bigint => {
  const [high = "", low = ""] = lsn.split("/");
  return BigInt(`0x${high}`) * 2n ** 32n + BigInt(`0x${low}`);
};

describe("promise 4: sources that read a database are exactly once", function () {
  this.timeout(soak ? 3_600_000 : 180_000);
  const broker = useBroker();
  let brokers: string[];
  let [namespace, seed] = ["", 0];
  let postgres: Postgres;
  let gateway: Started | undefined;
  beforeEach(async () => {
    brokers = onApacheKafka
      ? broker.addresses()
      : [(await startDevBroker({ retentionBytes: RETENTION_BYTES })).address];
    gateway = undefined;
    namespace = `ns-${randomUUID().slice(0, 8)}`;
    seed = Number(process.env["ONRAMP_SEED"] ?? randomInt(1_000_000));
  });
  afterEach(function () {
    if (this.currentTest?.state === "failed") console.log(`      ONRAMP_SEED=${seed}`);
  });

  const startGateway = async (): Promise<void> => {
    gateway = await startWith({
      kafka: {
        brokers,
        createTopics: true,
        namespace,
        sessionTimeout: `${SESSION_MS}ms`,
      },
      sources: {
        pg: {
          type: "postgres",
          url: postgres.url(),
          tables: ["public.load"],
          topicPrefix: namespace,
        },
      },
    });
  };
  const cursor = async (): Promise<Cursor | undefined> => {
    const state = gateway && (await sourceState(gateway, "pg").catch(() => undefined));
    assert.notEqual(state?.state, "blocked", state?.lastError?.message);
    return (state?.cursor ?? undefined) as Cursor | undefined;
  };
  /** The cursor as soon as a new gateway has read it. */
  const startedCursor = async (): Promise<Cursor | undefined> => {
    await until(async () => (await cursor()) !== undefined, CATCH_UP_MS);
    return cursor();
  };
  const untilRead = (share: number): Promise<void> =>
    until(async () => snapshotShare(await cursor()) >= share, CATCH_UP_MS);
  /** Waits until the source reads its slot. */
  const untilSlot = (): Promise<void> =>
    until(async () => {
      const [row] = await postgres.sql(
        "SELECT FROM pg_replication_slots WHERE active AND confirmed_flush_lsn IS NOT NULL",
      );
      return row !== undefined;
    }, 60_000);
  /** Stops the load, waits until the source has everything, and replays the topic. */
  const replayAll = async (load: Load): Promise<Replayed> => {
    await load.stop();
    const end = position(await load.mark());
    await until(async () => {
      const at = await cursor();
      return at !== undefined && snapshotShare(at) === 1 && position(at.lsn) > end;
    }, CATCH_UP_MS);
    return replay(await readCommitted(brokers, `${namespace}.public.load`));
  };

  itThoroughly(
    `the topic results in the table after ${KILLS} kills of the gateway and ${CRASHES} of PostgreSQL over ${CHANGES} changes`,
    async () => {
      postgres = await startPostgres();
      const random = dice(seed);
      const load = new Load(postgres, { rows: ROWS, seed, clients: 2 });
      await load.create();
      await startGateway();
      await untilSlot();
      load.limit = 0;
      load.isLargestNext = true;
      load.start();
      let duringSnapshot = 0;
      for (const [n, kind] of EVENTS.entries()) {
        const [isEarly, share] = [n < EVENTS.length / 2, (n + 1) / EVENTS.length];
        await ownerOf([gateway as Started]);
        if (!isEarly) await untilRead(1);
        // One half of the changes is made while the source runs, and the other one after the kill.
        load.limit = CHANGES * (share - 0.5 / EVENTS.length);
        load.isLargestNext ||= !isEarly && n % 2 === 1;
        if (isEarly) await untilRead(2 * share - 2 / EVENTS.length);
        else await until(() => !load.isLargestNext, CATCH_UP_MS);
        await delay((random() * MOMENT_MS) / (isEarly ? 3 : 1));
        if (kind === "postgres") {
          await postgres.kill();
          await postgres.start();
          load.limit = CHANGES * share;
          await untilSlot();
          continue;
        }
        if (isEarly && snapshotShare(await startedCursor()) < 1) duringSnapshot = load.changed;
        await gateway?.end("SIGKILL");
        load.limit = CHANGES * share;
        if (isEarly) await until(() => load.changed >= load.limit, CATCH_UP_MS);
        await startGateway();
        if (isEarly && snapshotShare(await startedCursor()) < 1) duringSnapshot = load.changed;
      }
      load.limit = CHANGES;
      await until(() => load.changed >= CHANGES, CATCH_UP_MS);
      const replayed = await replayAll(load);
      assert.deepEqual(await differences(postgres, replayed), []);
      console.log(
        `      ${load.changed} changes, ${duringSnapshot} during the snapshot; ${JSON.stringify(replayed.counts)}`,
      );
      assert.ok(duringSnapshot >= CHANGES / 4, `${duringSnapshot} changes during the snapshot`);
    },
  );

  itThoroughly(
    "the topic results in the table when a synchronous standby does not answer while chunks are read",
    async () => {
      postgres = await startPostgres();
      const load = new Load(postgres, { rows: ROWS, seed, clients: WAITING_CLIENTS });
      await load.create();
      await postgres.set({ synchronous_standby_names: "nobody" });
      await startGateway();
      await untilSlot();
      load.limit = ROWS / 10;
      load.start();
      const waiting = async (): Promise<number> => {
        const [row] = await postgres.sql(
          "SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'SyncRep'",
          [LOAD_NAME],
        );
        return row?.["count"];
      };
      await until(async () => (await waiting()) === WAITING_CLIENTS);
      const details = async (): Promise<unknown> => (await sourceState(gateway as Started, "pg")).details;
      // The snapshot waits as well. One that does not wait ends, and its rows are older than the changes.
      await until(
        async () => /visible/.test(JSON.stringify(await details())) || snapshotShare(await cursor()) === 1,
      );
      const shareBefore = snapshotShare(await cursor());
      await postgres.set({ synchronous_standby_names: "" });
      await until(() => load.changed >= load.limit, CATCH_UP_MS);
      const replayed = await replayAll(load);
      assert.deepEqual(await differences(postgres, replayed), []);
      console.log(`      ${load.changed} changes; ${JSON.stringify(replayed.counts)}`);
      assert.ok(shareBefore < 1, "the snapshot did not wait");
    },
  );
});
