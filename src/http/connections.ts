// Tracks the server's connections and their pending responses. A stop then waits for requests and not for
// idle sockets, and a malformed request does not discard the responses to earlier requests on its connection.

import type http from "node:http";
import https from "node:https";
import type net from "node:net";
import { OnrampError } from "../core/errors.ts";
import { nextTurn } from "../core/time.ts";
import { rawProblem } from "./problem.ts";
import { LEAST_RATE, RATE_MS, ReceiveRates } from "./receive-rates.ts";

/** The time for a problem to be sent before its socket is destroyed. */
const PROBLEM_SENT_MS = 1000;
/** The time for pending responses to be sent before their socket is destroyed. */
const PENDING_SENT_MS = 10_000;

/** An incomplete and unanswered request receives 408 after this time. */
const REQUEST_MS = 60_000;
const SWEEP_MS = 5000;

/** The maximum number of requests of one connection that are handled at the same time. While others wait, the socket is paused. */
const MAX_HANDLED = 16;
/** The maximum number of waiting requests of one connection. With more, it is closed. Node.js parses all that it has read at once. */
const MAX_WAITING = 1000;
/** From this many unread response bytes on, the next request of the connection waits. */
const MAX_UNTAKEN = 256 * 1024;

/** Handles a failure to receive the rest of a request whose response may have begun. */
export interface FailureHandler {
  /**
   * Reports the failure in the response of the request: records of the request may be written already, so the response must
   * not say that nothing was written.
   */
  onFailure(problem: OnrampError): void;
  /** The start time of the incomplete body or line (milliseconds); undefined while Onramp does not wait for data from the client. */
  waitsSince(): number | undefined;
}

const failureHandlers = new WeakMap<http.ServerResponse, FailureHandler>();

/** Sets the handler for a failure of the rest of a request. Without one, the request is answered with the problem. */
export function setFailureHandler(res: http.ServerResponse, handler: FailureHandler): void {
  failureHandlers.set(res, handler);
}

/** An open socket. */
interface Open {
  /** The responses that are not complete, and the start times of their requests (milliseconds). */
  readonly pending: Map<http.ServerResponse, number>;
  /** Starts the requests that wait, in order. */
  readonly waiting: (() => void)[];
  /** Whether the next iteration for the connection is scheduled. */
  waitsForTurn: boolean;
  /** Whether requests wait until the client has taken its responses. */
  waitsForDrain: boolean;
  /** The time since which the client has taken nothing of its responses (milliseconds), and how much it had not taken. */
  untaken: { readonly since: number; readonly bytes: number };
}

/** The open sockets and their requests. */
export class Connections {
  readonly #open = new Map<net.Socket, Open>();
  readonly #rates = new ReceiveRates();
  readonly #sweep: NodeJS.Timeout;
  /**
   * TCP sockets whose TLS handshake has not ended, by peer. Afterwards, `#open` contains the TLS socket that
   * wraps the TCP socket.
   */
  readonly #handshaking = new Map<string, net.Socket>();
  #closing = false;
  /** Resolves when the connections with too many waiting requests are closed, one per iteration: each has thousands of objects. */
  #ends: Promise<void> = Promise.resolve();

