// Injects faults into the development broker, for tests: error codes, lost responses, missing leaders.

/** A fault of a response: it is never sent, it is sent late, or the connection is closed after some of its bytes. */
export type ResponseFault =
  | { readonly kind: "stall" }
  | { readonly kind: "delay"; readonly ms: number }
  | { readonly kind: "cut"; readonly afterBytes: number };

/** A fault of one partition in a Produce request. */
export interface ProduceFault {
  /** Whether the batch is appended nevertheless. */
  readonly append: boolean;
  /** The error code of the response. */
  readonly errorCode: number;
  /** The base offset of the response. Default: the real one when the batch is appended, otherwise -1. */
  readonly baseOffset?: number;
  /** The indexes of the records that the response rejects. */
  readonly recordErrors?: readonly number[];
  readonly errorMessage?: string;
}

/** The batch of one partition in a Produce request. */
export interface ProducedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly bytes: Buffer;
}

/** A fault of one partition in a Fetch request. */
export type FetchFault = { readonly errorCode: number } | { readonly records: Buffer };

/** Hooks that a test sets. A hook that returns undefined injects no fault. */
export class Faults {
  /** Called per partition of a Produce request. */
  produce: ((batch: ProducedBatch) => ProduceFault | undefined) | undefined;
  /** Called per response. `frame` is the complete response, with its length. */
  response: ((apiKey: number, frame: Buffer) => ResponseFault | undefined) | undefined;
  /** Returns true for a partition that has no leader. */
  leaderless: ((topic: string, partition: number) => boolean) | undefined;
  /** Returns the error code for an OffsetCommit request, whose offsets are then not stored. */
  commit: ((groupId: string) => number | undefined) | undefined;
  /** Called per partition of a Fetch request. Returns its error code, or the bytes that are returned as its records. */
  fetch: ((topic: string, partition: number, offset: number) => FetchFault | undefined) | undefined;
  /** Returns the error code of a topic in Metadata, Fetch, ListOffsets and OffsetCommit, such as 29 (an ACL is missing). */
  topic: ((topic: string) => number | undefined) | undefined;
  /** Returns the error code for FindCoordinator. */
  coordinator: ((key: string) => number | undefined) | undefined;
  /** Returns the error code for InitProducerId, such as 31 (the ACL IdempotentWrite is missing). */
  producerId: (() => number | undefined) | undefined;
  /**
   * Called when the transaction of a producer id ends. Its markers are not written before the promise is resolved.
   */
  markers: ((producerId: number) => Promise<void> | undefined) | undefined;
  /** The throttle time in Produce responses, in milliseconds. */
  throttleMs = 0;

  clear(): void {
    this.produce = undefined;
    this.response = undefined;
    this.leaderless = undefined;
    this.commit = undefined;
    this.fetch = undefined;
    this.topic = undefined;
    this.coordinator = undefined;
    this.producerId = undefined;
    this.markers = undefined;
    this.throttleMs = 0;
  }
}
