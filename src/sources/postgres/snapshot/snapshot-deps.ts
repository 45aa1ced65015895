// What a snapshot needs of a run, and what it gives to it.

import type { Table } from "../records/table.ts";
import type { Session } from "../server/connect.ts";
import type { Tuple } from "../stream/pgoutput.ts";
import type { Progress } from "./snapshot-progress.ts";
import type { SnapshotTargets } from "./targets.ts";

/** Rows of a snapshot, to be written at the current place of the stream. */
export interface SnapshotRows {
  readonly table: Table;
  readonly rows: readonly Tuple[];
  /** Whether they are the first rows of their table. */
  readonly isFirst: boolean;
  /** Whether it is the first table that is read. */
  readonly isFirstTable: boolean;
  /** Whether they are the last rows of their table. */
  readonly isLast: boolean;
  readonly isRequested: boolean;
}

export interface SnapshotDeps {
  readonly session: Session;
  readonly progress: Progress;
  readonly targets: SnapshotTargets;
  sleep(ms: number): Promise<void>;
  /** Called when a chunk was read, or a read failed. */
  onEvent(): void;
  /** Called with what the snapshot waits for, or undefined. */
  onWait(reason: string | undefined): void;
}
