// A lane without a sender: the test takes its batches and gives it answers.

import { Lane } from "../../src/kafka/produce/lane.ts";
import type { Loss } from "../../src/kafka/produce/lane-host.ts";
import type { PartitionAnswer } from "../../src/wire/messages/produce.ts";
import { BatchEncoder } from "../../src/wire/record-batch.ts";
import { readBatches, readRecords } from "../../src/wire/record-batch-reader.ts";
import { type Waiting, waiting } from "./segments.ts";

/** A batch that the lane encoded. */
export interface Sent {
  readonly bytes: Buffer;
  readonly values: readonly string[];
  readonly epoch: number;
  readonly sequence: number;
}

/** A time in milliseconds that is longer than any backoff of a lane. */
export const PAUSE = 1000;

/** A lane for partition 3 of `t`, with the producer id 7, and its calls to its host. */
export function startLane({ epoch = 0 } = {}) {
  const told: unknown[][] = [];
  const lane = new Lane("t", 3, {
    refresh: (...args) => void told.push(["refresh", ...args]),
    renewProducerId: (...args) => void told.push(["renewProducerId", ...args]),
    reportSuspectedLoss: (...args) => void told.push(["reportSuspectedLoss", ...args]),
  });
  lane.identity.adopt(7, epoch);
  return {
    lane,
    told,
    push(values: readonly string[], options?: Parameters<typeof waiting>[1]): Waiting {
      const request = waiting(values, options);
      lane.push(request.segment);
      return request;
    },
    /** The next batch; undefined when the queue is empty. */
    send(maxBytes = 1_000_000, now = 0): Sent | undefined {
      const bound = lane.prepare(maxBytes, now);
      if (bound === 0) return undefined;
      const bytes = lane.encode(new BatchEncoder(), Buffer.alloc(bound), 0);
      const [batch] = [...readBatches(bytes)];
      if (!batch) throw new Error("the lane wrote no batch");
      const { epoch, sequence } = batch;
      return { bytes, values: readRecords(batch).map(({ value }) => `${value}`), epoch, sequence };
    },
    /** The broker's answer to the batch in flight. */
    answer(errorCode: number, more: Partial<PartitionAnswer> = {}, { now = 0, slow = false } = {}): void {
      const base = { partition: 3, baseOffset: errorCode === 0 ? 50 : -1, logAppendTimeMs: -1 };
      const rest = { logStartOffset: 0, recordErrors: [], errorMessage: null };
      lane.onAnswer({ ...base, ...rest, errorCode, ...more }, now, slow);
    },
    /** Reports that the request got no answer. */
    lose(loss: Partial<Loss> = {}, now = 0): void {
      lane.onLost(now, { sent: true, timedOut: false, reason: "the broker is gone", ...loss });
    },
  };
}
