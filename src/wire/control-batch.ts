// Encodes and decodes transaction markers: control batches with one record, which a broker appends to every partition of
// a transaction when it ends (Kafka's documentation, "Message Format", "Control Batches").

import { Reader } from "./reader.ts";
import { encodeBatch } from "./record-batch.ts";
import { type Batch, readRecords } from "./record-batch-reader.ts";

const ABORT = 0;
const COMMIT = 1;

/** The end of a producer's transaction. */
export interface Marker {
  readonly producerId: number;
  readonly epoch: number;
  readonly committed: boolean;
}

/** Encodes a marker as a control batch. @param now milliseconds since 1970-01-01 UTC */
export function encodeMarker({ producerId, epoch, committed }: Marker, now: number): Buffer {
  // The key is a version and the type. The value is a version and the epoch of the coordinator. Both versions are 0.
  const key = Buffer.alloc(4);
  key.writeInt16BE(committed ? COMMIT : ABORT, 2);
  const marker = { key, value: Buffer.alloc(6), headers: [], timestamp: now };
  return encodeBatch([marker], { producerId, epoch, sequence: -1, transactional: true, control: true });
}

/** Whether a control batch aborts a transaction. @throws TruncatedError */
export function isAbort(batch: Batch): boolean {
  const [marker] = readRecords(batch);
  if (!marker?.key) return false;
  const key = new Reader(marker.key);
  key.int16();
  return key.int16() === ABORT;
}
