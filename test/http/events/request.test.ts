// Requests for streams of events, and their answers before the first event.

import { strict as assert } from "node:assert";
import http from "node:http";
import { FROM_FIRST } from "../../../src/core/live.ts";
import { createToken } from "../../../src/core/token.ts";
import { Place, topicKey } from "../../../src/live/place.ts";
import { encodePosition } from "../../../src/live/position.ts";
import { afterTest } from "../../support/after-test.ts";
import { produceWithKafkajs, useBroker } from "../../support/broker.ts";
import { openEvents } from "../../support/event-client.ts";
import { useGateway } from "../../support/gateway.ts";
import { type Answer, rawExchange, send } from "../../support/http.ts";

const [reader, writer] = [createToken(), createToken()];
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const SSE = "text/event-stream";
const LINES = "application/x-ndjson";

/** A position that no stream has sent, in a topic with another id. */
const positionOf = (topic: string, partitions: number, single?: number): string =>
  encodePosition([new Place(topicKey(topic, "another id"), new Array(partitions).fill(FROM_FIRST), single)]);

interface Head {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
}

/** Sends a request, and closes the connection after the head of the answer. */
function headOf(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Head> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false, headers }, (response) => {
      request.destroy();
      resolve({ status: response.statusCode, headers: response.headers });
    });
    request.on("error", reject);
    afterTest(() => request.destroy());
  });
}

