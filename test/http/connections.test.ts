// The connections of the server and their pending responses, without a network.

import { strict as assert } from "node:assert";
import { mock } from "node:test";
import { OnrampError } from "../../src/core/errors.ts";
import { setFailureHandler } from "../../src/http/connections.ts";
import { rawProblem } from "../../src/http/problem.ts";
import { FakeSocket, late, pass, startConnections } from "../support/connections.ts";

const bad = new OnrampError(40001, "bad");

const noWait = { waitsSince: () => undefined };
const told = (problem: OnrampError): string => `end ${rawProblem(problem)}`;

describe("http: connections, a broken request", () => {
  it("is answered with the error; its connection is ended, and destroyed a second later", () => {
    const { connections, connect } = startConnections();
    const socket = connect();
    connections.reject(socket.socket, bad);
    assert.deepEqual(socket.done, [told(bad)]);
    mock.timers.tick(999);
    assert.equal(socket.done.length, 1);
    mock.timers.tick(1);
    assert.deepEqual(socket.done, [told(bad), "destroy"]);
  });

  it("is answered in the middle of its own body", () => {
    const { connections, connect, request } = startConnections();
    const socket = connect();
    request(socket, false);
    connections.reject(socket.socket, bad);
    assert.deepEqual(socket.done, [told(bad)]);
  });

  it("lets valid requests before it be answered: the connection ends after the last response", () => {
    const { connections, connect, request } = startConnections();
    const socket = connect();
    const [first, second] = [request(socket), request(socket)];
    request(socket, false);
    connections.reject(socket.socket, bad);
    assert.deepEqual(socket.done, []);
    first.emit("finish");
    assert.deepEqual(socket.done, []);
    second.emit("finish");
    assert.deepEqual(socket.done, ["destroySoon"]);
  });

  it("waits for pending responses, for at most ten seconds", () => {
    const { connections, connect, request } = startConnections();
    const socket = connect();
    request(socket);
    connections.reject(socket.socket, bad);
    mock.timers.tick(9999);
    assert.deepEqual(socket.done, []);
    mock.timers.tick(1);
    assert.deepEqual(socket.done, ["destroy"]);
  });

  it("is answered by its own response if some of its records may be written", () => {
    const { connections, connect, request } = startConnections();
    const socket = connect();
    request(socket);
    const lines = request(socket, false);
    const stopped: OnrampError[] = [];
    setFailureHandler(lines.res, { ...noWait, onFailure: (problem) => void stopped.push(problem) });
    connections.reject(socket.socket, bad);
    mock.timers.tick(20_000);
    assert.deepEqual([stopped, socket.done], [[bad], []]);
  });

  it("is not answered by the response to a complete request before it", () => {
    const { connections, connect, request } = startConnections();
    const socket = connect();
    const lines = request(socket, true);
    setFailureHandler(lines.res, { ...noWait, onFailure: () => assert.fail("its request is whole") });
    connections.reject(socket.socket, bad);
    lines.emit("finish");
    assert.deepEqual(socket.done, ["destroySoon"]);
  });

  it("does not wait for responses that are closed", () => {
    const { connections, connect, request } = startConnections();
    const socket = connect();
    request(socket).emit("close");
    connections.reject(socket.socket, bad);
    assert.deepEqual(socket.done, [told(bad)]);
  });

  it("is answered on a connection that is not registered", () => {
    const { connections } = startConnections();
    const socket = new FakeSocket();
    connections.reject(socket.socket, bad);
    assert.deepEqual(socket.done, [told(bad)]);
  });
});

describe("http: connections, a slow request", () => {
  it("is answered when less than 512 bytes per second arrived for 30 s", () => {
    const { connect, request } = startConnections();
    const [slow, fast] = [connect(1), connect(2)];
    [slow.rate, fast.rate] = [0.511, 0.513];
    request(slow, false);
    request(fast, false);
    pass(30_000);
    assert.deepEqual([slow.done, fast.done], [[], []]);
    pass(5000);
    assert.match(slow.done[0] ?? "", /less than 512 bytes per second/);
    pass(20_000);
    assert.deepEqual(fast.done, []);
  });

  it("is reported to the failure handler, and is slow only while the client has something to send", () => {
    const { connect, request } = startConnections();
    const socket = connect();
    socket.rate = 0;
    let since: number | undefined;
    const problems: OnrampError[] = [];
    const onFailure = (problem: OnrampError) => void problems.push(problem);
    setFailureHandler(request(socket, false).res, { onFailure, waitsSince: () => since });
    pass(100_000);
    since = Date.now();
    pass(25_000);
    assert.equal(problems.length, 0);
    pass(10_000);
    assert.deepEqual([problems.at(0)?.code, socket.done], [40801, []]);
  });
});

describe("http: connections, a late request", () => {
  it("is answered when it is incomplete after a minute", () => {
    const { connect, request } = startConnections();
    const socket = connect();
    request(socket, false);
    mock.timers.tick(60_000);
    assert.deepEqual(socket.done, []);
    mock.timers.tick(5000);
    assert.equal(socket.done[0], told(late));
  });

  it("is not one that is complete, has been answered, or answers itself", () => {
    const { connect, request } = startConnections();
    const sockets = [connect(1), connect(2), connect(3)] as const;
    request(sockets[0], true);
    request(sockets[1], false).headersSent = true;
    const answersItself = { ...noWait, onFailure: () => assert.fail("it is not late") };
    setFailureHandler(request(sockets[2], false).res, answersItself);
    mock.timers.tick(200_000);
    assert.deepEqual(
      sockets.map(({ done }) => done),
      [[], [], []],
    );
  });

  it("is searched for until the close, and not after it", () => {
    const { connections, connect, request } = startConnections();
    const socket = connect();
    request(socket, false);
    connections.close();
    mock.timers.tick(100_000);
    assert.deepEqual(socket.done, []);
  });
});

describe("http: connections, a stop", () => {
  it("destroys idle connections at once, and others after their last response", () => {
    const { connections, connect, request } = startConnections();
    const [silent, busy] = [connect(1), connect(2)];
    const [first, second] = [request(busy), request(busy)];
    connections.close();
    assert.deepEqual([silent.done, busy.done], [["destroy"], []]);
    first.emit("close");
    assert.deepEqual(busy.done, []);
    second.emit("close");
    assert.deepEqual(busy.done, ["destroySoon"]);
  });

  it("keeps a connection after its responses if there is no stop", () => {
    const { connect, request } = startConnections();
    const socket = connect();
    request(socket).emit("close");
    assert.deepEqual(socket.done, []);
  });

  it("ignores connections that are already closed", () => {
    const { connections, connect } = startConnections();
    const socket = connect();
    socket.emit("close");
    connections.close();
    assert.deepEqual(socket.done, []);
  });

  it("destroys connections whose TLS handshake is not complete", () => {
    const { server, connections, connect } = startConnections(true);
    const [shaking, done, gone] = [connect(1), connect(2), connect(3)];
    const wrapped = new FakeSocket(2);
    server.emit("secureConnection", wrapped);
    gone.emit("close");
    connections.close();
    assert.deepEqual(
      [shaking, done, wrapped, gone].map((socket) => socket.done),
      [["destroy"], [], ["destroy"], []],
    );
  });
});
