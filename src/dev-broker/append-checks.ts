// Validates a batch before a partition appends it. The rules are those of Apache Kafka.

import { gunzipSync } from "node:zlib";
import { KafkaCode } from "../wire/error-codes.ts";
import { type Batch, type PlacedRecord, readBatches, readRecords } from "../wire/record-batch-reader.ts";

/** A batch in the log of a partition. */
export interface StoredBatch {
  readonly bytes: Buffer;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
}

/** The result of an append, with the fields of a Produce response. */
export interface AppendResult {
  readonly errorCode: number;
  readonly baseOffset: number;
  readonly logAppendTimeMs: number;
  readonly recordErrors: { batchIndex: number; message: string | null }[];
  readonly errorMessage: string | null;
  /** The batch as it was stored. Undefined for a duplicate and for a rejected batch. */
  readonly stored?: StoredBatch;
}

/** Returns the value of a topic configuration. */
export type ConfigReader = (name: string) => string;

/** A batch that passed the checks. */
export interface CheckedBatch {
  readonly batch: Batch;
  /** Undefined when the batch is compressed with a codec other than gzip. */
  readonly records: readonly PlacedRecord[] | undefined;
}

/**
 * Checks the bytes that a Produce request contains for one partition: they must be one batch of magic 2.
 *
 * @returns the batch, or the result that rejects it
 */
export function checkAppend(bytes: Buffer, config: ConfigReader, now: number): AppendResult | CheckedBatch {
  const [batch, ...more] = readBatches(bytes);
  if (!batch || more.length > 0 || batch.bytes.length !== bytes.length)
    return rejected(
      KafkaCode.INVALID_RECORD,
      "The request must contain exactly one record batch per partition",
    );
  if (batch.magic !== 2)
    return rejected(KafkaCode.UNSUPPORTED_FOR_MESSAGE_FORMAT, "Only record batches of magic 2 are supported");
  if (!batch.crcValid) return rejected(KafkaCode.CORRUPT_MESSAGE, null);
  if (batch.control) return rejected(KafkaCode.INVALID_RECORD, "Clients must not write control batches");
  if (bytes.length > Number(config("max.message.bytes")))
    return rejected(
      KafkaCode.MESSAGE_TOO_LARGE,
      `The record batch size ${bytes.length} exceeds max.message.bytes`,
    );
  const records = decodeRecords(batch);
  if (records === "invalid")
    return rejected(KafkaCode.INVALID_RECORD, "The records do not match the header of the batch");
  return (records && checkConfig(records, config, now)) ?? { batch, records };
}

/** Checks records against the configuration. @returns the result that rejects them; undefined when all are valid */
function checkConfig(
  records: readonly PlacedRecord[],
  config: ConfigReader,
  now: number,
): AppendResult | undefined {
  if (config("cleanup.policy").includes("compact")) {
    const keyless = records.flatMap((record, batchIndex) =>
      record.key === null
        ? [{ batchIndex, message: "Compacted topic cannot accept message without key" }]
        : [],
    );
    if (keyless.length > 0)
      return {
        ...rejected(KafkaCode.INVALID_RECORD, "One or more records have been rejected"),
        recordErrors: keyless,
      };
  }
  if (config("message.timestamp.type") === "LogAppendTime") return undefined;
  const latest = now + Number(config("message.timestamp.after.max.ms"));
  const earliest = now - Number(config("message.timestamp.before.max.ms"));
  const outOfRange = records.flatMap(({ timestamp }, batchIndex) =>
    timestamp > latest || timestamp < earliest
      ? [{ batchIndex, message: `Timestamp ${timestamp} is out of range` }]
      : [],
  );
  return outOfRange.length > 0
    ? {
        ...rejected(KafkaCode.INVALID_TIMESTAMP, "One or more records have been rejected"),
        recordErrors: outOfRange,
      }
    : undefined;
}

/**
 * Decodes the records of a batch.
 *
 * @returns undefined for a codec other than gzip; "invalid" when the records do not match the header of the
 * batch
 */
export function decodeRecords(batch: Batch): PlacedRecord[] | undefined | "invalid" {
  if (batch.compression > 1) return undefined;
  try {
    const records = readRecords(batch, (_, compressed) => gunzipSync(compressed));
    const ordered = records.every((record, n) => record.offset === batch.baseOffset + n);
    return ordered && records.length > 0 && batch.lastOffsetDelta === records.length - 1
      ? records
      : "invalid";
  } catch {
    return "invalid";
  }
}

/** Returns the result of a rejected append. */
export function rejected(errorCode: number, errorMessage: string | null): AppendResult {
  return { errorCode, baseOffset: -1, logAppendTimeMs: -1, recordErrors: [], errorMessage };
}
