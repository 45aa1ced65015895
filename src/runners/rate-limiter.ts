// Limits the rate of messages per channel. Messages are spaced evenly, even if many callers wait, and no
// period of a second has more messages than the rate allows.

import { type Clock, untilAborted } from "../core/time.ts";

/**
 * The largest delay of a timer that is compensated for: the message after a late one may be sent this much
 * earlier.
 */
const LATE_MS = 5;
/**
 * Intervals are 5% longer than the rate requires, so that messages arrive within the rate even when an earlier one was
 * delayed, here or on the network.
 */
const INTERVAL_FACTOR = 1.05;

/** The callers that wait for one channel. */
interface Queue {
  /** When the next message may be sent (milliseconds, `Clock.now`). */
  nextAt: number;
  /** The last time that was read from the clock. When the clock is set back, `nextAt` is reduced by the same time. */
  lastNow: number;
  /** Resolves when the last caller has had its turn, or has been aborted. */
  tail: Promise<void>;
}

/** Gives callers their turns, per channel and in order. After a pause, messages are not sent faster to catch up. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #queues = new Map<string, Queue>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Waits for the caller's turn.
   *
   * @param perSecond the most messages per second
   * @throws the reason of `stopping`
   */
  async take(channel: string, perSecond: number, stopping: AbortSignal): Promise<void> {
    const queue = this.#queueOf(channel);
    const turn = queue.tail.then(async () => {
      for (;;) {
        stopping.throwIfAborted();
        const now = this.#clock.now();
        queue.nextAt -= Math.max(0, queue.lastNow - now);
        queue.lastNow = now;
        const wait = queue.nextAt - now;
        if (wait <= 0) {
          queue.nextAt = Math.max(queue.nextAt, now - LATE_MS) + (INTERVAL_FACTOR * 1000) / perSecond;
          return;
        }
        await this.#clock.sleep(Math.ceil(wait), stopping);
      }
    });
    queue.tail = turn.catch(() => {});
    // An aborted caller rejects at once; it does not wait for the callers before it.
    await untilAborted(turn, stopping);
  }

  /** Delays all messages of a channel for `ms` milliseconds from now. */
  hold(channel: string, ms: number): void {
    const queue = this.#queueOf(channel);
    queue.nextAt = Math.max(queue.nextAt, this.#clock.now() + ms);
  }

  #queueOf(channel: string): Queue {
    const queue = this.#queues.get(channel) ?? { nextAt: 0, lastNow: 0, tail: Promise.resolve() };
    this.#queues.set(channel, queue);
    return queue;
  }
}
