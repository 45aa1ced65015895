// The source `http-poll`: what it requests, and what it writes.

import { strict as assert } from "node:assert";
import { httpPoll } from "../../../src/sources/http-poll/http-poll.ts";
import { startApi } from "../../support/api-double.ts";
import { runSource } from "../../support/source-run.ts";

const poll = (options: object, more: Parameters<typeof runSource>[2] = {}) =>
  runSource(httpPoll, { topic: "t", ...options }, more);

describe("sources: http-poll", () => {
  it("writes the bytes of the items, and each item once", async () => {
    const sent = '{"data": [{"id":9007199254740993,"n":1.0}, {"id":9007199254740992,"s":"\\u00e9"}]}';
    const api = await startApi(() => ({ body: sent }));
    const run = poll({ url: api.url, items: "data", id: "id", key: "id" });
    const drafts = await run.step();
    assert.deepEqual(
      drafts.map(({ value, key }) => [String(value), String(key)]),
      [
        ['{"id":9007199254740993,"n":1.0}', "9007199254740993"],
        ['{"id":9007199254740992,"s":"\\u00e9"}', "9007199254740992"],
      ],
    );
    assert.deepEqual(await run.values(), []);
    run.restart();
    assert.deepEqual(await run.values(), []);
    assert.equal(api.calls.length, 3);
  });

  it("sends the cursor in the URL, the headers and the body", async () => {
    const api = await startApi(() => ({ body: { items: [{ a: 1 }], next: 'a b&c"' } }));
    const run = poll({
      url: `${api.url}/items?since={cursor}&limit=5`,
      method: "POST",
      headers: { "X-Since": "v{cursor}" },
      body: '{"since":"{cursor}"}',
      items: "items",
      cursor: "next",
    });
    await run.step();
    await run.step();
    const [first, second] = api.calls;
    assert.equal(first?.url.search, "?limit=5");
    assert.deepEqual([first?.headers["x-since"], first?.body], [undefined, '{"since":""}']);
    assert.equal(second?.url.searchParams.get("since"), 'a b&c"');
    assert.deepEqual([second?.headers["x-since"], second?.body], ['va b&c"', '{"since":"a b&c\\""}']);
  });

  it("starts from initialCursor", async () => {
    const api = await startApi(() => ({ body: [] }));
    const run = poll({ url: `${api.url}/?since={cursor}`, cursor: "$max(id)", initialCursor: 0 });
    await run.step();
    assert.equal(api.calls[0]?.url.search, "?since=0");
  });

  it("does not write the items that exist at the first start with from: now", async () => {
    let items = [{ id: 1 }, { id: 2 }];
    const api = await startApi(() => ({ body: items }));
    const run = poll({ url: api.url, id: "id", from: "now" });
    assert.deepEqual(await run.values(), []);
    items = [...items, { id: 3 }];
    assert.deepEqual(await run.values(), ['{"id":3}']);
  });

  it("remembers all items that the API returns, however few dedupe names", async () => {
    const range = (from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, n) => ({ id: from + n }));
    let items = range(1, 60);
    const api = await startApi(() => ({ body: items }));
    const run = poll({ url: api.url, id: "id", dedupe: 10 });
    assert.equal((await run.values()).length, 60);
    items = [...range(1, 30), ...range(61, 90)];
    assert.equal((await run.values()).length, 30);
    assert.deepEqual(await run.values(), []);
  });

  it("writes an item again when its version changes", async () => {
    let version = 1;
    const api = await startApi(() => ({ body: [{ id: 1, v: version }] }));
    const run = poll({ url: api.url, id: "id", version: "v" });
    assert.equal((await run.values()).length, 1);
    assert.equal((await run.values()).length, 0);
    version = 2;
    assert.deepEqual(await run.values(), ['{"id":1,"v":2}']);
  });

  it("sets the cursor back by overlap, and writes late items once", async () => {
    const api = await startApi(() => ({ body: [{ id: 1, t: "2026-01-01T12:00:00Z" }] }));
    const run = poll({ url: `${api.url}/?since={cursor}`, id: "id", cursor: "$sort(t)[-1]", overlap: "5m" });
    assert.equal((await run.values()).length, 1);
    api.answer = () => ({
      body: [
        { id: 1, t: "2026-01-01T12:00:00Z" },
        { id: 2, t: "2026-01-01T11:58:00Z" },
      ],
    });
    assert.deepEqual(await run.values(), ['{"id":2,"t":"2026-01-01T11:58:00Z"}']);
    assert.equal(api.calls[1]?.url.searchParams.get("since"), "2026-01-01T11:55:00Z");
  });

  it("sends validators, and treats 304 as nothing new", async () => {
    const api = await startApi(({ headers }) =>
      headers["if-none-match"] === '"a"' ? { status: 304 } : { headers: { etag: '"a"' }, body: [{ id: 1 }] },
    );
    const run = poll({ url: api.url, id: "id" });
    assert.equal((await run.values()).length, 1);
    const { cursor } = run;
    assert.deepEqual(await run.values(), []);
    assert.equal(api.calls[1]?.headers["if-none-match"], '"a"');
    assert.deepEqual(run.cursor, cursor);
  });

  it("takes the timestamp of an item, and dead-letters an item whose id, key or timestamp fails", async () => {
    const api = await startApi(() => ({
      body: [{ id: 1, t: "2026-01-01T12:00:00Z" }, { id: 2, t: "soon" }, { t: 5 }],
    }));
    const run = poll({ url: api.url, id: "id", timestamp: "t" });
    const drafts = await run.step();
    assert.equal(drafts[0]?.timestamp, Date.parse("2026-01-01T12:00:00Z"));
    assert.match(drafts[1]?.fault?.message ?? "", /key or timestamp: .*ISO 8601/);
    assert.match(drafts[2]?.fault?.message ?? "", /id or version: .*empty/);
    assert.deepEqual(await run.values(), []);
  });

  it("reports an expired cursor once, and starts again from initialCursor", async () => {
    const api = await startApi(({ url }) =>
      url.searchParams.get("since") === "9"
        ? { status: 400, body: { error: "since is too old" } }
        : { body: [{ id: 10 }] },
    );
    const run = poll(
      {
        url: `${api.url}/?since={cursor}`,
        id: "id",
        cursor: "$string($max(id))",
        expired: { status: 400, when: "$contains(error, 'too old')" },
      },
      { cursor: { cursor: "9" } },
    );
    assert.deepEqual(await run.values(), ['{"id":10}']);
    assert.match(run.lost.join(), /no longer knows cursor "9"; items after it may be lost/);
    assert.deepEqual((run.cursor as { lost: object }).lost, {
      at: new Date(run.now).toISOString(),
      after: "9",
    });
    await run.step();
    assert.equal(run.lost.length, 1);
  });

  it("requests a new token after 401", async () => {
    let token = 0;
    const api = await startApi(({ url, headers }) => {
      if (url.pathname === "/token") return { body: { access_token: `t${++token}`, expires_in: 3600 } };
      return headers.authorization === "Bearer t2" ? { body: [{ id: 1 }] } : { status: 401 };
    });
    const oauth2 = { tokenEndpoint: `${api.url}/token`, clientId: "c", clientSecret: "s" };
    const run = poll({ url: `${api.url}/items`, id: "id", oauth2 });
    await assert.rejects(run.step(), /answered 401: check the key or the token/);
    run.now += 11_000;
    assert.deepEqual(await run.values(), ['{"id":1}']);
  });
});

