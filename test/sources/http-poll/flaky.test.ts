// The source `http-poll` on an API that fails, repeats, reorders and changes its pages, while the process is killed at random.

import { strict as assert } from "node:assert";
import type { Batch } from "../../../src/core/source.ts";
import { httpPoll } from "../../../src/sources/http-poll/http-poll.ts";
import { type ApiReply, startApi } from "../../support/api-double.ts";
import { NO_RECORDS, testContext, withDefaults } from "../../support/source-run.ts";
import { upTo } from "../../support/sources.ts";

const ITEMS = 200;
const PER_PAGE = 7;
const FAILURES: readonly ApiReply[] = [
  { status: 429, headers: { "retry-after": "0" } },
  { status: 503 },
  { status: 500, body: "<html>" },
  { cut: true, body: '{"items":[{"id":1' },
  { hang: true },
  { body: "not JSON" },
];

/** A generator of numbers from 0 to 1 that gives the same numbers in every run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

describe("sources: http-poll on an unreliable API", function () {
  this.timeout(60_000);

  for (const order of ["oldest-first", "newest-first"] as const)
    for (const usesCursor of [true, false])
      it(`loses and duplicates nothing: ${order}, ${usesCursor ? "with" : "without"} a cursor in the request`, async () => {
        const random = randomOf(order.length + Number(usesCursor));
        let last = usesCursor ? 100 : 60;
        const api = await startApi(({ url }) => {
          if (random() < 0.2) return FAILURES[Math.floor(random() * FAILURES.length)];
          // New items arrive while pages are read; without a cursor, the API has only the newest ones.
          last = Math.min(ITEMS, last + Math.floor(random() * 4));
          const since = usesCursor ? Number(url.searchParams.get("since") ?? 0) : 0;
          const page = Number(url.searchParams.get("page") ?? 0);
          const ids = upTo(last).filter((id) => id > since);
          if (order === "newest-first") ids.reverse();
          const part = ids.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
          const next = ids.length > (page + 1) * PER_PAGE ? page + 1 : null;
          // The items of a page come in any order, and one of them twice.
          const items = [...part, ...part.slice(0, 1)].sort(() => random() - 0.5).map((id) => ({ id }));
          return { body: { items, next } };
        });
        const options = {
          topic: "t",
          url: `${api.url}/?${usesCursor ? "since={cursor}&" : ""}page={page}`,
          items: "items",
          id: "id",
          next: '{"page": next}',
          order,
          timeout: "30ms",
          dedupe: 50,
          ...(usesCursor ? { cursor: "$max(items.id)" } : {}),
        };
        const source = httpPoll.create(withDefaults(httpPoll, options), testContext());
        const written: number[] = [];
        let cursor: never | undefined;
        while (written.length < ITEMS) {
          // A process: it ends by a failure, or is killed before or after a commit.
          const ending = new AbortController();
          const batches = source.run(cursor, ending.signal, () => {}, NO_RECORDS)[Symbol.asyncIterator]();
          try {
            while (written.length < ITEMS) {
              const { value }: { value: Batch<unknown> } = await batches.next();
              if (random() < 0.1) break;
              written.push(...value.drafts.map((draft) => JSON.parse(String(draft.value)).id));
              cursor = JSON.parse(JSON.stringify(value.cursor)) as never;
              if (random() < 0.1) break;
            }
          } catch (error) {
            assert.equal((error as { kind?: string }).kind, "passing", String(error));
          }
          ending.abort();
          await batches.return?.(undefined);
        }
        assert.deepEqual(
          written.sort((a, b) => a - b),
          upTo(ITEMS),
        );
      });
});
