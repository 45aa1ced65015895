// Reads the events of one connection, in batches. Pauses the socket while too many events are pending.

import type { Readable } from "node:stream";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { SourceError } from "../../core/source.ts";

export interface StreamLimits {
  /** The maximum number of events per batch. */
  readonly maxEvents: number;
  /** How long a batch waits for further events, in milliseconds. */
  readonly lingerMs: number;
  /** The maximum size of an event, in characters. */
  readonly maxEvent: number;
  /** The stream fails when nothing arrives for this time, in milliseconds. */
  readonly idleMs: number;
}

/** The number of characters after which the socket is paused. */
const MAX_WAITING = 4 * 1024 * 1024;

/** The events of one connection. */
export class EventStream {
  readonly #stream: Readable;
  readonly #limits: StreamLimits;
  #events: EventSourceMessage[] = [];
  #waiting = 0;
  #ended = false;
  #fault: SourceError | undefined;
  #wake: () => void = () => {};
  #idle: NodeJS.Timeout | undefined;
  /** The reconnection time that the server sent, in milliseconds. */
  retryMs: number | undefined;

  /** @param onData called when something arrives */
  constructor(stream: Readable, limits: StreamLimits, onData: () => void) {
    this.#stream = stream;
    this.#limits = limits;
    const decoder = new TextDecoder();
    const parser = createParser({
      maxBufferSize: limits.maxEvent,
      onEvent: (event) => {
        // Events after one that is lost would move the position past it.
        if (this.#fault) return;
        if (event.data.length > limits.maxEvent) return this.#fail(tooLarge());
        this.#events.push(event);
        this.#waiting += event.data.length;
      },
      onRetry: (ms) => {
        this.retryMs = ms;
      },
      onError: ({ type }) => {
        if (type === "max-buffer-size-exceeded") this.#fail(tooLarge());
      },
    });
    stream.on("data", (chunk: Buffer) => {
      // A destroyed stream still emits the chunks that it holds, and the parser throws after an event that is too large.
      if (this.#fault) return;
      this.#startIdle();
      withoutStackTraces(() => parser.feed(decoder.decode(chunk, { stream: true })));
      if (this.#isFull) stream.pause();
      onData();
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      clearTimeout(this.#idle);
      this.#wake();
    };
    stream.on("end", end).on("error", end).on("close", end);
    this.#startIdle();
  }

  /**
   * Returns the next events: when the batch is full, or `lingerMs` after the first event, or at the end of the connection.
   *
   * @returns no events when the connection has ended
   * @throws SourceError when nothing arrives for too long, or for an event that is too large; the reason of `signal`
   */
  async next(signal: AbortSignal): Promise<readonly EventSourceMessage[]> {
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await this.#until(() => this.#events.length > 0, undefined, signal);
      await this.#until(() => this.#isFull, this.#limits.lingerMs, signal);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    const taken = this.#events.splice(0, this.#limits.maxEvents);
    this.#waiting = this.#events.reduce((sum, { data }) => sum + data.length, 0);
    if (taken.length === 0 && this.#fault) throw this.#fault;
    if (!this.#isFull) {
      this.#startIdle();
      this.#stream.resume();
    }
    return taken;
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#stream.destroy();
  }

  get #isFull(): boolean {
    return this.#events.length >= this.#limits.maxEvents || this.#waiting >= MAX_WAITING;
  }

  /** Waits until the condition holds, the connection has ended, or the time has passed. */
  async #until(condition: () => boolean, ms: number | undefined, signal: AbortSignal): Promise<void> {
    let isLate = false;
    const timer =
      ms === undefined
        ? undefined
        : setTimeout(() => {
            isLate = true;
            this.#wake();
          }, ms);
    try {
      while (!condition() && !this.#ended && !this.#fault && !isLate) {
        signal.throwIfAborted();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
    signal.throwIfAborted();
  }

  #startIdle(): void {
    clearTimeout(this.#idle);
    const { idleMs } = this.#limits;
    this.#idle = setTimeout(() => {
      // Nothing arrives while the socket is paused.
      if (!this.#isFull)
        this.#fail(
          new SourceError(
            "passing",
            `the stream sent nothing for ${Math.round(idleMs / 1000)} s (option idle)`,
          ),
        );
    }, idleMs);
  }

  #fail(fault: SourceError): void {
    this.#fault ??= fault;
    this.#stream.destroy();
    this.#wake();
  }
}

/** The parser creates an error per unknown field: the stack traces of a chunk of 64 KB block the event loop for 300 ms. */
function withoutStackTraces(run: () => void): void {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    run();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

const tooLarge = (): SourceError =>
  new SourceError("blocked", "an event is larger than maxEvent; raise maxEvent");
