// A client of lines that reads no answers, or breaks off: it holds up neither a stop nor the process.

import { strict as assert } from "node:assert";
import http, { type ServerResponse } from "node:http";
import net from "node:net";
import { mock } from "node:test";
import { Budget } from "../../../src/core/budget.ts";
import { OnrampError } from "../../../src/core/errors.ts";
import { createIngest } from "../../../src/core/ingest.ts";
import { createAuth } from "../../../src/http/auth/tokens.ts";
import { Connections } from "../../../src/http/connections.ts";
import { produceLines } from "../../../src/http/produce/lines.ts";
import { afterTest } from "../../support/after-test.ts";
import { recordedLog } from "../../support/api.ts";
import { FakeResponse } from "../../support/line-stream.ts";
import { turn } from "../../support/produce-brokers.ts";
import { FakeRequest } from "../../support/request.ts";
import { until } from "../../support/until.ts";

/** A request of lines whose answers are read, or not. */
function start({ unread }: { readonly unread: boolean }) {
  mock.timers.enable({ apis: ["setTimeout"] });
  afterTest(() => mock.timers.reset());
  const request = new FakeRequest();
  const done: string[] = [];
  const socket = {
    destroy: () => void done.push("destroy"),
    destroySoon: () => void done.push("destroySoon"),
    pause: () => {},
  };
  Object.assign(request, { socket });
  const res = Object.assign(new FakeResponse(), {
    writableNeedDrain: unread,
    end: () => void done.push("end"),
  });
  const draining = new AbortController();
  const { log, values } = recordedLog();
  const meter = { countAppended: () => {}, countRefused: () => {} };
  const deps = {
    ingest: createIngest({ records: log, topics: new Map(), namespace: "onramp", meter }),
    auth: createAuth(undefined),
    budget: new Budget(1e6),
    maxBody: 1000,
    maxRecords: 20_000,
    deadlineMs: 1000,
    report: () => {},
    draining: draining.signal,
  };
  const base = { key: null, value: null, headers: [] };
  const lines = { topic: "t", base, onError: "continue", client: "c" } as const;
  const work = produceLines(request.req, res as unknown as ServerResponse, lines, deps);
  // Without a line it ends as a request that failed as a whole.
  const code = work.then(
    () => undefined,
    (error: { code?: number }) => error.code,
  );
  return { request, draining, done, code, res, values, budget: deps.budget };
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

describe("http: a request of lines that breaks off", () => {
  it("says by itself what is wrong with its rest, behind the lines that are written", async () => {
    const { request, res, done, values, budget } = start({ unread: false });
    const server = http.createServer();
    const connections = new Connections(server, new OnrampError(40801, "late"));
    afterTest(() => connections.close());
    const socket = new net.Socket();
    connections.track(socket, res as unknown as ServerResponse, () => {});
    request.send("1\n2");
    await until(() => values().length === 1);
    connections.reject(socket, new OnrampError(40001, "no chunk"));
    await until(() => res.answers.length === 2);
    assert.deepEqual(
      res.answers.map(({ offset, error_code, line }) => offset ?? [error_code, line]),
      [0, [40001, 2]],
    );
    assert.deepEqual([values(), budget.used], [["1"], 0]);
    res.emit("finish");
    assert.deepEqual(done, ["destroySoon"]);
  });

  it("leaves nothing behind when its client goes", async () => {
    const { request, values, budget } = start({ unread: false });
    request.send("1\n23");
    await until(() => budget.used === 2);
    request.cut();
    await until(() => budget.used === 0);
    assert.deepEqual(values(), ["1"]);
  });
});
