// Reads an envelope in one walk over its bytes: checks that it is JSON, and finds the members of each record. No value is parsed
// as a whole: keys and values are slices of the body.

import { isUtf8 } from "node:buffer";
import { type ErrorDetail, MOST_DETAILS, OnrampError } from "../../../core/errors.ts";
import { checkJson, MAX_DEPTH, MAX_VALUES } from "../../../core/json.ts";
import { JsonCheck, skipSpace } from "../../../core/json-check.ts";
import type { Draft } from "../../../core/record.ts";
import { knownNames, MemberNames } from "./member-names.ts";
import { type Decode, draftOf, HEADERS, RECORD_MEMBERS, RecordMembers } from "./record-members.ts";

/** Members that Confluent's clients send in the envelope for a schema registry; only null is accepted. */
const SCHEMA_MEMBERS = ["key_schema", "key_schema_id", "value_schema", "value_schema_id"];
const ENVELOPE_NAMES = knownNames(["records", ...SCHEMA_MEMBERS]);
const RECORD_NAMES = knownNames(RECORD_MEMBERS);
const SHAPE = 'An envelope must be {"records":[{"value":…},…]} with at least one record.';

/** The size of a step, after which other work may continue. */
const STEP_RECORDS = 500;
const STEP_BYTES = 256 * 1024;

const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const NULL = 0x6e;

export interface EnvelopeOptions {
  readonly decode: Decode;
  /** The partition in the path. */
  readonly partition: number | undefined;
  /** `http.maxRecords`. */
  readonly maxRecords: number;
}

/** Reads the records of one envelope, in steps. */
export class EnvelopeReader {
  readonly #body: Buffer;
  readonly #options: EnvelopeOptions;
  readonly #check: JsonCheck;
  readonly #drafts: Draft[] = [];
  readonly #members = new RecordMembers();
  readonly #envelopeNames = new MemberNames(ENVELOPE_NAMES);
  readonly #recordNames = new MemberNames(RECORD_NAMES);
  readonly #errors: ErrorDetail[] = [];
  #malformed = 0;
  /** The first fault of the envelope's own shape, and the first member that is given twice. */
  #shapeFault: OnrampError | undefined;
  #duplicate: OnrampError | undefined;
  /** The position of the next member of the envelope, or of the next record; -1 when the walk has ended. */
  #at = -1;
  #isInRecords = false;
  /** Whether the value of `records` is not an array. */
  #recordsIsNotArray = false;

