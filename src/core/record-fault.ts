// The error of a request when some of its records cannot be appended.

import { type ErrorCode, type ErrorDetail, OnrampError } from "./errors.ts";

/** A record that the topic would refuse. */
export interface RecordFault extends ErrorDetail {
  /** The index of the record in the request. */
  readonly index: number;
  readonly error_code: ErrorCode;
}

/**
 * Returns the error of a request that fails as a whole. It has the code of the first fault, and lists all `faults`.
 *
 * @param records the number of records in the request; the error of a single record names no index
 */
export function requestError(faults: readonly RecordFault[], records: number): OnrampError {
  const first = faults[0] as RecordFault;
  const message =
    records === 1
      ? first.message
      : `Some of the ${records} records cannot be appended; nothing was written. Record ${first.index}: ${first.message}`;
  return new OnrampError(first.error_code, message, records === 1 ? {} : { errors: faults });
}
