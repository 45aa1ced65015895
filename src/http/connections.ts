// Tracks the server's connections and their pending responses. A stop then waits for requests and not for
// idle sockets, and a malformed request does not discard the responses to earlier requests on its connection.

import type http from "node:http";
import https from "node:https";
import type net from "node:net";
import type { OnrampError } from "../core/errors.ts";
import { rawProblem } from "./problem.ts";

/** The time for a problem to be sent before its socket is destroyed. */
const PROBLEM_SENT_MS = 1000;
/** The time for pending responses to be sent before their socket is destroyed. */
const PENDING_SENT_MS = 10_000;

/** An incomplete and unanswered request receives 408 after this time. */
const REQUEST_MS = 60_000;
const SWEEP_MS = 5000;

const failureHandlers = new WeakMap<http.ServerResponse, (problem: OnrampError) => void>();

/**
 * Sets the handler for a failure of the rest of a request. The handler reports the failure in its own
 * response: records of the request may be written already, so the response must not say that nothing was
 * written.
 */
export function setFailureHandler(res: http.ServerResponse, handler: (problem: OnrampError) => void): void {
  failureHandlers.set(res, handler);
}

/** The open sockets, each with its pending responses and the start times of their requests (milliseconds). */
export class Connections {
  readonly #open = new Map<net.Socket, Map<http.ServerResponse, number>>();
  readonly #sweep: NodeJS.Timeout;
  /**
   * TCP sockets whose TLS handshake has not ended, by peer. Afterwards, `#open` contains the TLS socket that
   * wraps the TCP socket.
   */
  readonly #handshaking = new Map<string, net.Socket>();
  #closing = false;

  /** @param late the problem for a request that did not arrive in time */
  constructor(server: http.Server, late: OnrampError) {
    this.#sweep = setInterval(() => this.#rejectLate(Date.now() - REQUEST_MS, late), SWEEP_MS).unref();
    server.on("connection", (socket: net.Socket) => this.#accept(socket, server instanceof https.Server));
    server.on("secureConnection", (socket: net.Socket) => {
      this.#handshaking.delete(peer(socket));
      this.#add(socket);
    });
  }

  /** Tracks a response until it is closed. */
  track(socket: net.Socket, res: http.ServerResponse): void {
    const pending = this.#add(socket);
    pending.set(res, Date.now());
    res.once("close", () => {
      pending.delete(res);
      if (pending.size === 0 && this.#closing) socket.destroySoon();
    });
  }

  /**
   * Sends a problem and closes the connection. If the request has a failure handler, calls the handler and
   * does nothing else. If responses to earlier requests are pending, they are sent instead of the problem.
   */
  reject(socket: net.Socket, problem: OnrampError): void {
    // Only the malformed request is incomplete.
    const responses = [...(this.#open.get(socket)?.keys() ?? [])];
    const handler = responses.map((res) => !res.req.complete && failureHandlers.get(res)).find(Boolean);
    if (handler) return handler(problem);
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
    for (const [socket, pending] of this.#open) if (pending.size === 0) socket.destroy();
    for (const socket of this.#handshaking.values()) socket.destroy();
  }

  #rejectLate(since: number, late: OnrampError): void {
    for (const [socket, pending] of this.#open)
      for (const [res, started] of pending)
        if (started < since && !res.req.complete && !res.headersSent && !failureHandlers.has(res))
          this.reject(socket, late);
  }

  #accept(socket: net.Socket, tls: boolean): void {
    if (!tls) return void this.#add(socket);
    const key = peer(socket);
    this.#handshaking.set(key, socket);
    socket.once("close", () => this.#handshaking.delete(key));
  }

  #add(socket: net.Socket): Map<http.ServerResponse, number> {
    let pending = this.#open.get(socket);
    if (!pending) {
      pending = new Map();
      this.#open.set(socket, pending);
      socket.once("close", () => this.#open.delete(socket));
    }
    return pending;
  }
}

const peer = (socket: net.Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;
