// Reads the records of a topic from a time on, without a consumer group.

import { OnrampError } from "../../core/errors.ts";
import type { ConsumedRecord } from "../../core/ports.ts";
import type { TopicRecords } from "../../core/source.ts";
import { LATEST, listOffsetsOrThrow, READ_UNCOMMITTED } from "../client/list-offsets.ts";
import type { FetcherDeps } from "./fetcher.ts";
import { readRange } from "./read-range.ts";

/** How long the metadata of a topic may take, in milliseconds. */
const RESOLVE_MS = 5000;

/** The `TopicRecords` that reads from Kafka. */
export class KafkaTopicRecords implements TopicRecords {
  readonly #deps: Omit<FetcherDeps, "channel">;

  constructor(deps: Omit<FetcherDeps, "channel">) {
    this.#deps = deps;
  }

  async since(
    topic: string,
    time: number,
    onRecord: (record: ConsumedRecord) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const state = await this.#deps.metadata
      .resolve(topic, Date.now() + RESOLVE_MS)
      .catch((error: unknown) => {
        if (error instanceof OnrampError && error.code === 40401) return undefined;
        throw error;
      });
    if (state === undefined) return;
    const places = state.partitions.map((_, partition) => ({ topic, partition }));
    // The high watermark, not the last stable offset: `readRange` waits for open transactions before it.
    const ends = await listOffsetsOrThrow(this.#deps, places, () => LATEST, READ_UNCOMMITTED);
    const starts = await listOffsetsOrThrow(
      this.#deps,
      places,
      () => Math.max(0, Math.floor(time)),
      READ_UNCOMMITTED,
    );
    const ranges = places.flatMap((place) => {
      const [from = -1, to = 0] = [starts.get(place)?.offset, ends.get(place)?.offset];
      // Without a record from this time on, Kafka returns -1.
      return from < 0 || from >= to ? [] : [{ ...place, from, to }];
    });
    await readRange(
      this.#deps,
      ranges,
      async (records) => {
        for (const record of records) onRecord(record);
        return records.length;
      },
      signal,
    );
  }
}
