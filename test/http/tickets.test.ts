// `POST /tickets`, on a gateway with tokens, without auth, and without a secret.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../src/core/errors.ts";
import { createToken } from "../../src/core/token.ts";
import { Tickets } from "../../src/http/auth/tickets.ts";
import { createAuth } from "../../src/http/auth/tokens.ts";
import { startApi } from "../support/api.ts";
import { useBroker } from "../support/broker.ts";
import { keepingLog, startTestGateway, useGateway } from "../support/gateway.ts";
import { metrics, post, send } from "../support/http.ts";

const SECRET = "a secret of at least 32 characters";
const ORIGIN = "https://app.example.com";
const [shop, writer] = [createToken(), createToken()];
const tokens = {
  shop: { hash: shop.hash, read: ["orders", "shop.*", "__*", "onramp.*"] },
  writer: { hash: writer.hash, produce: ["*"] },
};
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const JSON_TYPE = "application/json";

describe("http: POST /tickets", () => {
  const broker = useBroker();
  const gateway = useGateway(
    () => broker.addresses(),
    () => ({ http: { auth: { tokens }, cors: [ORIGIN], tickets: { secret: SECRET } } }),
  );
  const ask = (body: unknown, headers: Record<string, string> = bearer(shop.token)) =>
    post(gateway(), "/tickets", JSON_TYPE, typeof body === "string" ? body : JSON.stringify(body), headers);

  it("answers a ticket that another replica accepts, and the time when it expires", async () => {
    const before = Date.now();
    const filter = "value.total > 1";
    const { status, headers, body } = await ask({ topics: ["orders", "shop.a"], filter });
    assert.deepEqual([status, headers.get("cache-control")], [200, "no-store"]);
    assert.match(headers.get("content-type") ?? "", /^application\/json/);
    assert.deepEqual(Object.keys(body), ["ticket", "expires"]);
    const left = Date.parse(body.expires) - before;
    assert.ok(left > 3_590_000 && left < 3_660_000, body.expires);
    const replica = new Tickets(SECRET, createAuth(tokens), Date.now);
    const opened = await replica.open(body.ticket);
    assert.deepEqual(
      [opened.caller.name, opened.topics, opened.filter, new Date(opened.expiresAt).toISOString()],
      ["shop", ["orders", "shop.a"], filter, body.expires],
    );
  });

  it("accepts the token as the password of Basic, and any content type", async () => {
    const basic = `Basic ${Buffer.from(`:${shop.token}`).toString("base64")}`;
    const answer = await post(gateway(), "/tickets", undefined, '{"topics":["orders"]}', {
      authorization: basic,
    });
    assert.equal(answer.status, 200);
  });

  it("accepts a token only, and not a ticket: 401", async () => {
    const { ticket } = (await ask({ topics: ["orders"] })).body;
    for (const headers of [{}, bearer(ticket), bearer("nonsense")])
      assert.deepEqual((await ask({ topics: ["orders"] }, headers as Record<string, string>)).status, 401);
    const answer = await post(gateway(), `/tickets?ticket=${ticket}`, JSON_TYPE, '{"topics":["orders"]}');
    assert.equal(answer.status, 401);
    assert.ok(!answer.text.includes(ticket));
  });

  it("refuses topics that the token may not read, and names each of them: 403", async () => {
    const answer = await ask({ topics: ["orders", "payments", "shop"] });
    assert.deepEqual([answer.status, answer.body.error_code], [403, 40301]);
    assert.match(
      answer.body.detail,
      /the token "shop" may not read topic "payments".*"read" list \(and 1 more/,
    );
    assert.match(answer.body.errors[1].message, /topic "shop";/);
    const produce = await ask({ topics: ["orders"] }, bearer(writer.token));
    assert.match(produce.body.detail, /the token "writer" may not read topic "orders"/);
  });

  it("refuses reserved topics, although the token's list has them: 403", async () => {
    for (const topic of ["__consumer_offsets", "onramp.sources"]) {
      const { status, body } = await ask({ topics: ["orders", topic] });
      assert.equal(status, 403);
      assert.ok(body.detail.includes(`"${topic}"`), body.detail);
    }
    assert.equal((await ask({ topics: ["shop.a.dead-letter", "onramp.other"] })).status, 200);
  });

  const malformed: readonly [title: string, body: unknown, messages: readonly RegExp[]][] = [
    ["no body", "", [/./]],
    ["no JSON", "{", [/not valid JSON/]],
    ["a list", ["orders"], [/^The body must be \{"topics":/]],
    ["null", "null", [/^The body must be/]],
    ["no topics", {}, [/"topics" must be a list of 1 to 50 names/]],
    ["an empty list of topics", { topics: [] }, [/"topics" must be/]],
    ["51 topics", { topics: Array.from({ length: 51 }, (_, n) => `shop.${n}`) }, [/"topics" must be/]],
    ["topics as a string", { topics: "orders" }, [/"topics" must be/]],
    ["an empty filter", { topics: ["orders"], filter: "" }, [/"filter" must be a string/]],
    ["a filter that is null", { topics: ["orders"], filter: null }, [/"filter" must be/]],
    ["half a character", '{"topics":["orders"],"filter":"\\ud800"}', [/"filter" must be/]],
    ["50 names of 249 characters", { topics: manyTopics(50) }, [/Name fewer topics/]],
    [
      "several mistakes",
      { topics: ["orders", "", "a,b", 1, "orders"], filter: 1, key: "k", from: "latest" },
      [
        /^the member "key" is not supported$/,
        /^the member "from" is not supported$/,
        /^topics\[1\] must be a name/,
        /^topics\[2\] must be a name/,
        /^topics\[3\] must be a name/,
        /^topics\[4\], "orders", is given twice$/,
        /^"filter" must be a string/,
      ],
    ],
  ];
  for (const [title, given, messages] of malformed)
    it(`refuses ${title}, and names every problem: 400`, async () => {
      const { status, body } = await ask(given);
      assert.deepEqual([status, body.error_code], [400, 40001]);
      const found: string[] =
        messages.length === 1 ? [body.detail] : body.errors.map((each: { message: string }) => each.message);
      assert.equal(found.length, messages.length);
      for (const [n, message] of messages.entries()) assert.match(found[n] ?? "", message);
    });

  it("accepts fifty topics", async () => {
    assert.equal((await ask({ topics: Array.from({ length: 50 }, (_, n) => `shop.${n}`) })).status, 200);
  });

  it("refuses a body of more than 16 KiB without naming an option: 413", async () => {
    const { status, body } = await ask({ topics: ["orders"], filter: "1".repeat(16 * 1024) });
    assert.deepEqual([status, body.error_code], [413, 41301]);
    assert.match(body.detail, /larger than 16384 bytes \(the limit of this route\)/);
  });

  it("answers the preflight of a listed origin, and lets it read the ticket", async () => {
    const preflight = await send(gateway(), "/tickets", {
      method: "OPTIONS",
      headers: {
        origin: ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    assert.deepEqual(
      [
        preflight.status,
        ...["allow-origin", "allow-methods", "allow-headers"].map((name) =>
          preflight.headers.get(`access-control-${name}`),
        ),
      ],
      [204, ORIGIN, "GET, POST, OPTIONS", "authorization,content-type"],
    );
    const answer = await ask({ topics: ["orders"] }, { ...bearer(shop.token), origin: ORIGIN });
    assert.deepEqual([answer.status, answer.headers.get("access-control-allow-origin")], [200, ORIGIN]);
    const foreign = { ...bearer(shop.token), origin: "https://evil.example" };
    assert.equal((await ask({ topics: ["orders"] }, foreign)).status, 403);
  });

  it("has no other method: 405", async () => {
    const { status, headers } = await send(gateway(), "/tickets", { headers: bearer(shop.token) });
    assert.deepEqual([status, headers.get("allow")], [405, "POST, OPTIONS"]);
  });

  it("writes tickets neither to the log nor to the metrics", async () => {
    const log = keepingLog();
    const http = { auth: { tokens }, tickets: { secret: SECRET } };
    const own = await startTestGateway(broker.addresses(), { http }, log);
    const body = '{"topics":["orders"]}';
    const { ticket } = (await post(own, "/tickets", JSON_TYPE, body, bearer(shop.token))).body;
    await post(own, `/tickets?ticket=${ticket}`, JSON_TYPE, body);
    const counted = await metrics(own);
    assert.ok(counted.includes("onramp_"));
    for (const text of [JSON.stringify(log.lines), counted])
      for (const part of ticket.split(".")) assert.ok(!text.includes(part));
  });

  for (const auth of ["none", undefined])
    it(`works ${auth ? "with auth: none" : "without auth"}, for every topic that is not reserved`, async () => {
      const http = { tickets: { secret: SECRET }, ...(auth ? { auth } : {}) };
      const own = await startTestGateway(broker.addresses(), { http });
      const { status, body } = await post(own, "/tickets", JSON_TYPE, '{"topics":["anything"]}');
      assert.equal(status, 200);
      const opened = await new Tickets(SECRET, createAuth(undefined), Date.now).open(body.ticket);
      assert.deepEqual([opened.caller.name, opened.topics], [undefined, ["anything"]]);
      assert.equal((await post(own, "/tickets", JSON_TYPE, '{"topics":["__a"]}')).status, 403);
    });

  it("answers 404 without a secret, whatever the body is, and names the option", async () => {
    const own = await startTestGateway(broker.addresses(), { http: { auth: { tokens } } });
    for (const body of ['{"topics":["orders"]}', "{}"]) {
      const answer = await post(own, "/tickets", JSON_TYPE, body, bearer(shop.token));
      assert.deepEqual([answer.status, answer.body.error_code], [404, 40403]);
      assert.match(answer.body.detail, /http\.tickets\.secret/);
    }
    assert.equal((await post(own, "/tickets", JSON_TYPE, "{}")).status, 401);
  });

  it("refuses a filter that the stream would refuse, and returns the bytes of the body to the budget", async () => {
    const auth = createAuth(undefined);
    const checked: string[] = [];
    const api = await startApi({
      tickets: new Tickets(SECRET, auth, Date.now),
      checkFilter(source) {
        checked.push(source);
        if (source === "(") throw new OnrampError(40001, "The filter is not JSONata.");
      },
    });
    const ask = (body: object) => post(api, "/tickets", JSON_TYPE, JSON.stringify(body));
    assert.equal((await ask({ topics: ["a"] })).status, 200);
    assert.equal((await ask({ topics: ["a"], filter: "true" })).status, 200);
    const { status, body } = await ask({ topics: ["a"], filter: "(" });
    assert.deepEqual([status, body.detail], [400, "The filter is not JSONata."]);
    assert.deepEqual([checked, api.budget.used], [["true", "("], 0]);
    assert.deepEqual(
      api.reported.map(({ code }) => code),
      [40001],
    );
  });
});

/** Names of the longest allowed length. */
function manyTopics(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `shop.${n}.`.padEnd(249, "x"));
}
