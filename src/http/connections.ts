// The server's connections and what each still owes an answer to: so that a stop waits for requests and not for
// silent sockets, and a broken request behind a good one does not take the good one's answer.

import type http from "node:http";
import https from "node:https";
import type net from "node:net";
import type { OnrampError } from "../core/errors.ts";
import { rawProblem } from "./problem.ts";

/** How long a socket has to take our last words before it is destroyed, in milliseconds. */
const LAST_WORDS_MS = 1000;
/** How long answers that are still owed may take. */
const OWED_MS = 10_000;

/** A request that has not come in whole by then, and has not been answered, is answered 408. */
const REQUEST_MS = 60_000;
const SWEEP_MS = 5000;

const selfAnswering = new WeakMap<http.ServerResponse, (problem: OnrampError) => void>();

/**
 * Says that a response answers by itself what is wrong with the rest of its request, because records of it may have
 * been written already: no other answer may claim that nothing was.
 */
export function answersItself(res: http.ServerResponse, stop: (problem: OnrampError) => void): void {
  selfAnswering.set(res, stop);
}

/** Open sockets, each with the responses that are not finished and when their requests began (ms). */
export class Connections {
  readonly #open = new Map<net.Socket, Map<http.ServerResponse, number>>();
  readonly #sweep: NodeJS.Timeout;
  /** TLS connections that are not secured yet, by their peer: responses belong to the socket that wraps them. */
  readonly #handshaking = new Map<string, net.Socket>();
  #closing = false;

  /** @param late what a request is told that did not come in in time */
  constructor(server: http.Server, late: OnrampError) {
    this.#sweep = setInterval(() => this.#dismissLate(Date.now() - REQUEST_MS, late), SWEEP_MS).unref();
    server.on("connection", (socket: net.Socket) => this.#accept(socket, server instanceof https.Server));
    server.on("secureConnection", (socket: net.Socket) => {
      this.#handshaking.delete(peer(socket));
      this.#add(socket);
    });
  }

  /** Remembers a response until it is closed. */
  track(socket: net.Socket, res: http.ServerResponse): void {
    const owed = this.#add(socket);
    owed.set(res, Date.now());
    res.once("close", () => {
      owed.delete(res);
      if (owed.size === 0 && this.#closing) socket.destroySoon();
    });
  }

  /** Tells a socket what is wrong with its request, unless answers to earlier requests are owed, and ends it. */
  dismiss(socket: net.Socket, problem: OnrampError): void {
    // A request that is not complete is the broken one itself.
    const responses = [...(this.#open.get(socket)?.keys() ?? [])];
    const stop = responses.map((res) => !res.req.complete && selfAnswering.get(res)).find(Boolean);
    if (stop) return stop(problem);
    const owed = responses.filter((res) => res.req.complete);
    if (owed.length === 0) socket.end(rawProblem(problem));
    let left = owed.length;
    for (const res of owed) res.once("finish", () => --left === 0 && socket.destroySoon());
    setTimeout(() => socket.destroy(), owed.length > 0 ? OWED_MS : LAST_WORDS_MS).unref();
  }

  /** No more requests: sockets without one in hand end now, the others behind their last answer. */
  close(): void {
    this.#closing = true;
    clearInterval(this.#sweep);
    for (const [socket, owed] of this.#open) if (owed.size === 0) socket.destroy();
    for (const socket of this.#handshaking.values()) socket.destroy();
  }

  #dismissLate(since: number, late: OnrampError): void {
    for (const [socket, owed] of this.#open)
      for (const [res, began] of owed)
        if (began < since && !res.req.complete && !res.headersSent && !selfAnswering.has(res))
          this.dismiss(socket, late);
  }

  #accept(socket: net.Socket, tls: boolean): void {
    if (!tls) return void this.#add(socket);
    const key = peer(socket);
    this.#handshaking.set(key, socket);
    socket.once("close", () => this.#handshaking.delete(key));
  }

  #add(socket: net.Socket): Map<http.ServerResponse, number> {
    let owed = this.#open.get(socket);
    if (!owed) {
      owed = new Map();
      this.#open.set(socket, owed);
      socket.once("close", () => this.#open.delete(socket));
    }
    return owed;
  }
}

const peer = (socket: net.Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;
