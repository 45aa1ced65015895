// Broken and unusual requests, and the stop of a server, over real sockets.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import type net from "node:net";
import { mock } from "node:test";
import { afterTest } from "../support/after-test.ts";
import { startApi } from "../support/api.ts";
import { connect, post, rawExchange, send } from "../support/http.ts";
import { until } from "../support/until.ts";

const produce = "POST /topics/t HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nv";
const problemIn = (answer: string) => JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4));

/** The bytes that are received until the connection closes. */
async function readAll(socket: net.Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}

describe("http: requests that are none", function () {
  this.timeout(2000);

  it("are told so: 400", async () => {
    const answer = await rawExchange(await startApi(), "hello\r\n\r\n");
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.equal(problemIn(answer).error_code, 40001);
  });

  it("with too large headers are answered 431", async () => {
    const answer = await rawExchange(
      await startApi(),
      `GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(20_000)}\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 431 /);
    assert.equal(problemIn(answer).error_code, 43101);
  });

  it("that cannot be parsed do not prevent the response to a valid request before them", async () => {
    const api = await startApi({ waits: true });
    const socket = await connect(api);
    const all = readAll(socket);
    socket.write(`${produce}hello\r\n\r\n`);
    (await api.append(1)).resolve();
    const answer = await all;
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /"offset":0/);
  });

  it("are late when they have not come in within a minute: 408", async () => {
    mock.timers.enable({ apis: ["Date", "setInterval"] });
    afterTest(() => mock.timers.reset());
    const api = await startApi();
    const socket = await connect(api);
    const all = readAll(socket);
    socket.write(produce.replace("Length: 1", "Length: 2"));
    await until(() => api.budget.used === 1);
    mock.timers.tick(65_000);
    const answer = await all;
    assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.equal(problemIn(answer).error_code, 40801);
  });

  it("may have no Host, or expect what nobody knows", async () => {
    const api = await startApi();
    for (const header of ["", "Host: x\r\nExpect: something\r\n"]) {
      const answer = await rawExchange(
        api,
        `POST /topics/t HTTP/1.1\r\n${header}Connection: close\r\nContent-Length: 1\r\n\r\nv`,
      );
      assert.match(answer, /^HTTP\/1\.1 200 OK/);
    }
  });

  it("are answered if the client half-closes the connection", async () => {
    const api = await startApi({ waits: true });
    const socket = await connect(api);
    const all = readAll(socket);
    socket.end(produce);
    const append = await api.append(1);
    // Behind the answer to another request the server has seen that end too.
    await send(api, "/openapi.yaml");
    append.resolve();
    assert.match(await all, /^HTTP\/1\.1 200 OK/);
  });
});

describe("http: a server's stop", function () {
  this.timeout(2000);

  it("waits for the answers that are owed, and for nothing else", async () => {
    const api = await startApi({ waits: true });
    const silent = await connect(api);
    const ended = once(silent, "close");
    const work = post(api, "/topics/t", undefined, "v");
    const append = await api.append(1);
    let closed = false;
    const close = api.close().finally(() => {
      closed = true;
    });
    await ended;
    assert.equal(closed, false);
    append.resolve();
    assert.equal((await work).status, 200);
    await close;
  });
});
