// Who a lane is to the broker: producer id, epoch, next sequence. A new epoch needs no round trip; the broker
// keeps epochs per partition, so other lanes go on (as Java's client has done since KIP-360).

import type { BatchIdentity } from "../../wire/record-batch.ts";

const MAX_EPOCH = 32767;
const MAX_SEQUENCE = 2147483647;

/** A lane's identity. */
export class LaneIdentity {
  #producerId: number | undefined;
  #epoch = 0;
  #sequence = 0;

  /** Undefined until it is given one, and again when the epochs of the last are used up. */
  get producerId(): number | undefined {
    return this.#producerId;
  }
  /** For the next batch. */
  get current(): BatchIdentity {
    return { producerId: this.#producerId ?? -1, epoch: this.#epoch, sequence: this.#sequence };
  }

  adopt(producerId: number, epoch = 0): void {
    this.#producerId = producerId;
    this.#epoch = epoch;
    this.#sequence = 0;
  }

  /** The broker has `count` more records. The sequence wraps as the broker's does. */
  advance(count: number): void {
    const next = this.#sequence + count;
    this.#sequence = next > MAX_SEQUENCE ? next - MAX_SEQUENCE - 1 : next;
  }

  /** @returns the id whose last epoch this was, when another id is needed */
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
