// Thousands of clients of streams of events, in another process.

import { AskedProcess } from "./asked-process.ts";

/** Streams to open. */
export interface OpenClients {
  readonly url: string;
  /** The clients use these paths in turn. */
  readonly paths: readonly string[];
  readonly count: number;
  /** Whether the clients read what arrives. Default: true. */
  readonly reads?: boolean;
}

/** What the clients of one process have received since the last reset. */
export interface ClientCounts {
  /** The connections that were opened, and those that have not ended. */
  readonly opened: number;
  readonly open: number;
  /** All events, also named ones. */
  readonly events: number;
  readonly bytes: number;
  /** The longest time in which a client that reads received nothing, in milliseconds. */
  readonly longestGapMs: number;
  /** The age of the records whose values have a member `at` (milliseconds, `hrMs`) when they arrived. */
  readonly p50: number;
  readonly p99: number;
}

/** A question to the process of the clients. */
export interface ClientsQuestion {
  readonly open?: OpenClients;
  readonly reset?: true;
}

/** The clients of one process. */
export class ManyClients {
  readonly #process = new AskedProcess<ClientsQuestion, ClientCounts>("many-clients-process.ts");

  /** Opens streams. Resolves when each has received its first bytes; or is connected, if it does not read. */
  open(open: OpenClients): Promise<ClientCounts> {
    return this.#process.ask({ open });
  }

  counts(): Promise<ClientCounts> {
    return this.#process.ask({});
  }

  /** Begins to count from 0. */
  reset(): Promise<ClientCounts> {
    return this.#process.ask({ reset: true });
  }

  /** Ends all connections. */
  stop(): Promise<void> {
    return this.#process.stop();
  }
}

/** The time for the member `at` of a value: all processes have the same clock. */
export const hrMs = (): number => Number(process.hrtime.bigint()) / 1e6;
