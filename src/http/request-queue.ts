// Starts the requests of one connection in order, a bounded number at a time and per iteration of the event loop. While requests
// wait, the socket is paused.

import type http from "node:http";
import type net from "node:net";
import { nextTurn } from "../core/time.ts";

/** The maximum number of requests of one connection that are handled at the same time. */
const MAX_HANDLED = 16;
/**
 * The maximum work of one connection in one iteration of the event loop: a request counts as 1, and more if its head is large. The
 * socket may contain any number of requests that are answered at once, such as those that are refused.
 */
const MAX_WORK = 16;
/** So many characters of the target, or so many headers, count as another request. */
const [TARGET_PER_WORK, HEADERS_PER_WORK] = [1024, 16];
/** The maximum number of requests that wait; with more, the connection is closed. Node.js parses all that it has read at once. */
const MAX_WAITING = 1000;
/** From this many unread response bytes on, the next request waits. */
const MAX_UNTAKEN = 256 * 1024;

/** Resolves when the connections with too many requests are closed, one per iteration: each has thousands of objects. */
let closes: Promise<void> = Promise.resolve();
/** The number of the iteration of the event loop, which changes while requests arrive. */
let iteration = 0;
let isIterationKnown = false;

function currentIteration(): number {
  if (!isIterationKnown) {
    isIterationKnown = true;
    setImmediate(() => {
      iteration++;
      isIterationKnown = false;
    });
  }
  return iteration;
}

/** The requests of one connection. */
export class RequestQueue {
  readonly #socket: net.Socket;
  /** Starts the requests that wait, in order. */
  readonly #waiting: (() => void)[] = [];
  /** The number of requests that were started and are not answered. */
  #handled = 0;
  #iteration = 0;
  /** The work that was started in the iteration. */
  #work = 0;
  /** Whether the next start of waiting requests is scheduled. */
  #isScheduled = false;
  #waitsForDrain = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    // Express listens to the socket for each request; Node.js would warn of a leak.
    socket.setMaxListeners(4 * MAX_HANDLED);
    // Node.js resumes the socket for each request that is handled.
    socket.on("resume", () => {
      if (this.#waiting.length > 0) socket.pause();
    });
    this.#closeWithoutStacks();
  }

  /**
   * Adds a request.
   *
   * @param start handles the request; called now, or when earlier requests are answered
   * @returns a function that must be called when the response is closed
   */
  add(req: http.IncomingMessage, start: () => void): () => void {
    let isStarted = false;
    const run = (): void => {
      isStarted = true;
      this.#handled++;
      this.#work += workOf(req);
      start();
    };
    if (this.#waiting.length === 0 && this.#hasRoom() && !this.#isUntaken) run();
    else this.#wait(run);
    return () => {
      if (isStarted) this.#handled--;
      if (this.#waiting.length > 0) this.#schedule();
    };
  }

  get #isUntaken(): boolean {
    return this.#socket.writableLength >= MAX_UNTAKEN;
  }

  #hasRoom(): boolean {
    const now = currentIteration();
    if (this.#iteration !== now) [this.#iteration, this.#work] = [now, 0];
    return this.#handled < MAX_HANDLED && this.#work < MAX_WORK;
  }

  #wait(run: () => void): void {
    const waiting = this.#waiting;
    waiting.push(run);
    if (waiting.length === 1) {
      this.#socket.pause();
      if (this.#handled < MAX_HANDLED) this.#schedule();
    }
    if (waiting.length === MAX_WAITING + 1)
      closes = closes.then(nextTurn).then(() => void this.#socket.destroy());
  }

  /** Starts requests that wait in an iteration of its own: other connections are served between two groups of them. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void nextTurn().then(() => {
      this.#isScheduled = false;
      this.#startWaiting();
    });
  }

  #startWaiting(): void {
    const waiting = this.#waiting;
    // The client has disconnected: nothing of these requests was written, and no client waits for their responses.
    if (this.#socket.destroyed) waiting.length = 0;
    while (waiting.length > 0 && this.#hasRoom()) {
      if (this.#isUntaken) return this.#startWhenTaken();
      waiting.shift()?.();
    }
    if (waiting.length === 0) this.#socket.resume();
    else if (this.#handled < MAX_HANDLED) this.#schedule();
  }

  #startWhenTaken(): void {
    if (this.#waitsForDrain) return;
    this.#waitsForDrain = true;
    this.#socket.once("drain", () => {
      this.#waitsForDrain = false;
      this.#schedule();
    });
  }

  /** Node.js creates an error for each request of a socket that closes. The stacks of thousands would block other clients. */
  #closeWithoutStacks(): void {
    const { stackTraceLimit } = Error;
    this.#socket.prependOnceListener("close", () => {
      if (this.#waiting.length > 0) Error.stackTraceLimit = 0;
    });
    this.#socket.once("close", () => {
      Error.stackTraceLimit = stackTraceLimit;
    });
  }
}

const workOf = ({ url = "", rawHeaders }: http.IncomingMessage): number =>
  1 + Math.floor(url.length / TARGET_PER_WORK) + Math.floor(rawHeaders.length / (2 * HEADERS_PER_WORK));
