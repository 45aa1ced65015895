// A client of lines that reads no answers: it holds up neither a stop nor the process.

import { strict as assert } from "node:assert";
import type { ServerResponse } from "node:http";
import { mock } from "node:test";
import { Budget } from "../../../src/core/budget.ts";
import { createAuth } from "../../../src/http/auth/tokens.ts";
import { produceLines } from "../../../src/http/produce/lines.ts";
import { afterTest } from "../../support/after-test.ts";
import { FakeResponse } from "../../support/line-stream.ts";
import { turn } from "../../support/produce-brokers.ts";
import { FakeRequest } from "../../support/request.ts";

/** A request of lines whose answers are read, or not. */
function start({ unread }: { readonly unread: boolean }) {
  mock.timers.enable({ apis: ["setTimeout"] });
  afterTest(() => mock.timers.reset());
  const request = new FakeRequest();
  const done: string[] = [];
  const socket = { destroy: () => void done.push("destroy"), destroySoon: () => {}, pause: () => {} };
  Object.assign(request, { socket });
  const res = Object.assign(new FakeResponse(), {
    writableNeedDrain: unread,
    end: () => void done.push("end"),
  });
  const draining = new AbortController();
  const deps = {
    ingest: { accept: () => Promise.reject(new Error("unused")), deadLetter: async () => {} },
    auth: createAuth(undefined),
    budget: new Budget(1e6),
    maxBody: 1000,
    deadlineMs: 1000,
    report: () => {},
    draining: draining.signal,
  };
  const beside = { key: null, value: null, headers: [] };
  const lines = { topic: "t", beside, onError: "continue", client: "c" } as const;
  const work = produceLines(request.req, res as unknown as ServerResponse, lines, deps);
  // Without a line it ends as a request that failed as a whole.
  const code = work.then(
    () => undefined,
    (error: { code?: number }) => error.code,
  );
  return { request, draining, done, code };
}

describe("http: a client of lines that reads no answers", () => {
  it("is let go two seconds after the process began to stop", async () => {
    const { draining, done, code } = start({ unread: true });
    draining.abort();
    assert.equal(await code, 50301);
    mock.timers.tick(1999);
    assert.deepEqual(done, []);
    mock.timers.tick(1);
    assert.deepEqual(done, ["destroy"]);
  });

  it("is let go when nothing happens for a minute", () => {
    const { request, done } = start({ unread: true });
    request.emit("timeout");
    assert.deepEqual(done, ["destroy"]);
  });

  it("is not let go while it reads them", async () => {
    const { request, draining, done } = start({ unread: false });
    request.emit("timeout");
    draining.abort();
    mock.timers.tick(5000);
    await turn();
    assert.deepEqual(done, []);
  });
});