  /** @param late the problem for a request that did not arrive in time */
  constructor(server: http.Server, late: OnrampError) {
    this.#sweep = setInterval(() => this.#rejectLate(Date.now(), late), SWEEP_MS).unref();
    server.on("connection", (socket: net.Socket) => this.#accept(socket, server instanceof https.Server));
    server.on("secureConnection", (socket: net.Socket) => {
      this.#handshaking.delete(peer(socket));
      this.#add(socket);
    });
  }

  /**
   * Tracks a response until it is closed.
   *
   * @param start handles the request; called now, or when earlier requests of the connection are answered
   */
  track(socket: net.Socket, res: http.ServerResponse, start: () => void): void {
    const open = this.#add(socket);
    const { pending, waiting } = open;
    pending.set(res, Date.now());
    res.once("close", () => {
      pending.delete(res);
      if (pending.size === 0 && this.#closing) socket.destroySoon();
      if (waiting.length > 0) startWaiting(socket, open);
    });
    const isUntaken = socket.writableLength >= MAX_UNTAKEN;
    if (waiting.length === 0 && pending.size <= MAX_HANDLED && !isUntaken) return start();
    waiting.push(start);
    if (waiting.length === 1) socket.pause();
    if (isUntaken) startWhenTaken(socket, open);
    if (waiting.length === MAX_WAITING + 1)
      this.#ends = this.#ends.then(nextTurn).then(() => void socket.destroy());
  }

  /**
   * Sends a problem and closes the connection. If the request has a failure handler, calls the handler and
   * does nothing else. If responses to earlier requests are pending, they are sent instead of the problem.
   */
  reject(socket: net.Socket, problem: OnrampError): void {
    // Only the malformed request is incomplete.
    const responses = [...(this.#open.get(socket)?.pending.keys() ?? [])];
    const handled = responses.find((res) => !res.req.complete && failureHandlers.has(res));
    if (handled) return failureHandlers.get(handled)?.onFailure(problem);
    const pending = responses.filter((res) => res.req.complete);
    if (pending.length === 0) socket.end(rawProblem(problem));
    let left = pending.length;
    for (const res of pending) res.once("finish", () => --left === 0 && socket.destroySoon());
    setTimeout(() => socket.destroy(), pending.length > 0 ? PENDING_SENT_MS : PROBLEM_SENT_MS).unref();
  }

  /** Closes all connections: idle ones at once, the others after their last response. */
  close(): void {
    this.#closing = true;
    clearInterval(this.#sweep);
    for (const [socket, { pending }] of this.#open) if (pending.size === 0) socket.destroy();
    for (const socket of this.#handshaking.values()) socket.destroy();
  }

  #rejectLate(now: number, late: OnrampError): void {
    for (const [socket, open] of this.#open) {
      this.#rates.sample(socket, now);
      for (const [res, started] of open.pending) {
        if (res.req.complete) continue;
        const handler = failureHandlers.get(res);
        const since = handler ? handler.waitsSince() : res.headersSent ? undefined : started;
        if (since === undefined) continue;
        if (!handler && started < now - REQUEST_MS) this.reject(socket, late);
        else if (this.#rates.isSlow(socket, since, now)) this.reject(socket, tooSlow());
      }
      destroyUntaken(socket, open, now);
    }
  }

  #accept(socket: net.Socket, tls: boolean): void {
    if (!tls) return void this.#add(socket);
    const key = peer(socket);
    this.#handshaking.set(key, socket);
    socket.once("close", () => this.#handshaking.delete(key));
  }

  #add(socket: net.Socket): Open {
    let open = this.#open.get(socket);
    if (!open) {
      open = {
        pending: new Map(),
        waiting: [],
        waitsForTurn: false,
        waitsForDrain: false,
        untaken: { since: 0, bytes: 0 },
      };
      this.#open.set(socket, open);
      // Express listens to the socket for each request; Node.js would warn of a leak.
      socket.setMaxListeners(4 * MAX_HANDLED);
      socket.once("close", () => this.#open.delete(socket));
      releaseWithoutStacks(socket, open);
      const { waiting } = open;
      // Node.js resumes the socket for each request that is handled.
      socket.on("resume", () => {
        if (waiting.length > 0) socket.pause();
      });
    }
    return open;
  }
}

/** Node.js creates an error for each request of a socket that closes. The stacks of thousands would block other clients. */
function releaseWithoutStacks(socket: net.Socket, { pending }: Open): void {
  const { stackTraceLimit } = Error;
  socket.prependOnceListener("close", () => {
    if (pending.size > MAX_HANDLED) Error.stackTraceLimit = 0;
  });
  socket.once("close", () => {
    Error.stackTraceLimit = stackTraceLimit;
  });
}

/** Starts waiting requests, up to the limits, in the next iteration for their connection. Reads the socket again when none waits. */
function startWaiting(socket: net.Socket, open: Open): void {
  if (open.waitsForTurn) return;
  open.waitsForTurn = true;
  // One read may contain thousands of requests. Other connections are served between the groups of them.
  void nextTurn().then(() => {
    open.waitsForTurn = false;
    const { pending, waiting } = open;
    // The client has disconnected: nothing of these requests was written, and no client waits for their responses.
    if (socket.destroyed) waiting.length = 0;
    while (waiting.length > 0 && pending.size - waiting.length < MAX_HANDLED) {
      if (socket.writableLength >= MAX_UNTAKEN) return startWhenTaken(socket, open);
      waiting.shift()?.();
    }
    if (waiting.length === 0) socket.resume();
  });
}

/** Starts requests that wait when the client has taken its responses. */
function startWhenTaken(socket: net.Socket, open: Open): void {
  if (open.waitsForDrain) return;
  open.waitsForDrain = true;
  socket.once("drain", () => {
    open.waitsForDrain = false;
    startWaiting(socket, open);
  });
}

/** Destroys a socket whose client has taken nothing of its responses for a minute. */
function destroyUntaken(socket: net.Socket, open: Open, now: number): void {
  const bytes = socket.writableLength;
  if (bytes === 0 || bytes !== open.untaken.bytes) open.untaken = { since: now, bytes };
  else if (now - open.untaken.since >= REQUEST_MS) socket.destroy();
}

const tooSlow = (): OnrampError =>
  new OnrampError(
    40801,
    `In the last ${RATE_MS / 1000} s, the request arrived at less than ${LEAST_RATE} bytes per second. Send it faster; end a line when its record is complete.`,
  );

const peer = (socket: net.Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;
