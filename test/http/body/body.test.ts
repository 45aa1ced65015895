// A body, and the bytes that it takes from the budget, from its first byte to its release.

import { strict as assert } from "node:assert";
import type { IncomingHttpHeaders } from "node:http";
import { mock } from "node:test";
import { Budget } from "../../../src/core/budget.ts";
import type { OnrampError } from "../../../src/core/errors.ts";
import { readBody } from "../../../src/http/body/body.ts";
import { afterTest } from "../../support/after-test.ts";
import { FakeRequest } from "../../support/request.ts";

const MIB = 1024 * 1024;

/** A request whose body is being read; the result is in `body` or `code`. */
function read({ headers = {}, budget = new Budget(64 * MIB), maxBody = 16 * MIB, client = "c" } = {}) {
  const request = new FakeRequest(headers as IncomingHttpHeaders);
  const body = readBody(request.req, request.res, client, { budget, maxBody });
  const code = body.then(
    () => undefined,
    (error: OnrampError) => error.code,
  );
  return { request, budget, body, code };
}

const announced = (bytes: number) => ({ "content-length": String(bytes) });

describe("http: body, bytes held", function () {
  this.timeout(2000);

  it("are those that have come in, until the body is released", async () => {
    const { request, budget, body } = read();
    assert.equal(budget.used, 0);
    request.send("abc");
    assert.equal(budget.used, 3);
    request.send("de");
    assert.equal(budget.used, 5);
    request.finish();
    const { bytes, release } = await body;
    assert.deepEqual([`${bytes}`, budget.used], ["abcde", 5]);
    release();
    assert.equal(budget.used, 0);
    release();
    assert.equal(budget.used, 0);
  });

  it("are the received bytes even if a small body has a Content-Length", async () => {
    const { request, budget } = read({ headers: announced(MIB - 1) });
    assert.equal(budget.used, 0);
    request.send("abc");
    assert.equal(budget.used, 3);
  });

  it("are reserved at once for a large body, and do not grow while it is received", async () => {
    const { request, budget, body } = read({ headers: announced(MIB) });
    assert.equal(budget.used, MIB);
    request.send(Buffer.alloc(MIB / 2, 1));
    assert.equal(budget.used, MIB);
    request.send(Buffer.alloc(MIB / 2, 2));
    request.finish();
    const { bytes, release } = await body;
    assert.deepEqual([bytes.length, bytes[0], bytes[MIB - 1], budget.used], [MIB, 1, 2, MIB]);
    release();
    assert.equal(budget.used, 0);
  });

  it("are reduced to the received bytes when a large body takes longer than five seconds", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    afterTest(() => mock.timers.reset());
    const { request, budget, body } = read({ headers: announced(2 * MIB) });
    request.send(Buffer.alloc(100));
    mock.timers.tick(4999);
    assert.equal(budget.used, 2 * MIB);
    mock.timers.tick(1);
    assert.equal(budget.used, 100);
    request.send(Buffer.alloc(50));
    assert.equal(budget.used, 150);
    request.finish();
    (await body).release();
    assert.equal(budget.used, 0);
  });

  it("remain the size of a large body that ends within five seconds", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    afterTest(() => mock.timers.reset());
    const { request, budget, body } = read({ headers: announced(2 * MIB) });
    request.send(Buffer.alloc(2 * MIB));
    request.finish();
    const { release } = await body;
    mock.timers.tick(5000);
    assert.equal(budget.used, 2 * MIB);
    release();
    mock.timers.tick(5000);
    assert.equal(budget.used, 0);
  });

  it("are none for a body that is refused before it is received", async () => {
    for (const headers of [announced(17 * MIB), { "content-encoding": "gzip" }, announced(16 * MIB)]) {
      const { budget, code } = read({ headers, budget: new Budget(20 * MIB) });
      assert.notEqual(await code, undefined);
      assert.equal(budget.used, 0);
    }
  });

  it("are none when the connection ends before the body does", async () => {
    for (const headers of [{}, announced(2 * MIB)]) {
      const { request, budget, code } = read({ headers });
      request.send("abc");
      request.cut();
      assert.deepEqual([await code, budget.used], [40001, 0]);
    }
  });

  it("count for the client that sends them, and for no other", async () => {
    const budget = new Budget(100);
    const [one, other] = [read({ budget, client: "a" }), read({ budget, client: "b" })];
    one.request.send(Buffer.alloc(50));
    other.request.send(Buffer.alloc(10));
    one.request.send("x");
    assert.deepEqual([await one.code, budget.used], [42901, 10]);
  });
});

