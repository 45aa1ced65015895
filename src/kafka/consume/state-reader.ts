// Reads the states of sources from the state topic, without a consumer group.

import { messageOf, OperatorError } from "../../core/errors.ts";
import type { StateReader, StateRecord } from "../../core/source-ports.ts";
import { EARLIEST, LATEST, listOffsetsOrThrow, READ_UNCOMMITTED } from "../client/list-offsets.ts";
import { denied } from "../client/problems.ts";
import type { FetcherDeps } from "./fetcher.ts";
import { RangeUnreadable, readRange } from "./read-range.ts";

/** How long the metadata of the topic may take after a failure, in milliseconds. */
const RESOLVE_MS = 3000;

/** The `StateReader` that reads from Kafka. */
export class KafkaStateReader implements StateReader {
  readonly #deps: Omit<FetcherDeps, "channel">;
  readonly #topic: string;

  constructor(deps: Omit<FetcherDeps, "channel">, topic: string) {
    this.#deps = deps;
    this.#topic = topic;
  }

  async read(
    partition: number,
    from: number | undefined,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, StateRecord>> {
    try {
      return await this.#read(partition, from, signal);
    } catch (error) {
      signal.throwIfAborted();
      // Throws 40401 if the topic does not exist any more.
      await this.#deps.metadata.resolve(this.#topic, Date.now() + RESOLVE_MS);
      throw error;
    }
  }

  async #read(
    partition: number,
    from: number | undefined,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, StateRecord>> {
    const place = { topic: this.#topic, partition };
    const states = new Map<string, StateRecord>();
    // Uses the high watermark instead of the last stable offset, because an open transaction of another source may hide a cursor.
    const end = await this.#offset(place, LATEST);
    // An offset after the end means that the topic was recreated, or has lost records.
    const isInRange = from !== undefined && from <= end;
    const start = isInRange ? from : await this.#offset(place, EARLIEST);
    await readRange(
      this.#deps,
      [{ ...place, from: start, to: Math.max(start, end), alwaysFetch: true }],
      async (records) => {
        for (const { key, value, offset } of records)
          if (key !== null) states.set(key.toString("utf8"), { offset, value });
        return records.length;
      },
      signal,
    ).catch((error: unknown) => {
      const isDenied = error instanceof RangeUnreadable && error.reason === "unauthorized";
      throw isDenied ? denied(this.#topic, "Read") : error;
    });
    return states;
  }

  async #offset(place: { topic: string; partition: number }, at: number): Promise<number> {
    try {
      const listed = await listOffsetsOrThrow(this.#deps, [place], () => at, READ_UNCOMMITTED);
      return listed.get(place)?.offset ?? 0;
    } catch (error) {
      throw new OperatorError(`${place.topic}/${place.partition} cannot be read: ${messageOf(error)}.`, {
        cause: error,
      });
    }
  }
}
