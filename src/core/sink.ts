// What a kind of sink is: one function that hands a record to somebody outside. The sink runner does the rest.

import type { Bindings, Expression } from "./expressions.ts";
import type { ConsumedRecord } from "./ports.ts";

/**
 * Why a delivery failed, as far as trying again is concerned:
 * - `permanent`: the same record will fail again; it becomes a dead letter
 * - `answered`: the receiver is there and failed; tried again, and the record's time budget runs
 * - `away`: the receiver can't be reached or asks us to wait; tried again, and the budget stands still
 */
export type FailureKind = "permanent" | "answered" | "away";

/** A delivery that failed. The message is for operators and carries no secret. */
export class DeliveryError extends Error {
  override readonly name = "DeliveryError";
  readonly kind: FailureKind;
  /** Milliseconds that the receiver asked us to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** A record on its way out, with its value as far as it is JSON. */
export interface OutgoingRecord extends ConsumedRecord {
  /** The parsed value; the text where it is no JSON; undefined for a tombstone. */
  readonly parsed: unknown;
}

/** One try to deliver. */
export interface Attempt {
  /** Aborted some seconds after the partition went elsewhere, or the process was told to stop. */
  readonly signal: AbortSignal;
  /**
   * Waits until it may be sent. To be called once, before sending: the time of the attempt counts from here.
   *
   * @param channel all that goes there waits in one line, and for the `Retry-After` of whoever got one
   * @param perSecond messages that may go there from this process; none stated: as many as there are
   */
  turn(channel: string, perSecond?: number): Promise<void>;
}

/** One configured way out. */
export interface Sink {
  /**
   * Delivers the first of `records`, and as many behind it as it makes one delivery of. Bounds its own time.
   *
   * @param records of one partition, in order; those behind the first wait for their turn
   * @returns how many were delivered, one at least
   * @throws DeliveryError; the signal's reason; anything else counts as `permanent`
   */
  deliver(records: readonly OutgoingRecord[], attempt: Attempt): Promise<number>;
  /** True when `deliver` may take more than one: then those that wait are filtered and parsed for it. */
  readonly folds: boolean;
}

/** What a sink is made with. */
export interface SinkSurroundings {
  /** Compiles the expression of an option. @throws ExpressionError that names the option and the position */
  compile(option: string, source: string): Expression;
  /** Milliseconds since 1970. */
  now(): number;
  /** Paths in the configuration are relative to this folder. */
  readonly folder: string;
}

/** A kind of sink: its name in the configuration, its options, how one is made. */
export interface SinkKind {
  readonly type: string;
  /** JSON Schema of its own options, `type` included; those that all sinks have are added to them. */
  readonly options: Readonly<Record<string, unknown>>;
  /**
   * @param options valid by the schema, defaults in place
   * @throws Error, as ExpressionError, for what the schema can't see; the message tells the fix
   */
  create(options: Readonly<Record<string, unknown>>, surroundings: SinkSurroundings): Sink;
}

/** What expressions may use beside the value. */
export function bindingsOf({ topic, partition, offset, timestamp, key, headers }: ConsumedRecord): Bindings {
  return {
    topic,
    partition,
    offset,
    timestamp,
    key: key === null ? null : key.toString("utf8"),
    headers: Object.fromEntries(headers.map((header) => [header.key, header.value?.toString("utf8") ?? ""])),
  };
}