  /** @throws OnrampError 40001 when the body is not UTF-8 */
  constructor(body: Buffer, options: EnvelopeOptions) {
    if (!isUtf8(body)) checkJson(body, "The body");
    this.#body = body;
    this.#options = options;
    this.#check = new JsonCheck(body, MAX_DEPTH, MAX_VALUES);
    const start = skipSpace(body, 0);
    if (body[start] !== OPEN_BRACE) {
      this.#shapeFault = new OnrampError(40001, SHAPE);
      this.#end(this.#check.valueEnd(start, 0));
      return;
    }
    this.#check.countValue(start);
    this.#at = skipSpace(body, start + 1);
    if (body[this.#at] === CLOSE_BRACE) this.#end(this.#at + 1);
  }

  /** The number of records that were read. */
  get count(): number {
    return this.#drafts.length;
  }

  /**
   * Reads some hundred records, or fewer large ones.
   *
   * @returns whether the envelope continues
   * @throws OnrampError 41301 when it has more than `maxRecords` records
   */
  readStep(): boolean {
    const [lastRecord, lastByte] = [this.#drafts.length + STEP_RECORDS, this.#at + STEP_BYTES];
    while (this.#at >= 0 && this.#at < lastByte && this.#drafts.length < lastRecord)
      this.#at = this.#isInRecords ? this.#record() : this.#member();
    return this.#at >= 0;
  }

  /**
   * Returns the records. Called once, after `readStep` has returned false.
   *
   * @throws OnrampError 40001, 40402, 41301 for the whole envelope, with the details of malformed records
   */
  drafts(): Draft[] {
    // `checkJson` throws the error with the position.
    if (this.#check.fault) {
      checkJson(this.#body, "The body");
      throw new OnrampError(40001, "The body is not valid JSON.");
    }
    if (this.#recordsIsNotArray || this.#drafts.length === 0)
      this.#shapeFault ??= new OnrampError(40001, SHAPE);
    const fault = this.#shapeFault ?? this.#duplicate;
    if (fault) throw fault;
    if (this.#malformed > 0) throw this.#malformedRecords();
    return this.#drafts;
  }

  /** Ends the walk. Only whitespace may follow. @returns -1 */
  #end(at: number): -1 {
    if (at >= 0) {
      const rest = skipSpace(this.#body, at);
      if (rest < this.#body.length) this.#check.failAt(rest);
    }
    this.#at = -1;
    return -1;
  }

  /** Reads a member of the envelope. @returns the position of what follows; -1 at the end */
  #member(): number {
    const body = this.#body;
    const value = this.#check.memberValue(this.#at);
    if (value < 0) return -1;
    const index = this.#envelopeNames.read(body, this.#at);
    if (this.#envelopeNames.isRepeated) this.#reportDuplicate(this.#envelopeNames.name, "the envelope");
    const name = this.#envelopeNames.name;
    if (index === 0 && body[value] === OPEN_BRACKET) {
      this.#check.countValue(value);
      this.#isInRecords = true;
      const first = skipSpace(body, value + 1);
      if (body[first] !== CLOSE_BRACKET) return first;
      this.#isInRecords = false;
      return this.#afterMember(first + 1);
    }
    if (index === 0) this.#recordsIsNotArray = true;
    else if (index < 0 || body[value] !== NULL)
      this.#shapeFault ??= new OnrampError(
        40001,
        `The envelope's member "${name.slice(0, 60)}" is not supported. ${SHAPE}`,
      );
    const end = this.#check.valueEnd(value, 1);
    return end < 0 ? -1 : this.#afterMember(end);
  }

  #afterMember(end: number): number {
    const at = skipSpace(this.#body, end);
    if (this.#body[at] === COMMA) return skipSpace(this.#body, at + 1);
    return this.#body[at] === CLOSE_BRACE ? this.#end(at + 1) : this.#check.failAt(at);
  }

  /** Reads a record. @returns the position of the next one, or of the next member of the envelope; -1 at the end */
  #record(): number {
    const { maxRecords } = this.#options;
    if (this.#drafts.length >= maxRecords) throw tooMany(maxRecords);
    const end =
      this.#body[this.#at] === OPEN_BRACE ? this.#object(this.#at) : this.#check.valueEnd(this.#at, 2);
    if (end < 0) return -1;
    if (this.#body[this.#at] !== OPEN_BRACE) this.#addMalformed(new OnrampError(40001, NOT_AN_OBJECT));
    const at = skipSpace(this.#body, end);
    if (this.#body[at] === COMMA) return skipSpace(this.#body, at + 1);
    if (this.#body[at] !== CLOSE_BRACKET) return this.#check.failAt(at);
    this.#isInRecords = false;
    return this.#afterMember(at + 1);
  }

  /** Reads a record that is an object. @returns its end; -1 when it is not valid JSON */
  #object(from: number): number {
    const [body, check, members, names] = [this.#body, this.#check, this.#members, this.#recordNames];
    if (!check.countValue(from)) return -1;
    members.clear();
    names.clear();
    let at = skipSpace(body, from + 1);
    while (body[at] !== CLOSE_BRACE) {
      const value = check.memberValue(at);
      if (value < 0) return -1;
      const index = names.read(body, at);
      if (names.isRepeated) this.#reportDuplicate(names.name, `record ${this.#drafts.length}`);
      const end = check.valueEnd(value, 3);
      if (end < 0) return -1;
      if (index < 0) members.unknown ??= names.name;
      else members.set(index, value, end);
      if (index === HEADERS) this.#checkHeaders();
      at = skipSpace(body, end);
      if (body[at] === COMMA) {
        at = skipSpace(body, at + 1);
        if (body[at] === CLOSE_BRACE) return check.failAt(at);
      } else if (body[at] !== CLOSE_BRACE) return check.failAt(at);
    }
    this.#add();
    return at + 1;
  }

  #add(): void {
    const { decode, partition } = this.#options;
    try {
      this.#drafts.push(draftOf(this.#body, this.#members, decode, partition));
    } catch (error) {
      if (!(error instanceof OnrampError)) throw error;
      this.#addMalformed(error);
    }
  }

  #checkHeaders(): void {
    const duplicate = this.#members.duplicateInHeaders(this.#body);
    if (duplicate !== undefined)
      this.#reportDuplicate(duplicate, `a header of record ${this.#drafts.length}`);
  }

  #addMalformed(error: OnrampError): void {
    if (this.#errors.length < MOST_DETAILS)
      this.#errors.push({ index: this.#drafts.length, error_code: error.code, message: error.message });
    this.#malformed++;
    this.#drafts.push(EMPTY);
  }

  #reportDuplicate(name: string, where: string): void {
    this.#duplicate ??= new OnrampError(
      40001,
      `The member "${name.slice(0, 60)}" is given twice in ${where}.`,
    );
  }

  #malformedRecords(): OnrampError {
    const first = this.#errors[0] as ErrorDetail;
    return new OnrampError(
      first.error_code ?? 40001,
      `${this.#malformed} of ${this.#drafts.length} records are malformed; nothing was written. Record ${first.index}: ${first.message}`,
      { errors: this.#errors },
    );
  }
}

const EMPTY: Draft = { key: null, value: null, headers: [] };
const NOT_AN_OBJECT =
  "A record must be an object, which may have key, value, partition, timestamp and headers.";

const tooMany = (maxRecords: number): OnrampError =>
  new OnrampError(
    41301,
    `The request has more than ${maxRecords} records (http.maxRecords); nothing was written. Send fewer records per request, or send them as lines (application/x-ndjson), which have no such limit.`,
  );
