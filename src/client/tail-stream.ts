// Follows topics: reads the stream of a gateway, and resumes with the last position after every interruption, so that no record
// is lost or repeated.

import type { IncomingMessage } from "node:http";
import { OperatorError } from "../core/errors.ts";
import { Backoff, systemClock } from "../core/time.ts";
import { isTemporary, lossText, noGateway, notOnramp, Refused, readRefusal } from "./failure.ts";
import { answerTo, type Gateway, openRequest } from "./gateway.ts";
import { Lines } from "./lines.ts";
import { printable } from "./printable.ts";
import { dataText, parseEvent, type TailEvent } from "./tail-event.ts";

const NDJSON = "application/x-ndjson";

export interface TailRequest {
  readonly topics: readonly string[];
  /** The parameters that select records: `key`, `partition`, `filter`. */
  readonly query: Readonly<Record<string, string>>;
  /** Where the stream starts, see `?from=`. */
  readonly from: string;
}

export interface TailListener {
  /** Called with events in order, without positions and goodbyes. The stream is not read until it resolves. */
  onEvents(events: readonly TailEvent[]): Promise<void>;
  /**
   * Called once per interruption, which lasts until `onBack`.
   *
   * @param waitMs the time until the next attempt
   * @param wasOpen false when no stream was open before: then the reason is a complete message
   */
  onLost(reason: string, waitMs: number, wasOpen: boolean): void;
  /** Called when the stream is restored. @param resumed false when nothing was received before */
  onBack(resumed: boolean): void;
}

/** Times in milliseconds. */
export interface TailTimes {
  /** A stream that sends nothing for this time is lost. By default, a gateway sends a heartbeat every 15 s. */
  readonly silence: number;
  /** A stream that has been open for this time is restored, also if it has delivered nothing. */
  readonly steady: number;
  readonly firstWait: number;
  readonly maxWait: number;
}

const TIMES: TailTimes = { silence: 45_000, steady: 1000, firstWait: 500, maxWait: 10_000 };

/** A stream that ended, and may be opened again. */
interface Interruption {
  readonly reason: string;
  /** The pause that the gateway asks for, in milliseconds. */
  readonly waitMs: number;
}

/** The records of some topics. */
export class TailStream {
  readonly #gateway: Gateway;
  readonly #request: TailRequest;
  readonly #listener: TailListener;
  readonly #times: TailTimes;
  readonly #backoff: Backoff;
  #position: string | undefined;
  #isLost = false;
  #wasOpen = false;
  /** Whether the open stream continues an earlier one. */
  #resumes = false;

  constructor(
    gateway: Gateway,
    request: TailRequest,
    listener: TailListener,
    times: Partial<TailTimes> = {},
  ) {
    this.#gateway = gateway;
    this.#request = request;
    this.#listener = listener;
    this.#times = { ...TIMES, ...times };
    this.#backoff = new Backoff(this.#times.firstWait, this.#times.maxWait);
  }

  /**
   * Reads until `stop` is aborted. Called once.
   *
   * @throws OperatorError when another attempt would fail as well
   */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const { reason, waitMs } = await this.#readOnce(stop);
      if (stop.aborted) return;
      const wait = Math.max(waitMs, this.#backoff.next(Date.now()));
      if (!this.#isLost) this.#listener.onLost(reason, wait, this.#wasOpen);
      this.#isLost = true;
      await systemClock.sleep(wait, stop).catch(() => {});
    }
  }

  /** Opens the stream, and reads it until it ends. */
  async #readOnce(stop: AbortSignal): Promise<Interruption> {
    const silence = new Silence(this.#times.silence);
    const request = openRequest(
      this.#gateway,
      {
        method: "GET",
        path: `/topics/${this.#request.topics.map(encodeURIComponent).join(",")}/events`,
        query: { ...this.#request.query, ...this.#start },
        headers: { accept: NDJSON },
      },
      AbortSignal.any([stop, silence.signal]),
    );
    const answer = answerTo(request);
    request.end();
    let steady: NodeJS.Timeout | undefined;
    try {
      silence.start();
      const res = await answer;
      if (res.statusCode !== 200) throw await readRefusal(res, this.#gateway);
      if (!res.headers["content-type"]?.startsWith(NDJSON))
        throw notOnramp(this.#gateway, "something that is not a stream of events");
      this.#wasOpen = true;
      this.#resumes = this.#position !== undefined;
      steady = setTimeout(() => this.#onSteady(), this.#times.steady);
      return (await this.#read(res, silence)) ?? { reason: "the gateway ended the stream", waitMs: 0 };
    } catch (error) {
      if (silence.signal.aborted)
        return { reason: `nothing was received for ${this.#times.silence / 1000} s`, waitMs: 0 };
      return this.#interruption(error, stop);
    } finally {
      clearTimeout(steady);
      silence.stop();
      request.destroy();
    }
  }

  get #start(): Record<string, string> {
    return this.#position === undefined ? { from: this.#request.from } : { lastEventId: this.#position };
  }

  /** @returns the goodbye of the stream; undefined when it ends without one @throws the error of the connection */
  async #read(res: IncomingMessage, silence: Silence): Promise<Interruption | undefined> {
    const lines = new Lines();
    let retryMs = 0;
    for await (const chunk of res as AsyncIterable<Buffer>) {
      silence.stop();
      const events = lines.push(chunk).map((line) => {
        const event = parseEvent(line);
        if (!event) throw notOnramp(this.#gateway, "a line that is not an event");
        return event;
      });
      const goodbye = events.findIndex(({ name }) => name === "goodbye");
      const before = goodbye < 0 ? events : events.slice(0, goodbye);
      const shown = before.filter(({ name }) => name !== "position");
      if (shown.length > 0) {
        this.#onSteady();
        await this.#listener.onEvents(shown);
      }
      for (const { id, retryMs: asked } of goodbye < 0 ? events : events.slice(0, goodbye + 1)) {
        if (id !== undefined) this.#position = id;
        if (asked !== undefined) retryMs = asked;
      }
      const last = events[goodbye];
      if (last) return { reason: goodbyeText(last), waitMs: retryMs };
      silence.start();
    }
    return undefined;
  }

  #onSteady(): void {
    this.#backoff.reset();
    if (!this.#isLost) return;
    this.#isLost = false;
    this.#listener.onBack(this.#resumes);
  }

  /** @throws `error`, or an OperatorError for it, when another attempt would fail as well */
  #interruption(error: unknown, stop: AbortSignal): Interruption {
    if (error instanceof Refused && error.isTemporary)
      return { reason: error.message, waitMs: error.retryAfterMs ?? 0 };
    const isStopped = stop.aborted;
    if (!isStopped && (error as NodeJS.ErrnoException).code === undefined) throw error;
    if (this.#wasOpen || isStopped) return { reason: lossText(error), waitMs: 0 };
    const reason = noGateway(this.#gateway, error);
    if (!isTemporary(error)) throw new OperatorError(reason);
    return { reason, waitMs: 0 };
  }
}

const goodbyeText = (event: TailEvent): string =>
  printable(dataText(event, "message") ?? dataText(event, "reason") ?? "the gateway ended the stream");

/** Aborts a signal after a time without data. */
class Silence {
  readonly #abort = new AbortController();
  readonly #ms: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.#ms = ms;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  start(): void {
    clearTimeout(this.#timer);
    const timer = setTimeout(() => {
      // When the process was blocked, data that arrived in time is handled first.
      setImmediate(() => this.#timer === timer && this.#abort.abort());
    }, this.#ms);
    this.#timer = timer;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
