// Faults on purpose, for tests: what a real broker does on a bad day.

/** What happens to a response: sent, never sent, sent late, or cut off after some bytes and the connection closed. */
export type ResponseFault =
  | { readonly kind: "stall" }
  | { readonly kind: "delay"; readonly ms: number }
  | { readonly kind: "cut"; readonly afterBytes: number };

/** What happens to one partition's batch in a Produce request. */
export interface ProduceFault {
  /** Whether it is appended all the same. */
  readonly append: boolean;
  /** The error code answered. */
  readonly errorCode: number;
  /** The base offset answered. Default: the true one when appended, else -1. */
  readonly baseOffset?: number;
  readonly recordErrors?: readonly number[];
  readonly errorMessage?: string;
}

export interface ProducedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly bytes: Buffer;
}

/** Hooks that a test sets; each is asked every time and may answer undefined for no fault. */
export class Faults {
  produce: ((batch: ProducedBatch) => ProduceFault | undefined) | undefined;
  /** `frame` is the whole response with its length. */
  response: ((apiKey: number, frame: Buffer) => ResponseFault | undefined) | undefined;
  /** Partitions that have no leader. */
  leaderless: ((topic: string, partition: number) => boolean) | undefined;
  /** The error code that commits of offsets are answered, without being kept. */
  commit: ((groupId: string) => number | undefined) | undefined;
  /** Milliseconds for which Produce answers ask the client to hold back. */
  throttleMs = 0;

  clear(): void {
    this.produce = undefined;
    this.response = undefined;
    this.leaderless = undefined;
    this.commit = undefined;
    this.throttleMs = 0;
  }
}
