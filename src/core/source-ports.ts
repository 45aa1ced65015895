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
   * Fences every earlier owner of the source, and aborts its open transaction. Sends no new request after 5 seconds.
   *
   * @param confirm called before each request. It throws when another process might own the source, because the request would
   * then fence that process. It may wait until `signal` is aborted
   * @throws TransactionLost when it did not succeed in time; OnrampError 40301 when an ACL is missing, 50001 when Kafka refuses
   * the transactional id: both block the source; what `confirm` throws; the reason of `signal`
   */
  takeOver(confirm: () => Promise<void>, signal: AbortSignal): Promise<void>;
  /**
   * Aborts the open transaction, or waits until a commit in progress is complete, and makes all earlier requests of this process
   * invalid. Sends no new request after 5 seconds.
   *
   * @param confirm as for `takeOver`: Kafka aborts an open transaction of a later owner before it checks the epoch of the request
   * @throws as `takeOver`; OwnershipUnknown when another process might own the source
   */
  recover(confirm: () => Promise<void>, signal: AbortSignal): Promise<void>;
  /**
   * Writes all records in one transaction. Sends no new request after 20 seconds, when the brokers would soon abort it.
   *
   * @returns the offset of the last record
   * @throws RecordsRefused when records must be replaced; TransactionLost, OwnershipUnknown; OnrampError 40401, 40301 and
   * 50001 when the transaction would fail again; 50301 when Kafka cannot be reached
   */
  commit(records: readonly PreparedRecord[]): Promise<number>;
  /**
   * Asks whether this process still owns the source. Called between transactions.
   *
   * @throws TransactionLost when it does not, or when there is no answer; OwnershipUnknown when another process might own it
   */
  check(): Promise<void>;
  /** Closes the connections. */
  close(): void;
}

/**
 * Kafka refused records of a transaction; the transaction was aborted. The caller replaces them and commits again. If `faults` is
 * empty, Kafka did not name the records: the caller commits the same records again, and they are sent in smaller batches.
 */
export class RecordsRefused extends Error {
  override readonly name = "RecordsRefused";
  /** The errors, by the index of the record in the transaction. */
  readonly faults: ReadonlyMap<number, OnrampError>;

  constructor(faults: ReadonlyMap<number, OnrampError>) {
    super("Kafka refuses records of the transaction");
    this.faults = faults;
  }
}

/**
 * A transaction that was not committed, or whose outcome is unknown. The caller calls `SourceLog.recover`, then reads the cursor to
 * learn whether it was committed.
 */
export class TransactionLost extends Error {
  override readonly name = "TransactionLost";
}

/** Another process might own the source. The caller asks `SourceOwnership.isOwner`. */
export class OwnershipUnknown extends Error {
  override readonly name = "OwnershipUnknown";
}

/** Assigns the partitions of the state topic, and so the sources, to processes. Implemented by `kafka/consume/ownership.ts`. */
export interface SourceOwnership {
  /**
   * Keeps this process a member of the group until `stopping` is aborted. Called once. Retries after every error.
   *
   * @param onAssigned called per partition that is assigned to this process; `revoked` is aborted when it no longer is. It is not
   * called for a partition that stays assigned after a rebalance
   */
  run(onAssigned: (partition: number, revoked: AbortSignal) => void, stopping: AbortSignal): Promise<void>;
  /**
   * Asks the coordinator whether the partition is assigned to this process now; an earlier answer is not used. Waits until the
   * coordinator answers.
   *
   * @throws the reason of `signal`
   */
  isOwner(partition: number, signal: AbortSignal): Promise<boolean>;
  /** Why no partition can be assigned now, and the next step; undefined when partitions can be assigned. */
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
   * Reads one partition to the end that it has at the time of the call, and waits for transactions that are open there.
   *
   * @param from the first offset to read; all records are read if it is undefined, or after the end of the partition
   * @returns the last state per source
   * @throws OperatorError when the partition cannot be read: the message says why (OnrampError 40401: the topic does not exist);
   * the reason of `signal`
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
   * @throws OperatorError when topics are missing that may not be created, or that Kafka refuses to create: the message says
   * what to do; another error when Kafka cannot be reached
   */
  ensure(names: readonly string[]): Promise<void>;
}
