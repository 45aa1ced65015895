// The source `http-poll`: what reviewers broke.

import { strict as assert } from "node:assert";
import { gzipSync } from "node:zlib";
import { httpPoll } from "../../../src/sources/http-poll/http-poll.ts";
import { setBack } from "../../../src/sources/http-poll/overlap.ts";
import { shownState } from "../../../src/sources/http-poll/poll-state.ts";
import { type ApiReply, startApi } from "../../support/api-double.ts";
import { runSource } from "../../support/source-run.ts";

const poll = (options: object, more: Parameters<typeof runSource>[2] = {}) =>
  runSource(httpPoll, { topic: "t", ...options }, more);
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => ({ id: from + n }));
const idsOf = (values: readonly string[]): unknown[] => values.map((value) => JSON.parse(value).id);

describe("sources: http-poll, edges", () => {
  it("writes a new item on a later page although the first page has not changed", async () => {
    let second = [{ id: 2 }];
    const api = await startApi(({ url, headers }) => {
      if (url.searchParams.has("p")) return { body: { items: second } };
      if (headers["if-none-match"] === '"1"') return { status: 304 };
      return { headers: { etag: '"1"' }, body: { items: [{ id: 1 }], next: 2 } };
    });
    const run = poll({ url: `${api.url}/?p={page}`, items: "items", id: "id", next: '{"page": next}' });
    assert.deepEqual(idsOf(await run.values()), [1, 2]);
    second = [{ id: 2 }, { id: 3 }];
    assert.deepEqual(idsOf(await run.values()), [3]);
  });

  it("writes nothing again after one empty response", async () => {
    let items = range(1, 50);
    const api = await startApi(() => ({ body: items }));
    const run = poll({ url: api.url, id: "id", dedupe: 5 });
    await run.step();
    items = [];
    await run.step();
    items = range(1, 50);
    assert.deepEqual(await run.values(), []);
  });

  it("writes nothing again when a page of a long round no longer exists, with either order", async () => {
    for (const order of ["oldest-first", "newest-first"]) {
      let isGone = true;
      const api = await startApi(({ url }) => {
        const page = Number(url.searchParams.get("p") ?? 0);
        if (page === 3 && isGone) {
          isGone = false;
          return { status: 410 };
        }
        const all = order === "newest-first" ? range(1, 40).reverse() : range(1, 40);
        return {
          body: { items: all.slice(page * 10, page * 10 + 10), next: page < 3 ? page + 1 : null, now: page },
        };
      });
      const run = poll({
        url: `${api.url}/?since={cursor}&p={page}`,
        items: "items",
        id: "id",
        cursor: "now",
        next: '{"page": next}',
        order,
        dedupe: 5,
      });
      await assert.rejects(run.step(), { kind: "passing" });
      assert.equal(
        (run.cursor as { cursor?: string }).cursor,
        undefined,
        "the cursor waits for the last page",
      );
      await run.step();
      const ids = run.written.map(({ value }) => JSON.parse(String(value)).id);
      assert.deepEqual(
        ids.sort((a, b) => a - b),
        range(1, 40).map(({ id }) => id),
      );
    }
  });

  it("remembers all existing items with from: now, also if one response does not contain all", async () => {
    let last = 10;
    const api = await startApi(({ url }) => {
      const since = Number(url.searchParams.get("since") ?? 0);
      return { body: range(since + 1, Math.min(last, since + 3)) };
    });
    const run = poll({ url: `${api.url}/?since={cursor}`, id: "id", cursor: "$max(id)", from: "now" });
    assert.deepEqual(await run.values(), []);
    last = 12;
    assert.deepEqual(idsOf(await run.values()), [11, 12]);
    const replay = poll(
      { url: `${api.url}/?since={cursor}`, id: "id", cursor: "$max(id)", from: "now" },
      { cursor: { cursor: 9 } },
    );
    assert.deepEqual(idsOf(await replay.values()), [10, 11, 12]);
  });

  it("does not end a newest-first poll at a pinned item", async () => {
    let items = range(1, 9);
    const api = await startApi(({ url }) => {
      const page = Number(url.searchParams.get("p") ?? 0);
      const all = [{ id: 0 }, ...[...items].reverse()];
      return {
        body: { items: all.slice(page * 3, page * 3 + 3), next: all.length > page * 3 + 3 ? page + 1 : null },
      };
    });
    const run = poll({
      url: `${api.url}/?p={page}`,
      items: "items",
      id: "id",
      next: '{"page": next}',
      order: "newest-first",
    });
    await run.step();
    items = range(1, 15);
    assert.deepEqual(idsOf(await run.values()), [15, 14, 13, 12, 11, 10]);
  });

  it('treats null as no items, and 1 and "1" as different ids', async () => {
    const replies: object[] = [{ items: null }, { items: [{ id: 1 }, { id: "1" }, null] }];
    const api = await startApi(() => ({ body: replies.shift() ?? { items: null } }));
    const run = poll({ url: api.url, items: "items", id: "id" });
    assert.deepEqual(await run.values(), []);
    assert.deepEqual(idsOf(await run.values()), [1, "1"]);
  });

  it("is blocked by pages that form a loop", async () => {
    const api = await startApi(({ url }) => {
      const page = url.searchParams.get("p") ?? "a";
      return { body: { items: [{ id: page }], next: page === "b" ? "a" : "b" } };
    });
    const run = poll({ url: `${api.url}/?p={page}`, items: "items", id: "id", next: '{"page": next}' });
    await assert.rejects(run.step(), { kind: "blocked", message: /read before in this poll/ });
    assert.ok(api.calls.length <= 4);
  });

  it("uses the last response again when its items were not committed, because a call may be billed", async () => {
    const api = await startApi(() => ({ body: [{ id: 1 }] }));
    const run = poll({ url: api.url, id: "id", itemsPerDay: 100, itemsPerCall: 10 });
    const batches = run.source.run(undefined, new AbortController().signal, () => {}, {
      since: async () => {},
    });
    let cursor: unknown;
    for await (const batch of batches) {
      // The commit of the items fails, so the generator is ended.
      if (batch.drafts.length > 0) break;
      cursor = batch.cursor;
    }
    run.cursor = cursor;
    assert.deepEqual(idsOf(await run.values()), [1]);
    assert.equal(api.calls.length, 1);
  });

  it("counts no call that was not sent, and spares the calls while it is blocked", async () => {
    const api = await startApi(() => ({ status: 401 }));
    const run = poll({ url: api.url, id: "id", callsPerDay: 24 });
    await assert.rejects(
      run.step(),
      ({ kind, retryAfterMs }) => kind === "blocked" && retryAfterMs >= 2 * 3_600_000,
    );
    assert.equal(run.progress.quotaRemaining, 23);
    const closed = await startApi(() => ({}));
    await closed.close();
    const other = poll({ url: closed.url, id: "id", callsPerDay: 24 });
    await assert.rejects(other.step(), { kind: "passing", message: /ECONNREFUSED/ });
    assert.equal(other.progress.quotaRemaining, 24);
  });

  it("shows no link with a key", async () => {
    const api = await startApi(({ url }) =>
      url.searchParams.get("c") ? { status: 410 } : { body: { next: `${url.origin}/?api_key=SECRET1` } },
    );
    const run = poll({ url: `${api.url}/?c={cursor}`, cursor: "next", expired: { status: 410 } });
    await run.step();
    await run.step();
    assert.equal(run.lost.length, 1);
    assert.doesNotMatch(run.lost.join() + JSON.stringify(shownState(run.cursor)), /SECRET/);
    const round = { page: { url: "https://a/pathSECRET2?k=SECRET3" }, pages: 1, items: 2 };
    const shown = shownState({
      cursor: "/more?api_key=SECRET4",
      round,
      lost: { at: "", after: "v1?k=SECRET5" },
    });
    assert.doesNotMatch(JSON.stringify(shown), /SECRET/);
  });

  const replies: readonly [title: string, reply: ApiReply, expected: object | undefined][] = [
    ["an empty 204 that names a coding", { status: 204, headers: { "content-encoding": "gzip" } }, undefined],
    [
      "an empty body that names a coding",
      { headers: { "content-encoding": "gzip", "content-length": "0" } },
      undefined,
    ],
    ["a body of spaces", { body: " \n " }, undefined],
    ["the coding none", { headers: { "content-encoding": "none" }, body: [] }, undefined],
    ["gzip", { headers: { "content-encoding": "gzip" }, body: gzipSync("[]") }, undefined],
    [
      "another coding",
      { headers: { "content-encoding": "zstd" }, body: "x" },
      { message: /content-encoding "zstd"/ },
    ],
    [
      "too many values",
      { body: `[${"1,".repeat(1_000_001)}1]` },
      { kind: "blocked", message: /values.*smaller pages/ },
    ],
    [
      "403 with the time of the limit",
      {
        status: 403,
        headers: {
          "x-ratelimit-remaining": "0",
          "x-ratelimit-reset": String(Date.UTC(2026, 0, 1) / 1000 + 90),
        },
      },
      { kind: "passing", retryAfterMs: 90_000 },
    ],
    [
      "403 with Retry-After",
      { status: 403, headers: { "retry-after": "86400" } },
      { kind: "passing", retryAfterMs: 86_400_000 },
    ],
    ["403 alone", { status: 403 }, { kind: "blocked" }],
    ["a number as the next page", { body: { next: 2 } }, { kind: "blocked", message: /neither a URL/ }],
  ];
  for (const [title, reply, expected] of replies)
    it(`handles a response: ${title}`, async () => {
      const api = await startApi(() => reply);
      const run = poll({
        url: api.url,
        id: "id",
        maxResponse: "20MB",
        ...(title.includes("next") ? { next: "next" } : {}),
      });
      if (expected === undefined) assert.deepEqual(await run.values(), []);
      else await assert.rejects(run.step(), expected);
    });

  it("logs once that the path of the items does not exist", async () => {
    const api = await startApi(() => ({ body: { error: "no" } }));
    const run = poll({ url: api.url, items: "data.items", id: "id" });
    await run.step();
    await run.step();
    assert.equal(run.log.lines.filter(({ event }) => /nothing at the path items/.test(event)).length, 1);
  });

  it("sets cursors of every kind back", () => {
    const cases: readonly [string, string | number, string | RegExp][] = [
      ["1767225600", "5m", "1767225300"],
      ["1767225600000", "5m", "1767225300000"],
      ["1767225600000000", "5m", "1767225300000000"],
      ["1767225600000000123", "5m", "1767225300000000123"],
      ["42", 10, "32"],
      ["2026-01-01T12:00:00Z", "5m", "2026-01-01T11:55:00Z"],
      ["2026-01-01T12:00:00.5+01:00", "5m", "2026-01-01T10:55:00.500Z"],
      ["2026-01-02", "1d", "2026-01-01"],
      ["2026-01-01 12:00", "5m", /overlap of source "s" needs a cursor that is a time/],
      ["abc", 5, /needs a cursor that is a number/],
    ];
    for (const [cursor, overlap, expected] of cases)
      if (typeof expected === "string") assert.equal(setBack(cursor, overlap, "s"), expected);
      else assert.throws(() => setBack(cursor, overlap, "s"), { message: expected });
  });

  const mistakes: readonly [options: object, message: RegExp][] = [
    [{ url: "http://a/?s={Cursor}" }, /\{Cursor\} is not replaced/],
    [{ url: "http://a/?s={cursor}" }, /the option cursor must compute it/],
    [{ url: "http://a/?p={page}", id: "id" }, /the option next must compute it/],
    [{ url: "http://a/" }, /id is required/],
    [{ url: "http://a/", id: "id", interval: "0s" }, /interval must be at least 1ms/],
    [{ url: "http://a/", id: "id", maxResponse: "0B" }, /maxResponse must be at least 1B/],
    [{ url: "http://a/", id: "id", headers: { "a b": "c" } }, /headers: "a b"/],
    [{ url: "http://a/", id: "id", headers: { a: "c\nd" } }, /headers: "a"/],
    [{ url: "http://a/", id: "id", body: "{}" }, /body requires method/],
    [{ url: "http://a/", id: "id", expired: { status: 410 } }, /expired has no effect/],
    [{ url: "http://a/", id: "id", itemsPerDay: 5 }, /requires itemsPerCall/],
  ];
  for (const [options, message] of mistakes)
    it(`refuses at the start: ${message.source}`, () => {
      assert.throws(() => poll(options), { message });
    });
});
