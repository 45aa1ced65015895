// Selects the partition of a record in the same way as Kafka's Java client (Utils.murmur2, BuiltInPartitioner).

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;
/** Records without a key stay on one partition for this many bytes: the default of `batch.size` in the Java client. */
const STICKY_BYTES = 16 * 1024;

/** The 32-bit murmur2 hash as Kafka computes it, signed. */
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

/** Returns the partition of a record with a key. @param partitions the number of partitions of the topic */
export function partitionForKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/**
 * Selects the partitions of a topic's records without a key: one partition for 16 KiB, then one at random.
 */
export class StickyPartitioner {
  #current = -1;
  #bytes = 0;

  /**
   * Returns the partition of the next record.
   *
   * @param partitions the number of partitions of the topic
   * @param healthy whether a partition has a leader and is not backing off; when none is healthy, any may be selected
   * @param bytes the size of the record
   */
  choose(partitions: number, healthy: (partition: number) => boolean, bytes: number): number {
    if (
      this.#current < 0 ||
      this.#current >= partitions ||
      this.#bytes >= STICKY_BYTES ||
      !healthy(this.#current)
    ) {
      this.#current = randomPartition(partitions, healthy);
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    return this.#current;
  }
}

function randomPartition(partitions: number, healthy: (partition: number) => boolean): number {
  const start = Math.floor(Math.random() * partitions);
  for (let n = 0; n < partitions; n++) {
    const candidate = (start + n) % partitions;
    if (healthy(candidate)) return candidate;
  }
  return start;
}

const byte = (data: Uint8Array, at: number): number => data[at] as number;
