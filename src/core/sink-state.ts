// The state of a running sink, as `GET /sinks` and the metrics show it.

import type { FeedPosition } from "./ports.ts";

/** The number of records, or attempts, per outcome. */
export interface SinkCounts {
  delivered: number;
  /** Attempts that failed. */
  failed: number;
  deadLettered: number;
  /** Records that the filter excluded. */
  skipped: number;
}

/** The state of one sink in the response of `GET /sinks`. */
export interface SinkState extends Readonly<SinkCounts> {
  readonly name: string;
  readonly type: string;
  /**
   * `starting` until an assigned partition is read, `running` while partitions are read, `retrying` while a delivery is
   * retried, `blocked` while the sink or one of its partitions cannot be read or committed (see `lastError`), `stopped`
   * from the stop of the process on.
   */
  readonly state: "starting" | "running" | "retrying" | "blocked" | "stopped";
  /** The sum over the partitions; null while the lag of one of them is not known. */
  readonly lag: number | null;
  /** The number of partitions that make no progress. */
  readonly blocked: number;
  readonly partitions: readonly FeedPosition[];
  readonly lastError: { readonly at: string; readonly message: string } | null;
}
