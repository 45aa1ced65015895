// Finds requests that arrive too slowly: an incomplete body or line could otherwise hold memory indefinitely.

import type net from "node:net";

/** The time over which the rate of a request is computed, in milliseconds. */
export const RATE_MS = 30_000;
/** The least rate of a body or an unfinished line, in bytes per second. */
export const LEAST_RATE = 512;

interface Sample {
  readonly at: number;
  readonly bytes: number;
}

/** The bytes that sockets have received. */
export class ReceiveRates {
  readonly #samples = new WeakMap<net.Socket, Sample[]>();

  /** Called for each open socket, at regular intervals. @param now milliseconds, `Date.now` */
  sample(socket: net.Socket, now: number): void {
    const samples = this.#samples.get(socket) ?? [];
    samples.push({ at: now, bytes: socket.bytesRead });
    // One sample that is older than the window remains: the window begins there.
    while ((samples[1]?.at ?? now) <= now - RATE_MS) samples.shift();
    this.#samples.set(socket, samples);
  }

  /**
   * Whether the socket received less than the minimum rate in the last 30 s.
   *
   * @param since when the client began to send what it has not completed
   */
  isSlow(socket: net.Socket, since: number, now: number): boolean {
    const first = this.#samples.get(socket)?.[0];
    if (!first || first.at > now - RATE_MS || since > now - RATE_MS) return false;
    return socket.bytesRead - first.bytes < (LEAST_RATE * (now - first.at)) / 1000;
  }
}
