// Who may send when: messages to a channel leave at even spaces, however many want to send, and in no second more than
// its rate.

import { type Clock, untilAborted } from "../core/time.ts";

/** Timers are late; so much of it is made up for, and no more. */
const LATE_MS = 5;
/** A twentieth is kept back, so that what was late, here or on its way, and what was not arrive within the rate. */
const EASE = 1.05;

interface Line {
  /** When the next may go (ms). */
  freeAt: number;
  /** When somebody last looked: a clock that is set back takes the line with it. */
  seen: number;
  /** Settles when the last in the line has had its turn, or has gone. */
  end: Promise<void>;
}

/** Hands out turns, channel by channel. A pause is not made up for. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #lines = new Map<string, Line>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when it is the caller's turn. @throws the signal's reason */
  async take(channel: string, perSecond: number, signal: AbortSignal): Promise<void> {
    const line = this.#line(channel);
    const turn = line.end.then(async () => {
      for (;;) {
        signal.throwIfAborted();
        const now = this.#clock.now();
        line.freeAt -= Math.max(0, line.seen - now);
        line.seen = now;
        const wait = line.freeAt - now;
        if (wait <= 0) {
          line.freeAt = Math.max(line.freeAt, now - LATE_MS) + (EASE * 1000) / perSecond;
          return;
        }
        await this.#clock.sleep(Math.ceil(wait), signal);
      }
    });
    line.end = turn.catch(() => {});
    // The last caller of a long line need not wait for the others to learn that the signal was aborted.
    await untilAborted(turn, signal);
  }

  /** Nobody sends to the channel for `ms`. */
  hold(channel: string, ms: number): void {
    const line = this.#line(channel);
    line.freeAt = Math.max(line.freeAt, this.#clock.now() + ms);
  }

  #line(channel: string): Line {
    const line = this.#lines.get(channel) ?? { freeAt: 0, seen: 0, end: Promise.resolve() };
    this.#lines.set(channel, line);
    return line;
  }
}
