// Promise 4, with polled APIs: no item is lost or written twice when the owner is killed between pages, and the calls stay within the
// quota, which two sources share.

import { strict as assert } from "node:assert";
import { useApi } from "../support/api-double.ts";
import { itThoroughly } from "../support/broker.ts";
import { readCommitted } from "../support/read-back.ts";
import { soak } from "../support/soak.ts";
import { ownerOf, useSourceProcesses } from "../support/source-processes.ts";
import { sourceStates, upTo } from "../support/sources.ts";
import { until } from "../support/until.ts";

const [ITEMS, KILLS] = soak ? [50_000, 50] : [5000, 5];
const PER_PAGE = 100;
/** The items that arrive per call of a further page; more arrive before the first page. */
const ARRIVING = 10;
const MAX_CALLS = (3 * ITEMS) / PER_PAGE + 40 * KILLS;
const FEW_CALLS = 30;

describe("promise 4: sources that poll are exactly once", function () {
  this.timeout(soak ? 3_600_000 : 180_000);
  /** The items of the API, and the largest number of items of a round that it has returned. */
  const items = { oldest: ITEMS, newest: ITEMS / 2, reached: 0 };
  const api = useApi(({ url }) => {
    const since = Number(url.searchParams.get("since") ?? 0);
    const page = Number(url.searchParams.get("page") ?? 0);
    const isNewest = url.pathname === "/newest";
    if (isNewest) items.newest = Math.min(ITEMS, items.newest + (page === 0 ? ITEMS / 20 : ARRIVING));
    const last = isNewest ? items.newest : items.oldest;
    const count = Math.max(0, last - since);
    const from = page * PER_PAGE;
    const ids = Array.from({ length: Math.max(0, Math.min(PER_PAGE, count - from)) }, (_, n) =>
      isNewest ? last - from - n : since + from + n + 1,
    );
    items.reached = Math.max(items.reached, from);
    return {
      body: {
        items: ids.map((id) => ({ id })),
        at: last,
        next: count > from + PER_PAGE ? page + 1 : null,
      },
    };
  });

  describe("two sources with one quota", () => {
    const { replica, broker, topicOf } = useSourceProcesses(["oldest", "newest"], (name) => ({
      type: "http-poll",
      url: `${api().url}/${name}?since={cursor}&page={page}`,
      interval: "1s",
      items: "items",
      id: "id",
      cursor: "at",
      next: '{"page": next}',
      order: `${name}-first`,
      quota: "api",
      callsPerDay: MAX_CALLS,
    }));
    const idsOf = async (name: string): Promise<number[]> =>
      (await readCommitted(broker.addresses(), topicOf(name))).map(
        ({ value }) => JSON.parse(String(value)).id,
      );

    itThoroughly(`lose and duplicate no item in ${KILLS} kills over ${ITEMS} items each`, async () => {
      let replicas = [await replica(), await replica()];
      for (let kill = 1; kill <= KILLS; kill++) {
        await until(() => items.reached >= (ITEMS * kill) / (KILLS + 1) / 1.1, 120_000);
        const owner = await ownerOf(replicas);
        await owner.end("SIGKILL");
        replicas = [...replicas.filter((each) => each !== owner), await replica()];
        await ownerOf(replicas);
      }
      const isDone = async (): Promise<boolean> => {
        const cursors = (await sourceStates(await ownerOf(replicas))).map(
          ({ cursor }) => cursor as { cursor?: string; round?: object } | null,
        );
        return cursors.every((cursor) => cursor?.cursor === String(ITEMS) && cursor.round === undefined);
      };
      await until(isDone, 300_000);
      await Promise.all(replicas.map((each) => each.end()));
      const [oldest, newest] = [await idsOf("oldest"), await idsOf("newest")];
      assert.deepEqual(oldest, upTo(ITEMS));
      assert.deepEqual(
        newest.sort((a, b) => a - b),
        upTo(ITEMS),
      );
      const calls = api().calls.length;
      assert.ok(calls <= MAX_CALLS, `${calls} calls`);
      console.log(`      ${KILLS} kills, ${calls} calls of ${MAX_CALLS}`);
    });
  });

  describe("a quota", () => {
    const { replica } = useSourceProcesses(["a", "b"], (name) => ({
      type: "http-poll",
      url: `${api().url}/${name}?since={cursor}`,
      interval: "20ms",
      items: "items",
      id: "id",
      cursor: "at",
      quota: "few",
      callsPerDay: FEW_CALLS,
    }));

    itThoroughly("is not exceeded when the owner is killed", async () => {
      const before = api().calls.length;
      const calls = (): number => api().calls.length - before;
      let running = await replica();
      for (const count of [8, 16]) {
        await until(() => calls() >= count, 60_000);
        await running.end("SIGKILL");
        running = await replica();
      }
      const isUsedUp = async (): Promise<boolean> =>
        (await sourceStates(running)).every(
          ({ quotaRemaining, state }) => quotaRemaining === 0 && state === "running",
        );
      await until(isUsedUp, 60_000);
      assert.ok(calls() <= FEW_CALLS && calls() >= FEW_CALLS - 4, `${calls()} calls`);
      await until(async () =>
        (await sourceStates(running)).every(
          ({ nextRun }) => Date.parse(nextRun ?? "") > Date.now() + 23 * 3_600_000,
        ),
      );
    });
  });
});