describe("http: requests for streams of events", () => {
  const broker = useBroker();
  const gateway = useGateway(() => broker.addresses());
  let topic = "";
  let other = "";
  before(async () => {
    topic = await broker.topic({ partitions: 2 });
    other = await broker.topic();
    const messages = [0, 1].map((partition) => ({ partition, value: `${partition}` }));
    await produceWithKafkajs(broker.addresses(), topic, messages);
  });
  const urlOf = (query = "", topics = topic) => `${gateway().apiUrl}/topics/${topics}/events${query}`;
  const refused = async (
    query: string,
    topics = topic,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const signal = AbortSignal.timeout(5000);
    return send(gateway(), `/topics/${topics}/events${query}`, { headers, signal });
  };

  const malformed: readonly [query: string, detail: RegExp][] = [
    ["?form=latest", /"form" is not supported; a stream accepts from, lastEventId, key, partition, filter/],
    ["?from", /^from must be/],
    ["?from=latest&from=latest", /"from" is given twice/],
    ["?key=a&key=b", /"key" is given twice/],
    ["?KEY=a", /"KEY" is not supported/],
    ["?%00=1", /is not supported/],
    ["?key=%ff", /^The URL is not percent-encoded UTF-8/],
    ["?key=%", /^The URL is not percent-encoded UTF-8/],
    ...[
      "-0",
      "-10001",
      "-1.5",
      "+5",
      "5",
      "- 5",
      "2026-13-01",
      "yesterday",
      "",
      "Latest",
      "-1e3",
      "null",
    ].map((from): [string, RegExp] => [
      `?from=${encodeURIComponent(from)}`,
      /^from must be latest, earliest, -N/,
    ]),
    ...[
      "2026-13-01T00:00:00Z",
      "2026-02-30T00:00:00Z",
      "2026-01-01T25:00:00Z",
      "2026-01-01",
      "2026-01-01T00:00:00",
      "1969-12-31T23:59:59Z",
      "2026-01-01 00:00:00Z",
    ].map((from): [string, RegExp] => [
      `?from=${encodeURIComponent(from)}`,
      /^from must be .* a time in RFC 3339/,
    ]),
    ["?from=AAAAAAAAAAAAAAAAAAAAAAAA", /^This is not a position/],
    ["?lastEventId=x", /^This is not a position.*up to 8,192 letters/],
    ["?lastEventId=latest", /^This is not a position/],
    ["?partition=", /^partition must be/],
    ["?partition=-1", /^partition must be/],
    ["?partition=0,1", /^partition must be/],
    ["?partition=1.0", /^partition must be/],
    ["?partition=99999999999999999999", /^partition must be/],
    ["?format=json", /^format must be one of: record, value, cloudevents/],
    ["?format=", /^format must be/],
    ["?filter=", /^The filter is empty/],
    ["?filter=(", /^The filter is refused: .*docs\/events\.md/],
    ["?filter=$eval('1')", /^The filter is refused: .*\$?eval/],
    ["?filter=%24map(a%2C%20function(%24x)%7B1%7D)", /^The filter is refused: /],
    ["?filter=value.**.a", /^The filter is refused: /],
    ["?filter=%5B1..9%5D", /^The filter is refused: /],
  ];
  for (const [query, detail] of malformed)
    it(`${query} is refused: 400`, async () => {
      const { status, headers, body } = await refused(query);
      assert.deepEqual([status, body?.error_code], [400, 40001]);
      assert.equal(headers.get("content-type"), "application/problem+json");
      assert.match(body.detail, detail);
    });

  it("without a topic, with a topic given twice, or with 51 topics are refused: 400", async () => {
    for (const topics of ["a,,b", ",a", "a,", "a,b,a", ",", "a%2Ca"]) {
      const { status, body } = await refused("", topics);
      assert.deepEqual([status, body.error_code], [400, 40001], topics);
      assert.match(body.detail, /separated by single commas, and each is named once/);
    }
    const many = await refused("", Array.from({ length: 51 }, (_, n) => `t${n}`).join(","));
    assert.deepEqual([many.status, many.body.error_code], [400, 40001]);
    assert.match(many.body.detail, /at most 50 topics, and this one names 51\. Open several streams/);
    assert.match((await refused("", "%ff")).body.detail, /percent-encoded UTF-8/);
  });

  it("for a topic that does not exist, or cannot exist: 404", async () => {
    for (const topics of [
      "no-such-topic",
      `${topic},no-such-topic`,
      "a%2Fb",
      "%00",
      "a b",
      "x".repeat(300),
    ]) {
      const { status, body } = await refused("", topics);
      assert.deepEqual([status, body.error_code], [404, 40401], topics);
    }
    const resumed = await refused(`?lastEventId=${positionOf("no-such-topic", 1)}`, "no-such-topic");
    assert.deepEqual([resumed.status, resumed.body.error_code], [404, 40401]);
  });

  it("for a partition that does not exist: 404", async () => {
    for (const query of ["?partition=2", "?partition=999999999", "?partition=2&from=earliest"]) {
      const { status, body } = await refused(query);
      assert.deepEqual([status, body.error_code], [404, 40402]);
      assert.match(body.detail, new RegExp(`Topic "${topic}" has 2 partitions; there is no partition`));
    }
    const several = await refused("?partition=1", `${topic},${other}`);
    assert.deepEqual([several.status, several.body.error_code], [404, 40402]);
  });

  it("for a reserved topic: 403", async () => {
    for (const topics of ["__consumer_offsets", `${topic},__transaction_state`, "onramp.sources"]) {
      const { status, body } = await refused("", topics);
      assert.deepEqual([status, body.error_code], [403, 40301], topics);
    }
  });

  it("with a position of another stream: 400", async () => {
    const cases: readonly [position: string, query: string, detail: RegExp][] = [
      [positionOf(other, 1), "", /a stream of other topics/],
      [positionOf(topic, 2), "&partition=5", /another \?partition=/],
      [positionOf(topic, 1, 1), "", /another \?partition=/],
      [positionOf(topic, 1, 1), "&partition=0", /another \?partition=/],
    ];
    for (const [position, query, detail] of cases)
      for (const name of ["lastEventId", "from"]) {
        const { status, body } = await refused(`?${name}=${position}${query}`);
        assert.deepEqual([status, body.error_code], [400, 40001], query);
        assert.match(body.detail, detail);
      }
  });

  it("take the position from the header, then from ?lastEventId=, then from ?from=", async () => {
    const foreign = { "last-event-id": positionOf(other, 1) };
    const own = positionOf(topic, 2);
    assert.equal((await headOf(urlOf(`?lastEventId=${own}`), foreign)).status, 400);
    assert.equal((await headOf(urlOf(`?from=${own}`), foreign)).status, 400);
    assert.equal((await headOf(urlOf("?lastEventId=x"), { "last-event-id": own })).status, 200);
    assert.equal((await headOf(urlOf(`?lastEventId=${own}&from=yesterday`))).status, 200);
    assert.equal((await headOf(urlOf("?from=earliest&lastEventId=x"))).status, 400);
    // EventSource sends no empty header, and a page has no position at first.
    assert.equal((await headOf(urlOf("?lastEventId="), { "last-event-id": "" })).status, 200);
    const twice = `GET ${urlOf().slice(gateway().apiUrl.length)} HTTP/1.1\r\nHost: localhost\r\n`;
    const ids = "Last-Event-ID: x\r\nLast-Event-ID: y\r\nConnection: close\r\n\r\n";
    assert.match(await rawExchange(gateway(), twice + ids), /^HTTP\/1\.1 400 .*"error_code":40001/s);
  });

  it("are answered with the headers of the contract; HEAD with the headers only", async () => {
    const types: readonly [accept: string | undefined, type: string][] = [
      ["application/x-ndjson;q=0, */*", "text/event-stream"],
      ["application/x-ndjson, text/event-stream; q=0.0", "application/x-ndjson"],
      [undefined, SSE],
      ["*/*", SSE],
      [SSE, SSE],
      ["text/html", SSE],
      [LINES, LINES],
      ["Application/X-NDJSON; q=0.9", LINES],
      [`${LINES}, ${SSE}`, SSE],
      [`text/html, ${LINES};q=0.5`, LINES],
      ["application/json", SSE],
    ];
    for (const [accept, type] of types) {
      const headers: Record<string, string> = accept === undefined ? {} : { accept };
      const { status, headers: got } = await headOf(urlOf(), headers);
      const head = await fetch(urlOf(), { method: "HEAD", headers });
      assert.deepEqual([status, head.status], [200, 200]);
      for (const value of [(name: string) => got[name], (name: string) => head.headers.get(name)])
        assert.deepEqual(
          ["content-type", "cache-control", "x-accel-buffering"].map(value),
          [type, "no-store, no-transform", "no"],
          accept,
        );
      assert.equal(got["content-length"] ?? got["content-encoding"], undefined);
      assert.equal(await head.text(), "");
    }
  });

  it("with HEAD are refused as with GET", async () => {
    const statuses = ["no-such-topic", "__consumer_offsets", "a,,b"].map(async (topics) => {
      const { status } = await fetch(urlOf("", topics), { method: "HEAD" });
      return status;
    });
    assert.deepEqual(await Promise.all(statuses), [404, 403, 400]);
    assert.equal((await fetch(urlOf("?from=yesterday"), { method: "HEAD" })).status, 400);
  });

  it("have no other method: 405, and OPTIONS lists them", async () => {
    const path = `/topics/${topic},${other}/events`;
    const options = await send(gateway(), path, { method: "OPTIONS" });
    assert.deepEqual([options.status, options.headers.get("allow")], [204, "GET, HEAD, OPTIONS"]);
    for (const method of ["POST", "PUT", "DELETE"]) {
      const { status, body, headers } = await send(gateway(), path, { method });
      assert.deepEqual([status, body.error_code, headers.get("allow")], [405, 40501, "GET, HEAD, OPTIONS"]);
    }
    assert.equal((await refused("", `${topic}/events`)).status, 404);
  });

  it("accept a slash at the end, an encoded comma, and parameters without a value", async () => {
    const { apiUrl } = gateway();
    for (const path of [`${topic}/events/`, `${topic}%2C${other}/events`, `${topic}/events?&&key`])
      assert.equal((await headOf(`${apiUrl}/topics/${path}`)).status, 200, path);
  });

  it("are answered at once with the reconnection time and a position", async () => {
    for (const query of ["", "?from=earliest", "?from=-5", "?filter=false", "?key=none", "?partition=1"]) {
      const began = performance.now();
      const client = await openEvents(urlOf(query));
      await client.untilEvent("position");
      assert.ok(performance.now() - began < 1000, query);
      assert.match(client.text, /^retry: [2-5]\d{3}\nid: [\w-]+\nevent: position\ndata: \{\}\n\n/);
    }
  });
});

