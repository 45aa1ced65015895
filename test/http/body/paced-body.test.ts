// A body that is read at the pace of its reader.

import { strict as assert } from "node:assert";
import { OnrampError } from "../../../src/core/errors.ts";
import { PacedBody } from "../../../src/http/body/paced-body.ts";
import { FakeRequest } from "../../support/request.ts";

function start() {
  const request = new FakeRequest();
  return { request, body: new PacedBody(request.req) };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const enough = new OnrampError(50301, "enough");

describe("http: paced body", function () {
  this.timeout(2000);

  it("gives chunk after chunk, then nothing", async () => {
    const { request, body } = start();
    const first = body.next();
    request.send("a");
    assert.equal(`${await first}`, "a");
    const second = body.next();
    request.send("b");
    assert.equal(`${await second}`, "b");
    const third = body.next();
    request.finish();
    assert.equal(await third, undefined);
    assert.equal(await body.next(), undefined);
    assert.equal(body.stopped, undefined);
  });

  it("returns a chunk that arrived before the call, once", async () => {
    const { request, body } = start();
    request.send("a");
    assert.equal(`${await body.next()}`, "a");
    request.finish();
    assert.equal(await body.next(), undefined);
  });

  it("returns the last chunk after the body has ended", async () => {
    const { request, body } = start();
    request.send("a");
    request.finish();
    assert.equal(`${await body.next()}`, "a");
    assert.equal(await body.next(), undefined);
  });

  it("continues to read only when the next chunk is requested", async () => {
    const { request, body } = start();
    request.send("a");
    await turn();
    assert.equal(request.paused, true);
    await body.next();
    assert.equal(request.paused, false);
    request.send("b");
    await turn();
    assert.equal(request.paused, true);
  });

  it("joins the chunks that are received together, and counts them", async () => {
    const { request, body } = start();
    for (const text of ["a", "b", "c"]) request.send(text);
    assert.deepEqual([`${await body.next()}`, body.chunks], ["abc", 3]);
  });

  it("ends with the first reason to stop, and returns no more chunks", async () => {
    const { request, body } = start();
    request.send("a");
    body.stop(enough);
    body.stop(new OnrampError(40001, "another"));
    assert.deepEqual([await body.next(), body.stopped], [undefined, enough]);
    assert.equal(request.listenerCount("data"), 0);
  });

  it("resolves a call that waits for a chunk when it is stopped", async () => {
    const { body } = start();
    const next = body.next();
    body.stop(enough);
    assert.equal(await next, undefined);
  });

  it("is stopped when the connection ends before the body does: 400", async () => {
    const { request, body } = start();
    const next = body.next();
    request.cut();
    assert.deepEqual([await next, body.stopped?.code], [undefined, 40001]);
  });

  it("is stopped when nothing happens for a minute: 408", async () => {
    const { request, body } = start();
    const next = body.next();
    assert.equal(request.idle?.ms, 60_000);
    request.idle?.then();
    assert.deepEqual([await next, body.stopped?.code], [undefined, 40801]);
    assert.match(body.stopped?.message ?? "", /For 60 s, no data was received/);
  });
});
