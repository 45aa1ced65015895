// The checks that a partition makes before it appends a batch, as Apache Kafka makes them.

import { gunzipSync } from "node:zlib";
import { KafkaCode } from "../wire/error-codes.ts";
import { type Batch, type PlacedRecord, readBatches, readRecords } from "../wire/record-batch-reader.ts";

/** A batch in the log. */
export interface StoredBatch {
  readonly bytes: Buffer;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
}

/** What an append came to, in the words of a Produce answer. */
export interface Appended {
  readonly errorCode: number;
  readonly baseOffset: number;
  readonly logAppendTimeMs: number;
  readonly recordErrors: { batchIndex: number; message: string | null }[];
  readonly errorMessage: string | null;
  /** What was stored; undefined for duplicates and refusals. */
  readonly stored?: StoredBatch;
}

/** Reads a topic's setting. */
export type Setting = (name: string) => string;

/** A batch that may be appended. */
export interface CheckedBatch {
  readonly batch: Batch;
  /** Undefined where the batch is compressed with a codec that this broker does not have. */
  readonly records: readonly PlacedRecord[] | undefined;
}

/** Checks the bytes that a Produce request holds for one partition: one batch of magic 2. @returns the refusal, or the batch */
export function checkAppend(bytes: Buffer, setting: Setting, now: number): Appended | CheckedBatch {
  const [batch, ...more] = readBatches(bytes);
  if (!batch || more.length > 0 || batch.bytes.length !== bytes.length)
    return refusal(KafkaCode.INVALID_RECORD, "one record batch is expected");
  if (batch.magic !== 2)
    return refusal(KafkaCode.UNSUPPORTED_FOR_MESSAGE_FORMAT, "only magic 2 is supported");
  if (!batch.crcValid) return refusal(KafkaCode.CORRUPT_MESSAGE, null);
  if (bytes.length > Number(setting("max.message.bytes")))
    return refusal(
      KafkaCode.MESSAGE_TOO_LARGE,
      `The record batch size ${bytes.length} exceeds max.message.bytes`,
    );
  const records = recordsOf(batch);
  if (records === "broken")
    return refusal(KafkaCode.INVALID_RECORD, "the records do not match the batch's header");
  return (records && settingFault(records, setting, now)) ?? { batch, records };
}

/** A refusal for records that the topic's settings do not allow; undefined when they are all allowed. */
function settingFault(records: readonly PlacedRecord[], setting: Setting, now: number): Appended | undefined {
  if (setting("cleanup.policy").includes("compact")) {
    const keyless = records.flatMap((record, batchIndex) =>
      record.key === null
        ? [{ batchIndex, message: "Compacted topic cannot accept message without key" }]
        : [],
    );
    if (keyless.length > 0)
      return {
        ...refusal(KafkaCode.INVALID_RECORD, "One or more records have been rejected"),
        recordErrors: keyless,
      };
  }
  if (setting("message.timestamp.type") === "LogAppendTime") return undefined;
  const latest = now + Number(setting("message.timestamp.after.max.ms"));
  const earliest = now - Number(setting("message.timestamp.before.max.ms"));
  const odd = records.flatMap(({ timestamp }, batchIndex) =>
    timestamp > latest || timestamp < earliest
      ? [{ batchIndex, message: `Timestamp ${timestamp} is out of range` }]
      : [],
  );
  return odd.length > 0
    ? {
        ...refusal(KafkaCode.INVALID_TIMESTAMP, "One or more records have been rejected"),
        recordErrors: odd,
      }
    : undefined;
}

/** The records; undefined where they are packed with a codec that Node lacks; "broken" where they do not add up. */
export function recordsOf(batch: Batch): PlacedRecord[] | undefined | "broken" {
  if (batch.compression > 1) return undefined;
  try {
    const records = readRecords(batch, (_, packed) => gunzipSync(packed));
    const ordered = records.every((record, n) => record.offset === batch.baseOffset + n);
    return ordered && records.length > 0 && batch.lastOffsetDelta === records.length - 1 ? records : "broken";
  } catch {
    return "broken";
  }
}

/** A refused append. */
export function refusal(errorCode: number, errorMessage: string | null): Appended {
  return { errorCode, baseOffset: -1, logAppendTimeMs: -1, recordErrors: [], errorMessage };
}
