// Tickets: which ones are valid, and which ones are refused.

import { strict as assert } from "node:assert";
import { generateKeyPairSync } from "node:crypto";
import { type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { OnrampError } from "../../../src/core/errors.ts";
import { createToken } from "../../../src/core/token.ts";
import { Tickets } from "../../../src/http/auth/tickets.ts";
import { type Auth, createAuth } from "../../../src/http/auth/tokens.ts";

const SECRET = "a secret of at least 32 characters";
const HOUR = 3_600_000;
const START = Date.parse("2026-01-02T03:04:05.678Z");
const { token, hash } = createToken();
const grant = { hash, read: ["orders"] };
const auth = createAuth({ shop: grant, other: { hash: createToken().hash } });
const caller = auth.caller(`Bearer ${token}`);
const bound = { topics: ["orders", "payments"], filter: "value.total > 1" };

function setUp(given: { readonly secret?: string; readonly auth?: Auth } = {}) {
  const clock = { now: START };
  const tickets = new Tickets(given.secret ?? SECRET, given.auth ?? auth, () => clock.now);
  return { clock, tickets };
}
const issue = async (): Promise<string> => (await setUp().tickets.issue(caller, bound)).ticket;

/** Asserts that the ticket is refused with a message that does not contain it. */
async function refuses(tickets: Tickets, ticket: string, message: RegExp): Promise<void> {
  await assert.rejects(tickets.open(ticket), (error) => {
    assert.ok(error instanceof OnrampError && error.code === 40101);
    assert.match(error.message, message);
    assert.ok(ticket.length < 3 || !error.message.includes(ticket));
    assert.equal(error.cause, undefined);
    return true;
  });
}
const INVALID = /^The ticket is not valid; request a new one with POST \/tickets\.$/;
const REPLACED = /^The token that requested this ticket was removed or replaced\. Request a new ticket/;

/** The claims of a ticket, as everyone who holds it can read them. */
const claimsOf = (ticket: string): JWTPayload =>
  JSON.parse(Buffer.from(ticket.split(".")[1] ?? "", "base64url").toString());

const sign = (claims: JWTPayload, alg = "HS256", secret = SECRET): Promise<string> =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(Buffer.from(secret));

describe("http: tickets", () => {
  it("open on every replica with the same secret, with the topics, the filter and the caller", async () => {
    const { ticket, expires } = await setUp().tickets.issue(caller, bound);
    assert.equal(expires, "2026-01-02T04:04:05.000Z");
    const replica = createAuth({ shop: { ...grant, read: ["payments"] } });
    const opened = await setUp({ auth: replica }).tickets.open(ticket);
    assert.deepEqual(
      [opened.topics, opened.filter, opened.expiresAt],
      [bound.topics, bound.filter, Date.parse(expires)],
    );
    const { name, mayRead } = opened.caller;
    assert.deepEqual([name, mayRead("orders"), mayRead("payments")], ["shop", false, true]);
  });

  it("have no filter if none was requested", async () => {
    const { tickets } = setUp();
    for (const filter of [{}, { filter: undefined }]) {
      const { ticket } = await tickets.issue(caller, { topics: ["a"], ...filter });
      assert.equal((await tickets.open(ticket)).filter, undefined);
    }
  });

  it("fit into a URL, and contain neither the token nor its hash", async () => {
    const ticket = await issue();
    assert.match(ticket, /^[\w-]+\.[\w-]+\.[\w-]+$/);
    const { digest, ...claims } = claimsOf(ticket);
    assert.deepEqual(claims, {
      ...bound,
      name: "shop",
      iss: "onramp",
      aud: "onramp/events",
      exp: Math.floor(START / 1000) + 3600,
    });
    assert.match(String(digest), /^[\w-]{43}$/);
    const bytes = Buffer.from(hash.slice("sha256:".length), "hex");
    for (const encoding of ["hex", "base64", "base64url"] as const)
      assert.ok(!JSON.stringify(claimsOf(ticket)).includes(bytes.toString(encoding)));
  });

  it("are refused when they would be too long for a URL", async () => {
    const { tickets } = setUp();
    const topics = Array.from({ length: 50 }, (_, n) => `${n}`.padEnd(60, "x"));
    await assert.rejects(tickets.issue(caller, { topics }), { code: 40001, message: /4096 fit into a URL/ });
    assert.ok((await tickets.issue(caller, { topics: topics.slice(0, 40) })).ticket.length < 4096);
  });

  it("expire after an hour", async () => {
    const { clock, tickets } = setUp();
    const { ticket, expires } = await tickets.issue(caller, bound);
    clock.now = Date.parse(expires) - 1;
    await tickets.open(ticket);
    clock.now = START + HOUR;
    await refuses(tickets, ticket, /^The ticket has expired; request a new one with POST \/tickets\.$/);
  });

  it("are refused with another secret", async () => {
    const { tickets } = setUp({ secret: `${SECRET}.` });
    await refuses(tickets, await issue(), INVALID);
  });

  it("are refused when any character is changed", async () => {
    const { tickets } = setUp();
    const ticket = await issue();
    // The last character has bits that do not count, and a decoder may ignore them.
    for (let n = 0; n < ticket.length - 1; n++) {
      const other = ticket[n] === "A" ? "B" : "A";
      await refuses(tickets, ticket.slice(0, n) + other + ticket.slice(n + 1), INVALID);
    }
  });

  it("are refused when they are not tickets at all", async () => {
    const { tickets } = setUp();
    const [head = "", body = "", signature = ""] = (await issue()).split(".");
    for (const text of ["", ".", "..", "a.b.c", token, hash, head, `${head}.${body}`, `${head}.${body}.`])
      await refuses(tickets, text, INVALID);
    const more = [`${head}..${signature}`, `${head}.${body}.${signature}.`, `${head}.${body}.${signature}..`];
    for (const text of [...more, "\u0000", "é.é.é", "a".repeat(100_000)])
      await refuses(tickets, text, INVALID);
  });

  it("are refused with another algorithm", async () => {
    const { tickets } = setUp();
    const claims = claimsOf(await issue());
    await tickets.open(await sign(claims));
    const long = SECRET.repeat(2);
    for (const alg of ["HS384", "HS512"])
      await refuses(setUp({ secret: long }).tickets, await sign(claims, alg, long), INVALID);
    await refuses(tickets, new UnsecuredJWT(claims).encode(), INVALID);
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    await refuses(
      tickets,
      await new SignJWT(claims).setProtectedHeader({ alg: "ES256" }).sign(privateKey),
      INVALID,
    );
  });

  it("are refused when they were signed with the secret for something else", async () => {
    const { tickets } = setUp();
    const claims = claimsOf(await issue());
    for (const changed of [
      { iss: "other" },
      { iss: undefined },
      { aud: "other" },
      { aud: undefined },
      { exp: undefined },
      { exp: "tomorrow" },
      { topics: undefined },
    ])
      await refuses(tickets, await sign({ ...claims, ...changed } as JWTPayload), INVALID);
  });

  it("end with their token: removed, replaced, or renamed", async () => {
    const ticket = await issue();
    const tokens = [
      {},
      { shop: { ...grant, hash: createToken().hash } },
      { store: grant },
      { shop: { hash: createToken().hash }, store: grant },
    ];
    for (const each of tokens) await refuses(setUp({ auth: createAuth(each) }).tickets, ticket, REPLACED);
    await refuses(setUp({ auth: createAuth(undefined) }).tickets, ticket, REPLACED);
  });

  it("have no token without auth, and end when auth is configured", async () => {
    const open = createAuth(undefined);
    const { tickets } = setUp({ auth: open });
    const { ticket } = await tickets.issue(open.caller(undefined), bound);
    const opened = await tickets.open(ticket);
    assert.deepEqual([opened.caller.name, opened.caller.mayRead("t")], [undefined, true]);
    await refuses(setUp().tickets, ticket, REPLACED);
  });

  it("are neither issued nor accepted without a secret; the errors name the option", async () => {
    const tickets = new Tickets(undefined, auth, () => START);
    const missing = { code: 40403, message: /http\.tickets\.secret/ };
    await assert.rejects(tickets.issue(caller, bound), missing);
    assert.throws(() => tickets.requireSecret(), missing);
    await refuses(tickets, await issue(), /http\.tickets\.secret/);
  });
});
