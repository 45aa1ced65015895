// The requests of one connection, and the first reads of many connections, without a network.

import { strict as assert } from "node:assert";
import type { Connections } from "../../src/http/connections.ts";
import { FakeResponse, type FakeSocket, pass, startConnections, turn } from "../support/connections.ts";

describe("http: connections, many new connections", () => {
  it("are first read in turns: two per iteration of the event loop, or a fiftieth of those that wait", async () => {
    const { connect } = startConnections();
    const sockets = Array.from({ length: 200 }, (_, n) => connect(n));
    const read = (): number => sockets.filter(({ flow }) => flow.includes("resume")).length;
    assert.equal(read(), 0);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(read(), 4);
    while (read() < 194) await new Promise((resolve) => setImmediate(resolve));
    const before = read();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(read() - before, 2);
    while (read() < 200) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe("http: connections, many requests on one connection", () => {
  /** Requests that are tracked, and the numbers of those that were started. */
  function pipelined(socket: FakeSocket, connections: Connections, count: number, url = "/") {
    const started: number[] = [];
    const responses = Array.from({ length: count }, (_, n) => {
      const response = new FakeResponse(true, url);
      connections.track(socket.socket, response.res, () => void started.push(n));
      return response;
    });
    return { started, responses };
  }

  it("are handled 16 at a time, in order, and the socket is not read while others wait", async () => {
    const { connections, connect } = startConnections();
    const socket = connect();
    await turn();
    socket.flow.length = 0;
    const { started, responses } = pipelined(socket, connections, 18);
    assert.deepEqual([started.length, socket.flow], [16, ["pause"]]);
    responses[3]?.emit("close");
    assert.equal(started.length, 16);
    await turn();
    assert.deepEqual([started.length, started.at(-1)], [17, 16]);
    responses[0]?.emit("close");
    await turn();
    assert.equal(started.at(-1), 17);
    assert.deepEqual(socket.flow, ["pause", "resume"]);
  });

  it("keep the socket paused while others wait, although Node.js resumes it", async () => {
    const { connections, connect } = startConnections();
    const socket = connect();
    await turn();
    socket.flow.length = 0;
    pipelined(socket, connections, 17);
    socket.emit("resume");
    assert.deepEqual(socket.flow, ["pause", "pause"]);
  });

  it("are started in turns with other connections, also if they are answered at once", async () => {
    const { connections, connect } = startConnections();
    const [many, large] = [connect(1), connect(2)];
    const started = [0, 0];
    const answeredAtOnce = (socket: FakeSocket, index: number, url: string): void => {
      for (let n = 0; n < 40; n++) {
        const response = new FakeResponse(true, url);
        const count = (): void => {
          started[index] = (started[index] as number) + 1;
        };
        connections.track(socket.socket, response.res, count);
        if (n < (started[index] as number)) response.emit("close");
      }
    };
    answeredAtOnce(many, 0, "/");
    answeredAtOnce(large, 1, "/".repeat(15_000));
    assert.deepEqual(started, [16, 2]);
    await turn();
    assert.ok((started[0] as number) > 16 && (started[1] as number) > 2, `${started}`);
  });

  it("wait while the client has not taken 256 KB of the responses", async () => {
    const { connections, connect } = startConnections();
    const socket = connect();
    socket.writableLength = 256 * 1024;
    const { started } = pipelined(socket, connections, 1);
    assert.deepEqual(started, []);
    socket.writableLength = 0;
    socket.emit("drain");
    await turn();
    assert.deepEqual(started, [0]);
  });

  it("are handled when all earlier responses have ended, and the client takes them only then", async () => {
    const { connections, connect } = startConnections();
    const socket = connect();
    const { started, responses } = pipelined(socket, connections, 18);
    socket.writableLength = 256 * 1024;
    for (const response of responses.slice(0, 16)) response.emit("close");
    await turn();
    assert.equal(started.length, 16);
    socket.writableLength = 0;
    socket.emit("drain");
    await turn();
    assert.deepEqual(started.slice(16), [16, 17]);
  });

  it("end the connection when more than 1,000 of them wait", async () => {
    const { connections, connect } = startConnections();
    const socket = connect();
    pipelined(socket, connections, 1016);
    assert.ok(!socket.done.includes("destroy"));
    pipelined(socket, connections, 1);
    await turn();
    assert.equal(socket.done.at(-1), "destroy");
  });

  it("end the connection when nothing of the responses was taken for a minute", () => {
    const { connect, request } = startConnections();
    const socket = connect();
    request(socket);
    socket.writableLength = 1;
    pass(60_000);
    assert.deepEqual(socket.done, []);
    pass(5000);
    assert.deepEqual(socket.done, ["destroy"]);
  });
});