describe("http: streams of events with tokens", () => {
  const broker = useBroker();
  let topic = "";
  const gateway = useGateway(
    () => broker.addresses(),
    async () => {
      topic = await broker.topic();
      const tokens = {
        reader: { hash: reader.hash, read: [topic, "missing", "__*"] },
        writer: { hash: writer.hash, produce: ["*"] },
      };
      return { http: { auth: { tokens } } };
    },
  );
  const statusOf = async (topics: string, headers: Record<string, string>) => {
    const url = `${gateway().apiUrl}/topics/${topics}/events`;
    return (await headOf(url, headers)).status;
  };

  it("need one that may read every topic", async () => {
    const basic = `Basic ${Buffer.from(`:${reader.token}`).toString("base64")}`;
    assert.equal(await statusOf(topic, bearer(reader.token)), 200);
    assert.equal(await statusOf(topic, { authorization: basic }), 200);
    assert.equal(await statusOf("missing", bearer(reader.token)), 404);
    for (const topics of [`${topic},orders`, "orders", "__consumer_offsets"])
      assert.equal(await statusOf(topics, bearer(reader.token)), 403, topics);
    assert.equal(await statusOf(topic, bearer(writer.token)), 403);
    const path = `/topics/${topic}/events`;
    const { body } = await send(gateway(), path, { headers: bearer(writer.token) });
    assert.equal(body.error_code, 40301);
    assert.match(body.detail, new RegExp(`The token "writer" may not read topic "${topic}"; .*"read" list`));
  });

  it("are refused without one, and do not show whether a topic exists: 401", async () => {
    for (const topics of [topic, "no-such-topic", "__consumer_offsets"])
      for (const headers of [{}, bearer("wrong"), bearer("")]) {
        const path = `/topics/${topics}/events`;
        const answer = await send(gateway(), path, { headers: headers as Record<string, string> });
        assert.deepEqual([answer.status, answer.body.error_code], [401, 40101]);
        assert.match(answer.headers.get("www-authenticate") ?? "", /Bearer/);
        const head = await fetch(gateway().apiUrl + path, { method: "HEAD", headers });
        assert.equal(head.status, 401);
      }
    assert.equal(await statusOf("no-such-topic", bearer(reader.token)), 403);
  });

  it("are refused with a ticket if there are none: 401", async () => {
    const url = `/topics/${topic}/events?ticket=x`;
    const { status, body } = await send(gateway(), url, { headers: bearer(reader.token) });
    assert.deepEqual([status, body.error_code], [401, 40101]);
    assert.match(body.detail, /http\.tickets\.secret/);
  });
});
