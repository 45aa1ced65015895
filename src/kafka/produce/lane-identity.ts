// The identity by which a broker knows a lane: producer id, epoch and next sequence number. A lane starts a
// new epoch without a request and without an effect on other lanes, because the broker tracks epochs per
// partition. Java's client does the same (KIP-360).

import type { BatchIdentity } from "../../wire/record-batch.ts";

const MAX_EPOCH = 32767;
const MAX_SEQUENCE = 2147483647;

/** The producer id, epoch and next sequence number of one lane. */
export class LaneIdentity {
  #producerId: number | undefined;
  #epoch = 0;
  #sequence = 0;

  /** Undefined until `adopt` is called, and again after the last epoch of the producer id. */
  get producerId(): number | undefined {
    return this.#producerId;
  }
  /** The identity for the next batch. */
  get current(): BatchIdentity {
    return { producerId: this.#producerId ?? -1, epoch: this.#epoch, sequence: this.#sequence };
  }

  /** Takes a producer id, and starts at the sequence number 0. */
  adopt(producerId: number, epoch = 0): void {
    this.#producerId = producerId;
    this.#epoch = epoch;
    this.#sequence = 0;
  }

  /** Called when the broker has written `count` records. The sequence number after 2^31 - 1 is 0, as in Kafka. */
  advance(count: number): void {
    const next = this.#sequence + count;
    this.#sequence = next > MAX_SEQUENCE ? next - MAX_SEQUENCE - 1 : next;
  }

  /**
   * Starts the next epoch, with the sequence number 0.
   *
   * @returns the producer id when it has no epochs left, so that the lane needs a new one; otherwise
   * undefined
   */
  nextEpoch(): number | undefined {
    this.#sequence = 0;
    if (this.#epoch < MAX_EPOCH) {
      this.#epoch++;
      return undefined;
    }
    const used = this.#producerId;
    this.#producerId = undefined;
    return used;
  }
}
