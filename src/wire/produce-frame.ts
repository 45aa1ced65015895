// A Produce v8 request written in one buffer, so that records are encoded where they leave from. Layout as in
// messages/produce.ts; this copy of it exists for speed alone, and a test holds the two against each other.

import { Produce } from "./messages/produce.ts";

export const PRODUCE_VERSION = 8;
const ALL_IN_SYNC = -1;

/** Writes the frame front to back: `begin`, then per topic `topic`, per partition `records`, then `finish`. */
export class ProduceFrame {
  readonly #buffer: Buffer;
  #at = 0;

  /** @param buffer with room for everything; see `frameOverhead` */
  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  begin(correlationId: number, clientId: string, timeoutMs: number, topics: number): void {
    this.#at = 4;
    this.#int16(Produce.key);
    this.#int16(PRODUCE_VERSION);
    this.#int32(correlationId);
    this.#string(clientId);
    this.#int16(-1);
    this.#int16(ALL_IN_SYNC);
    this.#int32(timeoutMs);
    this.#int32(topics);
  }

  topic(name: string, partitions: number): void {
    this.#string(name);
    this.#int32(partitions);
  }

  /**
   * One partition's batch.
   *
   * @param encode writes the batch at `at` and returns its bytes, or returns bytes from elsewhere, which are copied
   */
  records(partition: number, encode: (target: Buffer, at: number) => Buffer): void {
    this.#int32(partition);
    const lengthAt = this.#at;
    this.#at += 4;
    const batch = encode(this.#buffer, this.#at);
    const inPlace =
      batch.buffer === this.#buffer.buffer && batch.byteOffset === this.#buffer.byteOffset + this.#at;
    if (this.#at + batch.length > this.#buffer.length)
      throw new RangeError("the frame's capacity does not hold its batches");
    if (!inPlace) batch.copy(this.#buffer, this.#at);
    this.#buffer.writeInt32BE(batch.length, lengthAt);
    this.#at += batch.length;
  }

  finish(): Buffer {
    this.#buffer.writeInt32BE(this.#at - 4, 0);
    return this.#buffer.subarray(0, this.#at);
  }

  #int16(value: number): void {
    this.#at = this.#buffer.writeInt16BE(value, this.#at);
  }
  #int32(value: number): void {
    this.#at = this.#buffer.writeInt32BE(value, this.#at);
  }
  #string(value: string): void {
    const size = this.#buffer.write(value, this.#at + 2, "latin1");
    this.#int16(size);
    this.#at += size;
  }
}

/** Bytes of a frame beside its batches, for topic names and client ids in ASCII. */
export function frameOverhead(topics: readonly string[], partitions: number): number {
  return 64 + topics.reduce((sum, name) => sum + 6 + name.length, 0) + partitions * 8;
}
