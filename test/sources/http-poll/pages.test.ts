// The source `http-poll`: pages.

import { strict as assert } from "node:assert";
import { httpPoll } from "../../../src/sources/http-poll/http-poll.ts";
import { linkedPage } from "../../../src/sources/http-poll/pages.ts";
import { startApi } from "../../support/api-double.ts";
import { runSource } from "../../support/source-run.ts";

const poll = (options: object) => runSource(httpPoll, { topic: "t", ...options });
const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1);
const idsOf = (values: readonly string[]): number[] => values.map((value) => JSON.parse(value).id);

describe("sources: http-poll, pages", () => {
  it("follows Link, and continues with the next page after a restart", async () => {
    const api = await startApi(({ url }) => {
      const page = Number(url.searchParams.get("page") ?? 1);
      if (page === 3 && api.calls.length === 3) return { status: 503 };
      const link = page < 4 ? { link: `<${api.url}/?page=${page + 1}>; rel="next"` } : {};
      return { headers: link, body: [{ id: page * 2 - 1 }, { id: page * 2 }] };
    });
    const run = poll({ url: api.url, id: "id", interval: "1h" });
    await assert.rejects(run.step(), { kind: "passing" });
    assert.deepEqual(idsOf(await run.values()), [5, 6, 7, 8]);
    assert.deepEqual(
      api.calls.map(({ url }) => url.search),
      ["", "?page=2", "?page=3", "?page=3", "?page=4"],
    );
  });

  it("fills {page}, and keeps the cursor until the last page", async () => {
    const api = await startApi(({ url }) => {
      const page = Number(url.searchParams.get("p") ?? 1);
      return { body: { items: [{ id: page }], next: page < 3 ? page + 1 : null, at: page } };
    });
    const run = poll({
      url: `${api.url}/?since={cursor}&p={page}`,
      items: "items",
      cursor: "at",
      next: '{"page": next}',
    });
    assert.deepEqual(idsOf(await run.values()), [1, 2, 3]);
    await run.step();
    assert.deepEqual(
      api.calls.slice(0, 4).map(({ url }) => url.search),
      ["", "?p=2", "?p=3", "?since=3"],
    );
  });

  it("polls again at once when next is true", async () => {
    const api = await startApi(({ url }) => {
      const since = Number(url.searchParams.get("since"));
      const items = upTo(5)
        .filter((id) => id > since)
        .slice(0, 2)
        .map((id) => ({ id }));
      return { body: { items, more: (items.at(-1)?.id ?? 5) < 5 } };
    });
    const run = poll({
      url: `${api.url}/?since={cursor}`,
      items: "items",
      cursor: "$max(items.id)",
      initialCursor: 0,
      next: "more",
    });
    assert.deepEqual(idsOf(await run.values()), [1, 2, 3, 4, 5]);
    assert.deepEqual(await run.values(), []);
  });

  it("is blocked by a next page of another origin, and writes the items of the current page once", async () => {
    const other = await startApi(() => ({ body: [] }));
    const api = await startApi(() => ({
      headers: { link: `<${other.url}/?page=2>; rel=next` },
      body: [{ id: 1 }],
    }));
    const run = poll({ url: api.url, id: "id", headers: { authorization: "Bearer SECRET" } });
    await assert.rejects(run.step(), { kind: "blocked", message: /on another origin/ });
    await assert.rejects(run.step(), { kind: "blocked" });
    assert.equal(run.written.length, 1);
    assert.equal(other.calls.length, 0);
    assert.equal((run.cursor as { known: string }).known.length, 11);
  });

  it("is blocked when a page names itself as the next page", async () => {
    const api = await startApi(({ url }) => ({ body: { items: [{ id: 1 }], next: `${url.origin}/?p=2` } }));
    const run = poll({ url: api.url, items: "items", id: "id", next: "next" });
    await assert.rejects(run.step(), { kind: "blocked", message: /names a page that was read before/ });
  });

  it("continues with the next poll after maxPages", async () => {
    const api = await startApi(({ url }) => {
      const page = Number(url.searchParams.get("p") ?? 1);
      return { body: { items: [{ id: page }], next: page < 5 ? page + 1 : null } };
    });
    const run = poll({
      url: `${api.url}/?p={page}`,
      items: "items",
      id: "id",
      next: '{"page": next}',
      maxPages: 2,
    });
    assert.deepEqual(idsOf(await run.values()), [1, 2]);
    assert.deepEqual(idsOf(await run.values()), [3, 4]);
    assert.deepEqual(idsOf(await run.values()), [5]);
  });

  it("starts the round again when a page is gone, without writing an item twice", async () => {
    let isGone = true;
    const api = await startApi(({ url }) => {
      const page = Number(url.searchParams.get("p") ?? 1);
      if (page === 2 && isGone) {
        isGone = false;
        return { status: 410 };
      }
      return { body: { items: [{ id: page }], next: page < 3 ? page + 1 : null } };
    });
    const run = poll({ url: `${api.url}/?p={page}`, items: "items", id: "id", next: '{"page": next}' });
    await assert.rejects(run.step(), { kind: "passing", message: /starts again from the first page/ });
    await run.step();
    assert.deepEqual(idsOf(run.written.map(({ value }) => String(value))), [1, 2, 3]);
  });

  it("with newest-first, loses no item when it is stopped between pages and new items appear", async () => {
    const items = upTo(10);
    let fail = true;
    const api = await startApi(({ url }) => {
      const page = Number(url.searchParams.get("p") ?? 0);
      const since = Number(url.searchParams.get("since") ?? 0);
      if (page === 2 && fail) {
        fail = false;
        items.push(11, 12);
        return { cut: true };
      }
      const newest = items.filter((id) => id > since).reverse();
      const part = newest.slice(page * 3, page * 3 + 3);
      return {
        body: {
          items: part.map((id) => ({ id })),
          newest: newest[0],
          next: newest.length > page * 3 + 3 ? page + 1 : null,
        },
      };
    });
    const run = poll({
      url: `${api.url}/?since={cursor}&p={page}`,
      items: "items",
      id: "id",
      cursor: "newest",
      next: '{"page": next}',
      order: "newest-first",
    });
    await assert.rejects(run.step(), { kind: "passing" });
    await run.step();
    await run.step();
    const written = idsOf(run.written.map(({ value }) => String(value)));
    assert.deepEqual(
      written.sort((a, b) => a - b),
      upTo(12),
    );
    assert.equal((run.cursor as { cursor: string }).cursor, "12");
  });

  it("ends a round with the first page of known items when the API has no cursor and the newest come first", async () => {
    const items = upTo(9);
    const api = await startApi(({ url }) => {
      const page = Number(url.searchParams.get("p") ?? 0);
      const newest = [...items].reverse();
      return {
        headers: newest.length > page * 3 + 3 ? { link: `</?p=${page + 1}>; rel="next"` } : {},
        body: newest.slice(page * 3, page * 3 + 3).map((id) => ({ id })),
      };
    });
    const run = poll({ url: api.url, id: "id", order: "newest-first", dedupe: 4 });
    assert.deepEqual(idsOf(await run.values()), [...items].reverse());
    items.push(10, 11, 12, 13);
    assert.deepEqual(idsOf(await run.values()), [13, 12, 11, 10]);
    assert.equal(api.calls.length, 6);
    assert.deepEqual(await run.values(), []);
  });

  it("finds rel=next among the links", () => {
    const cases: readonly [string | undefined, string | undefined][] = [
      [undefined, undefined],
      ['<https://a/1>; rel="prev", <https://a/3>; rel="next"', "https://a/3"],
      ['</x?a=1,2>; rel=next; title="a, b"', "/x?a=1,2"],
      ['<b>; title="rel=next"', undefined],
      ['<c>; rel="last next"', "c"],
    ];
    for (const [header, expected] of cases) assert.equal(linkedPage(header), expected, header);
  });
});