describe("http: body, limits", function () {
  this.timeout(2000);

  it("a body of exactly maxBody is taken, announced or not", async () => {
    for (const headers of [{}, announced(5)]) {
      const { request, body } = read({ headers, maxBody: 5 });
      request.send("abc");
      request.send("de");
      request.finish();
      assert.equal(`${(await body).bytes}`, "abcde");
    }
  });

  it("a body of one byte more is refused, with Content-Length before it is received: 413", async () => {
    assert.equal(await read({ headers: announced(6), maxBody: 5 }).code, 41301);
    const { request, budget, code, body } = read({ maxBody: 5 });
    request.send("abc");
    request.send("def");
    assert.deepEqual([await code, budget.used], [41301, 0]);
    await assert.rejects(body, /larger than 5 bytes \(http\.maxBody\)/);
  });

  it("a body above the client's half of the budget is refused: 429; above the whole: 503", async () => {
    const half = read({ budget: new Budget(10) });
    half.request.send("abcdef");
    assert.equal(await half.code, 42901);
    const whole = read({ budget: new Budget(10) });
    whole.request.send("abcdefghijk");
    assert.deepEqual([await whole.code, whole.budget.used], [50301, 0]);
  });

  it("a large body that exceeds the budget is refused before it is received", async () => {
    const { request, code } = read({
      headers: { ...announced(2 * MIB), expect: "100-continue" },
      budget: new Budget(MIB),
    });
    assert.deepEqual([await code, request.continued], [50301, 0]);
  });

  it("data after a refusal is discarded and has no effect", async () => {
    const { request, budget, code } = read({ maxBody: 5 });
    request.send("abcdef");
    request.send("abc");
    assert.equal(budget.used, 0);
    request.finish();
    assert.deepEqual([await code, budget.used], [41301, 0]);
    assert.deepEqual([request.listenerCount("data"), request.listenerCount("end")], [0, 0]);
  });

  it("a body that is cut off is refused: 400", async () => {
    const { request, body } = read();
    request.send("abc");
    request.cut();
    await assert.rejects(body, /connection ended before the end of the body; nothing was written/);
  });

  it("a complete body is accepted when the connection then ends", async () => {
    const { request, body, budget } = read();
    request.send("abc");
    request.finish();
    assert.deepEqual([`${(await body).bytes}`, budget.used], ["abc", 3]);
  });
});

describe("http: body, before it comes", function () {
  this.timeout(2000);

  it("a compressed one is refused: 415", async () => {
    assert.equal(await read({ headers: { "content-encoding": "gzip" } }).code, 41501);
    for (const coding of [
      "identity, gzip",
      "gzip, identity",
      "identity;q=1",
      "x-gzip",
      "br",
      "identity identity",
    ])
      assert.equal(await read({ headers: { "content-encoding": coding } }).code, 41501, coding);
  });

  it("one with a Content-Encoding that means nothing is accepted", async () => {
    for (const coding of ["identity", "Identity", "", " ", "identity, IDENTITY", "identity,,identity", ","]) {
      const { request, body } = read({ headers: { "content-encoding": coding } });
      request.send("a");
      request.finish();
      assert.equal(`${(await body).bytes}`, "a", coding);
    }
  });

  it("100 Continue is sent to a client that asks for it, and to no other", () => {
    const told = [{ expect: "100-continue" }, { expect: "100-Continue" }, { expect: "else" }, {}].map(
      (headers) => read({ headers }).request.continued,
    );
    assert.deepEqual(told, [1, 1, 0, 0]);
  });

  it("100 Continue is not sent for a body that will be refused", async () => {
    const { request, code } = read({ headers: { expect: "100-continue", ...announced(6) }, maxBody: 5 });
    assert.deepEqual([await code, request.continued], [41301, 0]);
  });
});
