// Streams of events with tickets: what a ticket opens, and when it ends a stream.

import { strict as assert } from "node:assert";
import { systemClock } from "../../../src/core/time.ts";
import { createToken } from "../../../src/core/token.ts";
import { decodePosition } from "../../../src/live/position.ts";
import { produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { openEvents } from "../../support/event-client.ts";
import { startTestGateway } from "../../support/gateway.ts";
import { metric, post, send } from "../../support/http.ts";

const SECRET = "a secret of at least 32 characters";
const LIFETIME_MS = 3_600_000;
const shop = createToken();
const authorization = `Bearer ${shop.token}`;

describe("http: streams of events with tickets", () => {
  const broker = useBroker();
  /** A gateway whose clock differs from the time of the system. @param tokens default: the token "shop" */
  const start = (
    tokens: object = { shop: { hash: shop.hash, read: ["*"] } },
    clock?: { differenceMs: number },
  ) =>
    startTestGateway(
      broker.addresses(),
      { http: { auth: { tokens }, tickets: { secret: SECRET } } },
      undefined,
      clock && { now: () => Date.now() + clock.differenceMs, sleep: systemClock.sleep },
    );
  const ask = async (gateway: Awaited<ReturnType<typeof start>>, body: object): Promise<string> => {
    const answer = await post(gateway, "/tickets", "application/json", JSON.stringify(body), {
      authorization,
    });
    assert.equal(answer.status, 200);
    return answer.body.ticket;
  };
  const pathOf = (topics: string, query: Record<string, string>): string =>
    `/topics/${topics}/events?${new URLSearchParams({ from: "earliest", ...query })}`;
  const filled = async (...values: string[]): Promise<string> => {
    const topic = await broker.topic();
    await produceWithKafkajs(
      broker.addresses(),
      topic,
      values.map((value) => ({ value })),
    );
    return topic;
  };

  it("need no header, also for some of the topics, and on another replica", async () => {
    const [a, b] = [await filled("1"), await filled("2")];
    const [one, two] = [await start(), await start()];
    const ticket = await ask(one, { topics: [a, b] });
    for (const [topics, count] of [
      [`${b},${a}`, 2],
      [a, 1],
    ] as const) {
      const client = await openEvents(two.apiUrl + pathOf(topics, { ticket }));
      await client.untilRecords(count);
      client.cut();
    }
    const head = await fetch(two.apiUrl + pathOf(a, { ticket }), { method: "HEAD" });
    assert.equal(head.status, 200);
    for (const path of ["/topics", `/topics/${a}`])
      assert.equal((await send(one, `${path}?ticket=${ticket}`)).status, 401);
  });

  it("are not opened for other topics or filters: 403", async () => {
    const [topic, other] = [await filled("1", "2"), await filled("3")];
    const gateway = await start();
    const plain = await ask(gateway, { topics: [topic] });
    const filtered = await ask(gateway, { topics: [topic], filter: "$ > 1" });
    const refused: readonly [topics: string, query: Record<string, string>, detail: RegExp][] = [
      [other, { ticket: plain }, /not for topic "[^"]+"\. Request one with POST \/tickets that names it/],
      [`${topic},${other}`, { ticket: plain }, /not for topic/],
      [topic, { ticket: filtered, filter: "$ > 0" }, /for another filter/],
      [topic, { ticket: filtered, filter: "$  > 1" }, /for another filter/],
      ["__consumer_offsets", { ticket: plain }, /reserved|internal|__/],
    ];
    for (const [topics, query, detail] of refused) {
      const { status, body } = await send(gateway, pathOf(topics, query));
      assert.deepEqual([status, body.error_code], [403, 40301]);
      assert.match(body.detail, detail);
      assert.ok(!body.detail.includes(query["ticket"]));
    }
    // The filter of the ticket applies, whether the request names it or not.
    for (const query of [{ ticket: filtered }, { ticket: filtered, filter: "$ > 1" }]) {
      const client = await openEvents(gateway.apiUrl + pathOf(topic, query));
      await client.untilRecords(1);
      await produceWithKafkajs(broker.addresses(), topic, [{ value: "0" }, { value: "5" }]);
      await client.untilRecords(2);
      assert.ok(client.records.every(({ value }) => Number(value) > 1));
      client.cut();
    }
    // A ticket without a filter permits any.
    const own = await openEvents(gateway.apiUrl + pathOf(topic, { ticket: plain, filter: "$ = 1" }));
    await own.untilRecords(1);
  });

  it("are refused when the ticket is damaged or has expired, although a valid token is sent: 401", async () => {
    const topic = await filled("1");
    const clock = { differenceMs: -2 * LIFETIME_MS };
    const gateway = await start(undefined, clock);
    const ticket = await ask(gateway, { topics: [topic] });
    clock.differenceMs = 0;
    for (const text of [ticket, `${ticket}x`, ticket.replace(".", "..")]) {
      const { status, body } = await send(gateway, pathOf(topic, { ticket: text }), {
        headers: { authorization },
      });
      assert.deepEqual([status, body.error_code], [401, 40101]);
      assert.match(body.detail, /request a new one with POST \/tickets/);
    }
    assert.match((await send(gateway, pathOf(topic, { ticket }))).body.detail, /has expired/);
  });

  it("are refused when its token was removed, replaced, or may not read the topic any more", async () => {
    const topic = await filled("1");
    const ticket = await ask(await start(), { topics: [topic] });
    for (const [tokens, status] of [
      [{ other: { hash: shop.hash, read: ["*"] } }, 401],
      [{ shop: { hash: createToken().hash, read: ["*"] } }, 401],
      [{ shop: { hash: shop.hash, read: ["orders"] } }, 403],
      [{ shop: { hash: shop.hash, read: [topic] } }, undefined],
    ] as const) {
      const gateway = await start(tokens);
      if (status === undefined) await openEvents(gateway.apiUrl + pathOf(topic, { ticket }));
      else assert.equal((await send(gateway, pathOf(topic, { ticket }))).status, status);
    }
  });

  it("end with a goodbye when the ticket expires; a new one resumes", async () => {
    const topic = await filled("1");
    const clock = { differenceMs: 0 };
    const gateway = await start(undefined, clock);
    const [ticket, began] = [await ask(gateway, { topics: [topic] }), performance.now()];
    // The ticket is nearly one hour old when the stream opens.
    clock.differenceMs = LIFETIME_MS - 1500;
    const client = await openEvents(gateway.apiUrl + pathOf(topic, { ticket }));
    await client.untilRecords(1);
    await client.ended;
    assert.ok(performance.now() - began < 3000);
    const last = client.events.at(-1);
    assert.deepEqual([last?.name, JSON.parse(last?.data ?? "").reason], ["goodbye", "ticket"]);
    assert.match(last?.data ?? "", /Request a new one with POST \/tickets, and continue with \?lastEventId=/);
    assert.match(client.text, /retry: \d+\nid: [\w-]+\nevent: goodbye/);
    assert.equal(decodePosition(client.lastId)[0]?.offset(0), 1);
    assert.equal(await metric(gateway, "onramp_events_ended_total", { reason: "ticket" }), 1);
    await produceWithKafkajs(broker.addresses(), topic, [{ value: "2" }]);
    const query = { ticket: await ask(gateway, { topics: [topic] }), lastEventId: client.lastId };
    const resumed = await openEvents(gateway.apiUrl + pathOf(topic, query));
    await resumed.untilRecords(1);
    assert.deepEqual(resumed.records[0]?.value, 2);
  });
});
