// The connections of the server and their pending responses, without a network.

import { strict as assert } from "node:assert";
import { EventEmitter } from "node:events";
import http from "node:http";
import https from "node:https";
import type net from "node:net";
import { mock } from "node:test";
import { OnrampError } from "../../src/core/errors.ts";
import { Connections, setFailureHandler } from "../../src/http/connections.ts";
import { rawProblem } from "../../src/http/problem.ts";
import { afterTest } from "../support/after-test.ts";

const late = new OnrampError(40801, "late");
const bad = new OnrampError(40001, "bad");

/** A double of a socket, and the calls to it. */
class FakeSocket extends EventEmitter {
  readonly remoteAddress = "127.0.0.1";
  readonly remotePort: number;
  readonly done: string[] = [];
  writableLength = 0;
  readonly flow: string[] = [];
  /** The bytes per millisecond that it receives. */
  rate = 1;
  constructor(remotePort = 1) {
    super();
    this.remotePort = remotePort;
  }
  get bytesRead(): number {
    return Date.now() * this.rate;
  }
  pause(): void {
    this.flow.push("pause");
  }
  resume(): void {
    this.flow.push("resume");
  }
  get socket(): net.Socket {
    return this as unknown as net.Socket;
  }
  end(text: string): void {
    this.done.push(`end ${text}`);
  }
  destroy(): void {
    this.done.push("destroy");
  }
  destroySoon(): void {
    this.done.push("destroySoon");
  }
}

/** A double of a response whose request is complete, or is being received. */
class FakeResponse extends EventEmitter {
  headersSent = false;
  readonly req: { complete: boolean; url: string; rawHeaders: string[] };
  constructor(complete: boolean, url = "/") {
    super();
    this.req = { complete, url, rawHeaders: [] };
  }
  get res(): http.ServerResponse {
    return this as unknown as http.ServerResponse;
  }
}

/** Connections with a clock that only the test moves. */
function start(secure = false) {
  mock.timers.enable({ apis: ["Date", "setInterval", "setTimeout"], now: 1_000_000 });
  afterTest(() => mock.timers.reset());
  const server = secure ? https.createServer() : http.createServer();
  // Without this, Node.js would treat the doubles as real sockets.
  server.removeAllListeners("connection");
  const connections = new Connections(server as http.Server, late);
  afterTest(() => connections.close());
  return {
    server,
    connections,
    connect(port?: number): FakeSocket {
      const fake = new FakeSocket(port);
      server.emit("connection", fake);
      return fake;
    },
    /** A request on a connection. */
    request(socket: FakeSocket, complete = true): FakeResponse {
      const fake = new FakeResponse(complete);
      connections.track(socket.socket, fake.res, () => {});
      return fake;
    },
  };
}
const turn = async (): Promise<void> => {
  for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
};
/** Lets time pass in the steps of the checks. */
function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 5000) mock.timers.tick(5000);
}
const noWait = { waitsSince: () => undefined };
const told = (problem: OnrampError): string => `end ${rawProblem(problem)}`;

describe("http: connections, a broken request", () => {
  it("is answered with the error; its connection is ended, and destroyed a second later", () => {
    const { connections, connect } = start();
    const socket = connect();
    connections.reject(socket.socket, bad);
    assert.deepEqual(socket.done, [told(bad)]);
    mock.timers.tick(999);
    assert.equal(socket.done.length, 1);
    mock.timers.tick(1);
    assert.deepEqual(socket.done, [told(bad), "destroy"]);
  });

  it("is answered in the middle of its own body", () => {
    const { connections, connect, request } = start();
    const socket = connect();
    request(socket, false);
    connections.reject(socket.socket, bad);
    assert.deepEqual(socket.done, [told(bad)]);
  });

  it("lets valid requests before it be answered: the connection ends after the last response", () => {
    const { connections, connect, request } = start();
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
    const { connections, connect, request } = start();
    const socket = connect();
    request(socket);
    connections.reject(socket.socket, bad);
    mock.timers.tick(9999);
    assert.deepEqual(socket.done, []);
    mock.timers.tick(1);
    assert.deepEqual(socket.done, ["destroy"]);
  });

  it("is answered by its own response if some of its records may be written", () => {
    const { connections, connect, request } = start();
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
    const { connections, connect, request } = start();
    const socket = connect();
    const lines = request(socket, true);
    setFailureHandler(lines.res, { ...noWait, onFailure: () => assert.fail("its request is whole") });
    connections.reject(socket.socket, bad);
    lines.emit("finish");
    assert.deepEqual(socket.done, ["destroySoon"]);
  });

  it("does not wait for responses that are closed", () => {
    const { connections, connect, request } = start();
    const socket = connect();
    request(socket).emit("close");
    connections.reject(socket.socket, bad);
    assert.deepEqual(socket.done, [told(bad)]);
  });

  it("is answered on a connection that is not registered", () => {
    const { connections } = start();
    const socket = new FakeSocket();
    connections.reject(socket.socket, bad);
    assert.deepEqual(socket.done, [told(bad)]);
  });
});

describe("http: connections, a slow request", () => {
  it("is answered when less than 512 bytes per second arrived for 30 s", () => {
    const { connect, request } = start();
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
    const { connect, request } = start();
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
    const { connections, connect } = start();
    const socket = connect();
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

  it("keep the socket paused while others wait, although Node.js resumes it", () => {
    const { connections, connect } = start();
    const socket = connect();
    pipelined(socket, connections, 17);
    socket.emit("resume");
    assert.deepEqual(socket.flow, ["pause", "pause"]);
  });

  it("are started in turns with other connections, also if they are answered at once", async () => {
    const { connections, connect } = start();
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
    const { connections, connect } = start();
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
    const { connections, connect } = start();
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
    const { connections, connect } = start();
    const socket = connect();
    pipelined(socket, connections, 1016);
    assert.ok(!socket.done.includes("destroy"));
    pipelined(socket, connections, 1);
    await turn();
    assert.equal(socket.done.at(-1), "destroy");
  });

  it("end the connection when nothing of the responses was taken for a minute", () => {
    const { connect, request } = start();
    const socket = connect();
    request(socket);
    socket.writableLength = 1;
    pass(60_000);
    assert.deepEqual(socket.done, []);
    pass(5000);
    assert.deepEqual(socket.done, ["destroy"]);
  });
});

describe("http: connections, a late request", () => {
  it("is answered when it is incomplete after a minute", () => {
    const { connect, request } = start();
    const socket = connect();
    request(socket, false);
    mock.timers.tick(60_000);
    assert.deepEqual(socket.done, []);
    mock.timers.tick(5000);
    assert.equal(socket.done[0], told(late));
  });

  it("is not one that is complete, has been answered, or answers itself", () => {
    const { connect, request } = start();
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
    const { connections, connect, request } = start();
    const socket = connect();
    request(socket, false);
    connections.close();
    mock.timers.tick(100_000);
    assert.deepEqual(socket.done, []);
  });
});

describe("http: connections, a stop", () => {
  it("destroys idle connections at once, and others after their last response", () => {
    const { connections, connect, request } = start();
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
    const { connect, request } = start();
    const socket = connect();
    request(socket).emit("close");
    assert.deepEqual(socket.done, []);
  });

  it("ignores connections that are already closed", () => {
    const { connections, connect } = start();
    const socket = connect();
    socket.emit("close");
    connections.close();
    assert.deepEqual(socket.done, []);
  });

  it("destroys connections whose TLS handshake is not complete", () => {
    const { server, connections, connect } = start(true);
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
