// What a running sink reports: `GET /sinks` and the metrics show it.

import type { FeedPosition } from "./ports.ts";

/** What became of records, counted. */
export interface SinkCounts {
  delivered: number;
  /** Attempts that failed. */
  failed: number;
  deadLettered: number;
  /** Passed over by the filter. */
  skipped: number;
}

/** What `GET /sinks` shows of a sink. */
export interface SinkState extends Readonly<SinkCounts> {
  readonly name: string;
  readonly type: string;
  /** `starting` until partitions were assigned, `retrying` while a record waits to be tried again. */
  readonly state: "starting" | "running" | "retrying" | "stopped";
  readonly lag: number;
  readonly partitions: readonly FeedPosition[];
  readonly lastError: { readonly at: string; readonly message: string } | null;
}
