// The source `x`.

import { strict as assert } from "node:assert";
import { x } from "../../src/sources/x.ts";
import { startApi } from "../support/api-double.ts";
import { runSource } from "../support/source-run.ts";

const post = (id: number) => ({ id: String(id), author_id: `a${id}`, text: `post ${id}` });
const run = (url: string, options: object = {}, more: Parameters<typeof runSource>[2] = {}) =>
  runSource(
    x,
    { topic: "t", query: "kafka", bearerToken: "TOKEN", itemsPerDay: 500, url, ...options },
    { skip: 5000, ...more },
  );

describe("sources: x", () => {
  it("reads pages from the newest post, keyed by author, and then only newer posts", async () => {
    const posts = [1, 2, 3, 4, 5];
    const api = await startApi(({ url }) => {
      const from = Number(url.searchParams.get("next_token") ?? 0);
      const newest = posts.filter((id) => id > Number(url.searchParams.get("since_id") ?? 0)).reverse();
      const page = newest.slice(from, from + 2);
      const next = newest.length > from + 2 ? { next_token: String(from + 2) } : {};
      const ids = page.length > 0 ? { newest_id: String(page[0]) } : {};
      return {
        body: {
          ...(page.length > 0 ? { data: page.map(post) } : {}),
          meta: { result_count: page.length, ...ids, ...next },
        },
      };
    });
    const source = run(api.url);
    // Every call waits for its turn, two seconds after the last one.
    while (source.written.length < 5) await source.step();
    assert.deepEqual(
      source.written.map(({ key }) => String(key)),
      ["a5", "a4", "a3", "a2", "a1"],
    );
    posts.push(6);
    while (source.written.length < 6) await source.step();
    assert.equal(String(source.written[5]?.value), JSON.stringify(post(6)));
    const last = api.calls.at(-1);
    assert.deepEqual(
      [last?.url.searchParams.get("since_id"), last?.url.searchParams.get("start_time")],
      ["5", null],
    );
    assert.equal(last?.headers.authorization, "Bearer TOKEN");
    assert.equal(last?.url.searchParams.get("max_results"), "100");
    assert.equal(last?.url.searchParams.get("expansions"), null);
  });

  it("continues when since_id has expired, and reports it once", async () => {
    const api = await startApi(({ url }) =>
      url.searchParams.get("since_id") === "1"
        ? {
            status: 400,
            body: {
              errors: [
                {
                  parameters: { since_id: ["1"] },
                  message: "'since_id' must be a tweet id created after [TIMESTAMP].",
                },
              ],
              title: "Invalid Request",
            },
          }
        : { body: { data: [post(9)], meta: { newest_id: "9", result_count: 1 } } },
    );
    const source = run(api.url, {}, { cursor: { cursor: "1" } });
    while (source.written.length < 1) await source.step();
    await source.step();
    assert.equal(source.lost.length, 1);
    assert.equal((source.cursor as { cursor: string }).cursor, "9");
  });

  it("waits until x-rate-limit-reset after 429", async () => {
    const reset = Math.floor(Date.now() / 1000) + 300;
    const api = await startApi(() => ({ status: 429, headers: { "x-rate-limit-reset": String(reset) } }));
    const source = run(api.url);
    await assert.rejects(
      async () => {
        for (;;) await source.step();
      },
      ({ kind, retryAfterMs }) => kind === "passing" && retryAfterMs > 290_000 && retryAfterMs <= 300_000,
    );
  });

  it("reads at most itemsPerDay posts in any 24 hours, and shows what is left", async () => {
    let id = 0;
    const api = await startApi(({ url }) => {
      const data = Array.from({ length: Number(url.searchParams.get("max_results")) }, () => post(++id));
      return { body: { data, meta: { newest_id: String(id), result_count: data.length } } };
    });
    const source = run(api.url, { itemsPerDay: 250 });
    for (let step = 0; step < 50; step++) await source.step();
    assert.equal(source.written.length, 200);
    assert.equal(source.progress.itemsRemaining, 50);
    source.restart();
    for (let step = 0; step < 10; step++) await source.step();
    assert.equal(source.written.length, 200);
    source.now += 24 * 3_600_000;
    for (let step = 0; step < 10; step++) await source.step();
    assert.equal(source.written.length, 400);
  });

  it("adds the author to a post when expansions are asked for", async () => {
    const api = await startApi(() => ({
      body: { data: [post(1)], includes: { users: [{ id: "a1", name: "Ada" }] }, meta: { newest_id: "1" } },
    }));
    const source = run(api.url, { expansions: "author_id" });
    while (source.written.length < 1) await source.step();
    assert.deepEqual(JSON.parse(String(source.written[0]?.value)).author, { id: "a1", name: "Ada" });
  });
});
