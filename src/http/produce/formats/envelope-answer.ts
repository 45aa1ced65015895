// Writes the answer of an envelope whose records were all written, without a string per record.

import type { Receipts } from "../../../core/record.ts";

const BEGIN = Buffer.from('{"offsets":[');
const PARTITION = Buffer.from('{"partition":');
const OFFSET = Buffer.from(',"offset":');
const NO_ERROR = Buffer.from(',"error_code":null,"error":null}');
const END = Buffer.from('],"key_schema_id":null,"value_schema_id":null}');
const COMMA = 0x2c;
const ZERO = 0x30;
/** The digits of the largest integer that a number represents exactly. */
const MOST_DIGITS = 16;
/** The most bytes of one record. */
const PER_RECORD = PARTITION.length + OFFSET.length + NO_ERROR.length + 2 * MOST_DIGITS + 1;
/** Integers below it are divided as 32-bit integers, which is several times as fast. */
const BILLION = 1e9;

/** @param receipts has no errors */
export function writtenBody({ count, partitions, offsets }: Receipts): Buffer {
  const body = Buffer.allocUnsafe(BEGIN.length + count * PER_RECORD + END.length);
  let at = copy(body, 0, BEGIN);
  for (let n = 0; n < count; n++) {
    if (n > 0) body[at++] = COMMA;
    at = copy(body, at, PARTITION);
    at = writeInteger(body, at, partitions[n] as number);
    at = copy(body, at, OFFSET);
    at = writeInteger(body, at, offsets[n] as number);
    at = copy(body, at, NO_ERROR);
  }
  return body.subarray(0, copy(body, at, END));
}

function copy(target: Buffer, at: number, bytes: Buffer): number {
  target.set(bytes, at);
  return at + bytes.length;
}

/** Writes an integer from 0 to 2^53 - 1. @returns the position after it */
function writeInteger(target: Buffer, at: number, integer: number): number {
  if (integer >= BILLION) {
    const from = writeInteger(target, at, Math.floor(integer / BILLION));
    return writeDigits(target, from, integer % BILLION, 9);
  }
  let digits = 1;
  for (let power = 10; power <= integer; power *= 10) digits++;
  return writeDigits(target, at, integer, digits);
}

/** Writes the last digits of an integer below a billion. @returns the position after them */
function writeDigits(target: Buffer, at: number, integer: number, digits: number): number {
  let rest = integer | 0;
  for (let place = at + digits - 1; place >= at; place--) {
    const tenth = (rest / 10) | 0;
    target[place] = ZERO + rest - 10 * tenth;
    rest = tenth;
  }
  return at + digits;
}
