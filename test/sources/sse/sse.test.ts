// The source `sse`.

import { strict as assert } from "node:assert";
import type { ServerResponse } from "node:http";
import { sse } from "../../../src/sources/sse/sse.ts";
import { type ApiDouble, startApi } from "../../support/api-double.ts";
import { NO_RECORDS, runSource } from "../../support/source-run.ts";

const run = (api: ApiDouble, options: object = {}, more: Parameters<typeof runSource>[2] = {}) =>
  runSource(sse, { topic: "t", url: `${api.url}/events`, linger: "20ms", ...options }, more);

const HEAD = { "content-type": "text/event-stream" };
const send = (res: ServerResponse, text: string): undefined => void res.writeHead(200, HEAD).end(text);

describe("sources: sse", () => {
  it("writes the data of events, and connects again with the last id", async () => {
    const api = await startApi((_, res) =>
      api.calls.length === 1
        ? send(res, 'retry: 7000\nid: 1\ndata: {"n":1}\n\nid: ü2\nevent: other\ndata: {"n":\ndata: 2}\n\n')
        : send(res, 'id: 3\ndata: {"n":3}\n\n'),
    );
    const source = run(api, { key: "n" });
    const drafts = await source.step();
    assert.deepEqual(
      drafts.map(({ value, key }) => [String(value), String(key)]),
      [
        ['{"n":1}', "1"],
        ['{"n":\n2}', "2"],
      ],
    );
    const before = source.now;
    assert.deepEqual(await source.values(), ['{"n":3}']);
    assert.equal(source.now - before, 7000);
    assert.equal(api.calls[0]?.headers["last-event-id"], undefined);
    assert.equal(Buffer.from(String(api.calls[1]?.headers["last-event-id"]), "latin1").toString(), "ü2");
    assert.match(api.calls[0]?.headers["user-agent"] ?? "", /Onramp/);
  });

  it("continues after a restart, and writes repeated events once", async () => {
    const api = await startApi((_, res) =>
      send(res, "id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 2\ndata: c\n\n"),
    );
    const source = run(api);
    assert.deepEqual(await source.values(), ["a", "b", "c"]);
    source.restart();
    assert.deepEqual(await source.values(), []);
    assert.equal(api.calls[1]?.headers["last-event-id"], "2");
  });

  it("does not move past an event that is too large", async () => {
    const large = `data: ${"x".repeat(3000)}`;
    const api = await startApi((_, res) =>
      send(res, `id: 1\ndata: a\n\nid: 2\n${large}\n\nid: 3\ndata: c\n\n`),
    );
    const source = run(api, { maxEvent: "1kB" });
    await assert.rejects(source.step(), { kind: "blocked", message: /larger than maxEvent/ });
    assert.equal((source.cursor as { lastEventId: string }).lastEventId, "1");
    assert.equal(source.written.length, 1);
  });

  it("writes events without an id once, if the stream repeats them after the last id", async () => {
    const api = await startApi((_, res) =>
      send(res, api.calls.length === 1 ? "id: 1\ndata: a\n\ndata: b\n\n" : "data: b\n\ndata: c\n\n"),
    );
    const source = run(api);
    assert.deepEqual(await source.values(), ["a", "b"]);
    assert.deepEqual(await source.values(), ["c"]);
  });

  it("sends back no id that a header cannot contain, and waits between connections", async () => {
    const api = await startApi((_, res) =>
      send(
        res,
        `retry: 0\nid: 1\ndata: a${api.calls.length}\n\nid: x\u0001y\ndata: b${api.calls.length}\n\n`,
      ),
    );
    const source = run(api);
    await source.step();
    const before = source.now;
    await source.step();
    assert.equal(api.calls[1]?.headers["last-event-id"], "1");
    assert.equal(source.now - before, 100);
  });

  it("knows events by the option id", async () => {
    const api = await startApi((_, res) =>
      send(res, 'data: {"meta":1,"at":5}\n\ndata: {"meta":1,"at":6}\n\n'),
    );
    assert.deepEqual(await run(api, { id: "meta" }).values(), ['{"meta":1,"at":5}']);
  });

  it("warns once about a stream without ids", async () => {
    const api = await startApi((_, res) => send(res, "data: a\n\n"));
    const source = run(api);
    assert.deepEqual(await source.values(), ["a"]);
    assert.deepEqual(await source.values(), ["a"]);
    const warnings = source.log.lines.filter(({ event }) => /no event ids/.test(event));
    assert.equal(warnings.length, 1);
  });

  it("writes only the events that are named", async () => {
    const api = await startApi((_, res) => send(res, "id: 1\ndata: a\n\nid: 2\nevent: ping\ndata: b\n\n"));
    const source = run(api, { events: ["message"] });
    assert.deepEqual(await source.values(), ["a"]);
    assert.equal((source.cursor as { lastEventId: string }).lastEventId, "2");
  });

  it("pauses the socket while events are pending", async () => {
    const event = `data: ${"x".repeat(100_000)}\n\n`;
    let sent = 0;
    const api = await startApi(async (_, res) => {
      res.writeHead(200, HEAD);
      const more = (): void => {
        while (sent < 2000 && !res.destroyed) {
          sent++;
          if (!res.write(event)) return void res.once("drain", more);
        }
      };
      more();
      return undefined;
    });
    const source = run(api, { maxEvents: 10, linger: "10s" });
    const batches = source.source
      .run(undefined, AbortSignal.timeout(20_000), () => {}, NO_RECORDS)
      [Symbol.asyncIterator]();
    const { value } = await batches.next();
    assert.equal(value.drafts.length, 10);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const held = sent;
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(sent, held);
    assert.ok(held < 1000, `${held} events were sent`);
    await batches.return?.(undefined);
  });

  const failures: readonly [title: string, reply: object, kind: string, message: RegExp][] = [
    ["503", { status: 503, headers: { "retry-after": "3" } }, "passing", /answered 503/],
    ["404", { status: 404 }, "blocked", /check the URL/],
    ["204", { status: 204 }, "blocked", /not to connect again/],
    ["another content type", { body: "<html>" }, "blocked", /content type/],
    ["an end without an event", { headers: HEAD, body: ": hello\n\n" }, "passing", /without an event/],
    [
      "an event that is too large",
      { headers: HEAD, body: `data: ${"x".repeat(3000)}\n\n` },
      "blocked",
      /larger than maxEvent/,
    ],
  ];
  for (const [title, reply, kind, message] of failures)
    it(`reports ${title}`, async () => {
      const api = await startApi(() => reply);
      await assert.rejects(run(api, { maxEvent: "1kB" }).step(), { kind, message });
    });

  it("fails as passing when nothing arrives for idle", async () => {
    const api = await startApi((_, res) => {
      res.writeHead(200, HEAD).write(": hello\n\n");
      return undefined;
    });
    await assert.rejects(run(api, { idle: "50ms" }).step(), { kind: "passing", message: /sent nothing for/ });
  });
});
