// Which partition a record goes to: as Kafka's Java client chooses (Utils.murmur2, BuiltInPartitioner).

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;
/** As Java's `batch.size`: a keyless stream stays on a partition for this many bytes. */
const STICKY_BYTES = 16 * 1024;

/** The 32-bit murmur2 of Kafka, signed. */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  let h = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k =
      byte(data, at) | (byte(data, at + 1) << 8) | (byte(data, at + 2) << 16) | (byte(data, at + 3) << 24);
    k = Math.imul(k, M);
    k ^= k >>> R;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = length - at;
  if (rest >= 3) h ^= byte(data, at + 2) << 16;
  if (rest >= 2) h ^= byte(data, at + 1) << 8;
  if (rest >= 1) h = Math.imul(h ^ byte(data, at), M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}

/** The partition of a keyed record. */
export function partitionForKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** Chooses partitions for keyless records of one topic: sticks to one for a while, then takes another at random. */
export class StickyPartitioner {
  #current = -1;
  #bytes = 0;

  /**
   * @param healthy whether a partition has a leader and is not backing off; when none is, all count
   * @param bytes what this record adds
   */
  choose(partitions: number, healthy: (partition: number) => boolean, bytes: number): number {
    if (
      this.#current < 0 ||
      this.#current >= partitions ||
      this.#bytes >= STICKY_BYTES ||
      !healthy(this.#current)
    ) {
      this.#current = pick(partitions, healthy);
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    return this.#current;
  }
}

function pick(partitions: number, healthy: (partition: number) => boolean): number {
  const start = Math.floor(Math.random() * partitions);
  for (let n = 0; n < partitions; n++) {
    const candidate = (start + n) % partitions;
    if (healthy(candidate)) return candidate;
  }
  return start;
}

const byte = (data: Uint8Array, at: number): number => data[at] as number;
