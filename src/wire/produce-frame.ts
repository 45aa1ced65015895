// Writes a Produce request (versions 3 to 8 have one layout) into one buffer, so that records are encoded directly into
// the bytes that are sent. Repeats the layout of messages/produce.ts for speed; a test compares the two.

import { Produce } from "./messages/produce.ts";

const ACKS_ALL = -1;

/**
 * Writes one frame. Call `begin`; for each topic `topic`, and then `records` for each partition; then
 * `finish`.
 */
export class ProduceFrame {
  readonly #buffer: Buffer;
  #at = 0;

  /** @param buffer must hold all batches and `frameOverhead` bytes */
  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  /**
   * @param version the version of Produce, 3 to 8
   * @param transactionalId the transactional id, in ASCII; null for batches outside a transaction
   */
  begin(
    version: number,
    correlationId: number,
    clientId: string,
    timeoutMs: number,
    topics: number,
    transactionalId: string | null = null,
  ): void {
    this.#at = 4;
    this.#int16(Produce.key);
    this.#int16(version);
    this.#int32(correlationId);
    this.#string(clientId);
    if (transactionalId === null) this.#int16(-1);
    else this.#string(transactionalId);
    this.#int16(ACKS_ALL);
    this.#int32(timeoutMs);
    this.#int32(topics);
  }

  topic(name: string, partitions: number): void {
    this.#string(name);
    this.#int32(partitions);
  }

  /**
   * Writes the batch of one partition.
   *
   * @param encode writes the batch to `target` at `at` and returns its bytes. If it returns bytes of another
   * buffer, they are copied
   * @throws RangeError when the batch does not fit into the buffer
   */
  records(partition: number, encode: (target: Buffer, at: number) => Buffer): void {
    this.#int32(partition);
    const lengthAt = this.#at;
    this.#at += 4;
    const batch = encode(this.#buffer, this.#at);
    const inPlace =
      batch.buffer === this.#buffer.buffer && batch.byteOffset === this.#buffer.byteOffset + this.#at;
    if (this.#at + batch.length > this.#buffer.length)
      throw new RangeError("the batches do not fit into the buffer of the frame");
    if (!inPlace) batch.copy(this.#buffer, this.#at);
    this.#buffer.writeInt32BE(batch.length, lengthAt);
    this.#at += batch.length;
  }

  /** Writes the length and returns the bytes of the frame. */
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

/** The most bytes that a frame has in addition to its batches. Names and ids must be ASCII. */
export function frameOverhead(topics: readonly string[], partitions: number, transactionalId = ""): number {
  return (
    64 + transactionalId.length + topics.reduce((sum, name) => sum + 6 + name.length, 0) + partitions * 8
  );
}