describe("sources: http-poll, failures", () => {
  const cases: readonly [title: string, reply: object, options: object, expected: object][] = [
    [
      "429 is passing",
      { status: 429, headers: { "retry-after": "7" } },
      {},
      { kind: "passing", retryAfterMs: 7000 },
    ],
    ["503 is passing", { status: 503 }, {}, { kind: "passing" }],
    ["408 is passing", { status: 408 }, {}, { kind: "passing" }],
    ["a cut answer is passing", { body: "[{", cut: true }, {}, { kind: "passing" }],
    ["a page that is not JSON is passing", { body: "<html>" }, {}, { kind: "passing" }],
    ["404 is blocked", { status: 404 }, {}, { kind: "blocked" }],
    ["a redirect is blocked", { status: 302, headers: { location: "/b" } }, {}, { kind: "blocked" }],
    [
      "an answer over maxResponse is blocked",
      { body: `["${"x".repeat(5000)}"]` },
      { maxResponse: "1kB" },
      { kind: "blocked" },
    ],
    [
      "failure finds an error inside a 200",
      { body: { error: "later" } },
      { failure: "error ? 'passing'" },
      { kind: "passing" },
    ],
    [
      "failure returns how long to wait",
      { body: { wait: 90 } },
      { failure: "wait" },
      { kind: "passing", retryAfterMs: 90_000 },
    ],
    [
      "failure reads the status and the headers",
      { status: 429, headers: { reset: "5" } },
      { failure: "$status = 429 ? $number($headers.reset)" },
      { kind: "passing", retryAfterMs: 5000 },
    ],
    ["failure with another result is blocked", { body: { a: 1 } }, { failure: "'no'" }, { kind: "blocked" }],
    ["an expression that fails is blocked", { body: [1] }, { items: "$number('a')" }, { kind: "blocked" }],
  ];
  for (const [title, reply, options, expected] of cases)
    it(title, async () => {
      const api = await startApi(() => reply);
      const run = poll({ url: `${api.url}/items?key=SECRET`, id: "id", ...options });
      await assert.rejects(run.step(), ({ message, kind, retryAfterMs }) => {
        assert.doesNotMatch(message, /SECRET|items\?|xxx/);
        for (const [name, value] of Object.entries(expected))
          assert.deepEqual({ kind, retryAfterMs }[name as "kind"], value, message);
        return true;
      });
    });

  it("ends a request at the time-out", async () => {
    const api = await startApi(() => ({ hang: true }));
    const run = poll({ url: api.url, id: "id", timeout: "50ms" });
    await assert.rejects(run.step(), { kind: "passing", message: /no answer within 50 ms/ });
  });
});
