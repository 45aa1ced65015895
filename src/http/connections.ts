// The server's connections and what each still owes an answer to: so that a stop waits for requests and not for
// silent sockets, and a broken request behind a good one does not take the good one's answer.

import type http from "node:http";
import type net from "node:net";

/** How long a socket has to take our last words before it is destroyed, in milliseconds. */
const LAST_WORDS_MS = 2000;

/** Open sockets, each with the responses that are not finished. */
export class Connections {
  readonly #owing = new Map<net.Socket, number>();
  #closing = false;

  constructor(server: http.Server) {
    for (const event of ["connection", "secureConnection"])
      server.on(event, (socket: net.Socket) => this.#add(socket));
  }

  /** Counts a response until it is closed. */
  track(socket: net.Socket, res: http.ServerResponse): void {
    this.#owing.set(socket, (this.#owing.get(socket) ?? 0) + 1);
    res.once("close", () => {
      const left = (this.#owing.get(socket) ?? 1) - 1;
      if (this.#owing.has(socket)) this.#owing.set(socket, left);
      if (left === 0 && this.#closing) socket.destroySoon();
    });
  }

  /** Says `text` to a socket whose request could not be read, once nothing else is owed to it, and ends it. */
  dismiss(socket: net.Socket, text: string): void {
    const pending = this.#owing.get(socket) ?? 0;
    // The answers to requests before it are still to come; what broke behind them is told by the end of the connection.
    if (pending === 0) socket.end(text);
    setTimeout(() => socket.destroy(), pending === 0 ? LAST_WORDS_MS : LAST_WORDS_MS * 5).unref();
  }

  /** No more requests: sockets without one in hand end now, the others behind their last answer. */
  close(): void {
    this.#closing = true;
    for (const [socket, left] of this.#owing) if (left === 0) socket.destroy();
  }

  #add(socket: net.Socket): void {
    if (!this.#owing.has(socket)) this.#owing.set(socket, 0);
    socket.once("close", () => this.#owing.delete(socket));
  }
}
