// The server's connections and what each still owes an answer to: so that a stop waits for requests and not for
// silent sockets, and a broken request behind a good one does not take the good one's answer.

import type http from "node:http";
import https from "node:https";
import type net from "node:net";

/** How long a socket has to take our last words before it is destroyed, in milliseconds. */
const LAST_WORDS_MS = 1000;
/** How long answers that are still owed may take. */
const OWED_MS = 10_000;

/** A request that has not come in whole by then, and has not been answered, is answered 408. */
const REQUEST_MS = 60_000;
const SWEEP_MS = 5000;

/** Open sockets, each with the responses that are not finished and when their requests began (ms). */
export class Connections {
  readonly #open = new Map<net.Socket, Map<http.ServerResponse, number>>();
  readonly #sweep: NodeJS.Timeout;
  /** TLS connections that are not secured yet, by their peer: responses belong to the socket that wraps them. */
  readonly #handshaking = new Map<string, net.Socket>();
  #closing = false;

  /** @param late what a request is told that did not come in in time */
  constructor(server: http.Server, late: string) {
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

  /** Says `text` to a socket whose request could not be read, unless answers to earlier requests are owed, and ends it. */
  dismiss(socket: net.Socket, text: string): void {
    // A request that is not complete is the broken one itself.
    const owed = [...(this.#open.get(socket)?.keys() ?? [])].filter((res) => res.req.complete);
    if (owed.length === 0) socket.end(text);
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

  #dismissLate(since: number, late: string): void {
    for (const [socket, owed] of this.#open)
      for (const [res, began] of owed)
        if (began < since && !res.req.complete && !res.headersSent) this.dismiss(socket, late);
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
