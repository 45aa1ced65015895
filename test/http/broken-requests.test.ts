// Broken and unusual requests, and the stop of a server, over real sockets.

import { strict as assert } from "node:assert";
import { once } from "node:events";
import type net from "node:net";
import { mock } from "node:test";
import { afterTest } from "../support/after-test.ts";
import { startAdmin, startApi } from "../support/api.ts";
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

  it("may expect something unknown, and in HTTP/1.0 anything, without effect", async () => {
    const api = await startApi();
    for (const [version, headers] of [
      ["1.1", "Host: x\r\nExpect: something\r\n"],
      ["1.0", "Expect: something\r\n"],
      ["1.0", "Expect: 100-continue\r\n"],
    ]) {
      const answer = await rawExchange(
        api,
        `POST /topics/t HTTP/${version}\r\n${headers}Connection: close\r\nContent-Length: 1\r\n\r\nv`,
      );
      assert.match(answer, /^HTTP\/1\.1 200 OK/);
    }
    const lines = "POST /topics/t HTTP/1.0\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1\r\n";
    assert.match(await rawExchange(api, `${lines}Expect: 100-continue\r\n\r\n1`), /^HTTP\/1\.1 200 OK/);
  });

  for (const [port, start] of [
    ["API", startApi],
    ["admin port", () => startAdmin({}, false)],
  ] as const)
    it(`need exactly one valid Host in HTTP/1.1: 400 on the ${port}`, async () => {
      const server = await start();
      const ask = (version: string, target: string, ...hosts: readonly string[]) => {
        const headers = hosts.map((host) => `Host: ${host}\r\n`).join("");
        return rawExchange(server, `GET ${target} HTTP/${version}\r\n${headers}Connection: close\r\n\r\n`);
      };
      const path = port === "API" ? "/openapi.yaml" : "/healthz";
      for (const hosts of [
        [],
        ["a", "b"],
        ["a", "a"],
        ["a b"],
        ["a, a"],
        ["a,b"],
        ["a/b"],
        ["u@a"],
        ["a:b"],
        ["[::1"],
      ]) {
        const answer = await ask("1.1", path, ...hosts);
        assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*"error_code":40001/, hosts.join(" + "));
      }
      assert.match(await ask("1.1", `http://a${path}`), /^HTTP\/1\.1 400 /);
      assert.match(await ask("1.1", `http://${path}`, "a"), /^HTTP\/1\.1 400 /);
      assert.match(await ask("1.0", path, "a", "b"), /^HTTP\/1\.1 400 /);
      for (const host of ["", "a", "a.b-c_d:80", "[::1]:80", "1.2.3.4"])
        assert.match(await ask("1.1", path, host), /^HTTP\/1\.1 200 /, host);
      assert.match(await ask("1.0", path), /^HTTP\/1\.1 200 /);
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
