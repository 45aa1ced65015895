// The interfaces between the source runner and `kafka/`, which `app/` connects (see ports.ts).

import type { OnrampError } from "./errors.ts";
import type { BlockedReason } from "./ports.ts";
import type { PreparedRecord } from "./record.ts";

/**
 * Writes the records and the cursor of one source in transactions. Implemented by `kafka/produce/transaction.ts`, used by
 * one source runner, with one call at a time. After every error except `RecordsRefused`, nothing more may be written
 * before `recover` or `takeOver` has succeeded.
 */
export interface SourceLog {
  /**
   * Fences every earlier owner of the source, and ends its transaction. Tries for 5 seconds.
   *
   * @param confirm called before each request. It throws when this process may not own the source any more: the request would
   * fence the next owner
   * @throws TransactionLost when it did not succeed in time; OnrampError 40301 when an ACL is missing, 50001; what `confirm`
   * throws; the reason of `signal`
   */
  takeOver(confirm: () => Promise<void>, signal: AbortSignal): Promise<void>;
  /**
   * Ends the current transaction, if there is one, and makes all earlier requests of this process invalid. Tries for 5 seconds.
   *
   * @param confirm as for `takeOver`: the request aborts an open transaction of the next owner, even if its epoch is higher
   * @throws as `takeOver`; OwnerUnclear when another process may own the source
   */
  recover(confirm: () => Promise<void>, signal: AbortSignal): Promise<void>;
  /**
   * Writes all records in one transaction. Ends within 25 seconds.
   *
   * @returns the offset of the last record
   * @throws RecordsRefused when records must be replaced; TransactionLost, OwnerUnclear; OnrampError 40401, 40301 and
   * 50001 when the transaction would fail again; 50301 when Kafka cannot be reached
   */
  commit(records: readonly PreparedRecord[]): Promise<number>;
  /**
   * Asks whether this process still owns the source. Called between transactions.
   *
   * @throws TransactionLost, OwnerUnclear when it may not
   */
  check(): Promise<void>;
  /** Closes the connections. */
  close(): void;
}

/**
 * Kafka refuses records of a transaction, which was aborted. The caller replaces them and commits again. Without faults, it
 * commits the same records again, which are then sent in smaller batches.
 */
export class RecordsRefused extends Error {
  override readonly name = "RecordsRefused";
  /** By the index of the record in the transaction. */
  readonly faults: ReadonlyMap<number, OnrampError>;

  constructor(faults: ReadonlyMap<number, OnrampError>) {
    super("Kafka refuses records of the transaction");
    this.faults = faults;
  }
}

/** A transaction that was not committed, or whose outcome is unknown. `SourceLog.recover` settles it. */
export class TransactionLost extends Error {
  override readonly name = "TransactionLost";
}

/** Another process may own the source. `SourceOwnership.isOwner` decides. */
export class OwnerUnclear extends Error {
  override readonly name = "OwnerUnclear";
}

/** Assigns the partitions of the state topic, and so the sources, to processes. Implemented by `kafka/consume/ownership.ts`. */
export interface SourceOwnership {
  /**
   * Keeps this process a member of the group until `stopping` is aborted. Called once. Retries after every error.
   *
   * @param onAssigned called per partition that is assigned to this process; `revoked` is aborted when it no longer is. A
   * rebalance that leaves a partition where it is does not call it
   */
  run(onAssigned: (partition: number, revoked: AbortSignal) => void, stopping: AbortSignal): Promise<void>;
  /**
   * Asks the coordinator, after the call, whether the partition is assigned to this process.
   *
   * @throws the reason of `signal`
   */
  isOwner(partition: number, signal: AbortSignal): Promise<boolean>;
  /** Why no partition can be assigned now, and the next step; undefined when there is no reason. */
  readonly fault: BlockedReason | undefined;
}

/** The state of a source in the state topic. */
export interface StateRecord {
  readonly offset: number;
  /** Null when it was deleted. */
  readonly value: Buffer | null;
}

/** Reads the state topic. Implemented by `kafka/consume/state-reader.ts`. */
export interface StateReader {
  /**
   * Reads one partition to the end that it has after the call, and waits for transactions that are open there.
   *
   * @param from the first offset to read; undefined for all
   * @returns the last state per source
   * @throws OperatorError when the partition cannot be read: the message says why; the reason of `signal`
   */
  read(
    partition: number,
    from: number | undefined,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, StateRecord>>;
}

/** Creates topics that are needed while the process runs. Implemented by `app/topic-keeper.ts`. */
export interface TopicEnsurer {
  /**
   * Creates the missing topics among `names`, if `kafka.createTopics` allows it.
   *
   * @throws OperatorError when topics are missing that may not be created: the message says how to create them
   */
  ensure(names: readonly string[]): Promise<void>;
}
