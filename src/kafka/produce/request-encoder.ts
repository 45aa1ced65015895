// Encodes the batches of lanes into one Produce request, in buffers from a pool.

import { frameOverhead, ProduceFrame } from "../../wire/produce-frame.ts";
import { type BatchCompression, BatchEncoder } from "../../wire/record-batch.ts";
import { CLIENT_ID } from "../client/connection.ts";
import type { TopicMetadata } from "../client/metadata.ts";
import { FramePool } from "./frame-pool.ts";
import type { Lane } from "./lane.ts";

/** The limit of a batch with more than one record, besides the limit of the topic. */
export const MAX_BATCH_BYTES = 1_000_000;
/** No batch is added to a request that exceeds this size, which is far below `socket.request.max.bytes` (100 MB). */
export const MAX_REQUEST_BYTES = 8_000_000;

/** The bytes of a request, and the pooled buffer that contains them. */
export interface EncodedRequest {
  readonly buffer: Buffer;
  readonly frame: Buffer;
  /** The lanes whose batches are in the request. */
  readonly lanes: readonly Lane[];
}

export interface RequestEncoderOptions {
  readonly compression: BatchCompression | undefined;
  /** How long the broker may wait for replicas, in milliseconds. */
  readonly timeoutMs: number;
}

/** Encodes Produce requests. */
export class RequestEncoder {
  readonly #metadata: TopicMetadata;
  readonly #options: RequestEncoderOptions;
  readonly #encoder = new BatchEncoder();
  readonly #frames = new FramePool();

  constructor(metadata: TopicMetadata, options: RequestEncoderOptions) {
    this.#metadata = metadata;
    this.#options = options;
  }

  /**
   * Encodes the batches of as many lanes as fit into one request.
   *
   * @param version the version of Produce
   * @returns undefined when no lane has a batch
   */
  encode(version: number, correlationId: number, lanes: readonly Lane[]): EncodedRequest | undefined {
    const byTopic = new Map<string, Lane[]>();
    const now = Date.now();
    let size = 0;
    let count = 0;
    for (const lane of lanes) {
      if (size > MAX_REQUEST_BYTES) break;
      const limit = this.#metadata.get(lane.topic)?.limits.maxMessageBytes ?? MAX_BATCH_BYTES;
      const bound = lane.prepare(Math.min(MAX_BATCH_BYTES, limit), now);
      if (bound === 0) continue;
      size += bound;
      count++;
      const group = byTopic.get(lane.topic);
      if (group) group.push(lane);
      else byTopic.set(lane.topic, [lane]);
    }
    if (count === 0) return undefined;
    const { compression, timeoutMs } = this.#options;
    const buffer = this.#frames.take(size + frameOverhead([...byTopic.keys()], count));
    const frame = new ProduceFrame(buffer);
    frame.begin(version, correlationId, CLIENT_ID, timeoutMs, byTopic.size);
    for (const [topic, group] of byTopic) {
      frame.topic(topic, group.length);
      for (const lane of group)
        frame.records(lane.partition, (target, at) => lane.encode(this.#encoder, target, at, compression));
    }
    return { buffer, frame: frame.finish(), lanes: [...byTopic.values()].flat() };
  }

  /** Puts the buffer of a request back. Call it only when neither a socket nor a retry needs the bytes. */
  release({ buffer }: EncodedRequest): void {
    this.#frames.give(buffer);
  }
}
