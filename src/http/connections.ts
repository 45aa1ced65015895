// Tracks the server's connections and their pending responses. A stop then waits for requests and not for
// idle sockets, and a malformed request does not discard the responses to earlier requests on its connection.

import type http from "node:http";
import https from "node:https";
import type net from "node:net";
import { OnrampError } from "../core/errors.ts";
import { readInTurn } from "./first-reads.ts";
import { rawProblem } from "./problem.ts";
import { LEAST_RATE, RATE_MS, ReceiveRates } from "./receive-rates.ts";
import { RequestQueue } from "./request-queue.ts";

/** The time for a problem to be sent before its socket is destroyed. */
const PROBLEM_SENT_MS = 1000;
/** The time for pending responses to be sent before their socket is destroyed. */
const PENDING_SENT_MS = 10_000;

/** An incomplete and unanswered request receives 408 after this time. */
const REQUEST_MS = 60_000;
const SWEEP_MS = 5000;

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
  readonly requests: RequestQueue;
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
    const { pending, requests } = this.#add(socket);
    pending.set(res, Date.now());
    const answered = requests.add(res.req, start);
    res.once("close", () => {
      pending.delete(res);
      if (pending.size === 0 && this.#closing) socket.destroySoon();
      answered();
    });
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
      open = { pending: new Map(), requests: new RequestQueue(socket), untaken: { since: 0, bytes: 0 } };
      this.#open.set(socket, open);
      socket.once("close", () => this.#open.delete(socket));
      readInTurn(socket);
    }
    return open;
  }
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
