// Clients of streams with a key that come and go, in another process. They check what they receive.

import { AskedProcess } from "./asked-process.ts";

/** The clients to keep open. */
export interface Churn {
  /** The URL of the stream, to which `?key=` is added. */
  readonly url: string;
  readonly clients: number;
  /** The keys are `k0` to `k<keys - 1>`. */
  readonly keys: number;
  /** The first keys of them have a record per second; record `n` of a `RecordRate` has the key `k<n % activeKeys>`. */
  readonly activeKeys: number;
  readonly heartbeatMs: number;
  /** How long a client stays, in seconds. */
  readonly stays: readonly [number, number];
}

/** What happened since the start. */
export interface ChurnCounts {
  readonly open: number;
  readonly opened: number;
  readonly resumed: number;
  readonly records: number;
  readonly heartbeats: number;
  /** What went wrong: lost or repeated records, streams without a sign of life, answers other than 200; at most 20. */
  readonly faults: readonly string[];
}

/** Clients that come and go. */
export class ChurningClients {
  readonly #process = new AskedProcess<{ readonly start?: Churn }, ChurnCounts>(
    "churning-clients-process.ts",
  );

  start(start: Churn): Promise<ChurnCounts> {
    return this.#process.ask({ start });
  }

  counts(): Promise<ChurnCounts> {
    return this.#process.ask({});
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
