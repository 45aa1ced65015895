// Checks that bytes are JSON without building a value. Used for values that Onramp does not inspect: parsing
// them, and collecting the garbage afterwards, would be the main cost of a record. The check is as strict as
// `JSON.parse`; a test compares the two.

/** The first error of a text, and its position in bytes. */
export interface JsonFault {
  /** `more`: a complete value ends, and more text follows it. */
  readonly what: "character" | "more" | "end" | "depth" | "values";
  readonly at: number;
}

const OBJECT = 1;
const ARRAY = 2;
/** Contains 1 for each byte that may follow a backslash, except `u`. */
const ESCAPES = new Uint8Array(256);
for (const byte of Buffer.from('"\\/bfnrt')) ESCAPES[byte] = 1;
/**
 * Contains 1 for each byte at which the fast scan of a string stops: quote, backslash, control characters.
 */
const SPECIAL = new Uint8Array(256).fill(1, 0, 0x20);
SPECIAL[0x22] = 1;
SPECIAL[0x5c] = 1;
const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");
const NULL = Buffer.from("null");

/**
 * The kind of the open object or array at each depth. Shared by all checks, because a check is synchronous.
 */
let nesting = new Uint8Array(64);

/**
 * Checks a text that is known to be UTF-8 against RFC 8259.
 *
 * @param maxDepth the maximum depth of nested arrays and objects
 * @param maxValues the maximum number of values, nested ones included
 * @returns the first error; undefined when the text is valid
 */
export function jsonFault(bytes: Uint8Array, maxDepth: number, maxValues: number): JsonFault | undefined {
  const check = new JsonCheck(bytes, maxDepth, maxValues);
  const end = check.valueEnd(skipSpace(bytes, 0), 0);
  if (end < 0) return check.fault;
  const at = skipSpace(bytes, end);
  return at === bytes.length ? undefined : { what: "more", at };
}

/** Checks the values of a text one after the other, with common limits. */
export class JsonCheck {
  /** The first error. */
  fault: JsonFault | undefined;
  readonly #bytes: Uint8Array;
  readonly #maxDepth: number;
  readonly #maxValues: number;
  #values = 0;

  /** @param bytes known to be UTF-8 @param maxDepth, maxValues as for `jsonFault` */
  constructor(bytes: Uint8Array, maxDepth: number, maxValues: number) {
    if (nesting.length <= maxDepth) nesting = new Uint8Array(maxDepth + 1);
    this.#bytes = bytes;
    this.#maxDepth = maxDepth;
    this.#maxValues = maxValues;
  }

  /** Counts an object or array whose members the caller reads itself. @returns whether the limit is kept */
  countValue(at: number): boolean {
    if (++this.#values > this.#maxValues) this.fault ??= { what: "values", at };
    return this.fault === undefined;
  }

  /** Reads the name of a member and its colon. @returns the position of its value; -1 when there is a `fault` */
  memberValue(from: number): number {
    const at = endOfName(this.#bytes, from);
    return at < 0 ? this.failAt(~at) : at;
  }

  /** Sets `fault` to an unexpected character, or to the end of the text. @returns -1 */
  failAt(at: number): -1 {
    this.fault ??= at >= this.#bytes.length ? { what: "end", at } : { what: "character", at };
    return -1;
  }

  /**
   * Checks the value that starts at `from`.
   *
   * @param open the number of objects and arrays around the value
   * @returns the position after the value; -1 when there is a `fault`
   */
  valueEnd(from: number, open: number): number {
    const bytes = this.#bytes;
    const [maxDepth, maxValues] = [this.#maxDepth, this.#maxValues];
    let depth = open;
    let values = this.#values;
    let at = from;
    for (;;) {
      // A value starts here.
      if (++values > maxValues) return this.#fail("values", at);
      const first = bytes[at] as number;
      if (first === 0x7b || first === 0x5b) {
        if (++depth > maxDepth) return this.#fail("depth", at);
        nesting[depth] = first === 0x7b ? OBJECT : ARRAY;
        at = skipSpace(bytes, at + 1);
        if (bytes[at] !== (first === 0x7b ? 0x7d : 0x5d)) {
          if (first === 0x5b) continue;
          const value = endOfName(bytes, at);
          if (value < 0) return this.failAt(~value);
          at = value;
          continue;
        }
        depth--;
        at++;
      } else {
        const after = endOfScalar(bytes, at, first);
        if (after < 0) return this.failAt(~after);
        at = after;
      }
      // A value has ended: read closing brackets up to the comma before the next value.
      for (;;) {
        if (depth === open) {
          this.#values = values;
          return at;
        }
        at = skipSpace(bytes, at);
        const byte = bytes[at];
        const inside = nesting[depth];
        if (byte === 0x2c) {
          at = skipSpace(bytes, at + 1);
          if (inside === ARRAY) break;
          const value = endOfName(bytes, at);
          if (value < 0) return this.failAt(~value);
          at = value;
          break;
        }
        if (byte !== (inside === OBJECT ? 0x7d : 0x5d)) return this.failAt(at);
        depth--;
        at++;
      }
    }
  }

  #fail(what: "values" | "depth", at: number): -1 {
    this.fault ??= { what, at };
    return -1;
  }
}

// The functions below return the position after the text that they read, or the complement (~) of an error's
// position.

/** Reads a member's name and its colon. @returns the position of its value */
function endOfName(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== 0x22) return ~from;
  const end = endOfString(bytes, from);
  if (end < 0) return end;
  const colon = skipSpace(bytes, end);
  return bytes[colon] === 0x3a ? skipSpace(bytes, colon + 1) : ~colon;
}

function endOfScalar(bytes: Uint8Array, from: number, first: number): number {
  if (first === 0x22) return endOfString(bytes, from);
  if (first === 0x2d || (first >= 0x30 && first <= 0x39)) return endOfNumber(bytes, from);
  if (first === 0x74) return endOfWord(bytes, from, TRUE);
  if (first === 0x66) return endOfWord(bytes, from, FALSE);
  if (first === 0x6e) return endOfWord(bytes, from, NULL);
  return ~from;
}

function endOfString(bytes: Uint8Array, from: number): number {
  const end = bytes.length;
  for (let at = from + 1; ; at++) {
    while (at < end && SPECIAL[bytes[at] as number] === 0) at++;
    if (at >= end) return ~end;
    const byte = bytes[at];
    if (byte === 0x22) return at + 1;
    if (byte !== 0x5c) return ~at;
    at++;
    if (ESCAPES[bytes[at] as number] === 1) continue;
    if (bytes[at] !== 0x75) return ~at;
    for (let n = 0; n < 4; n++) {
      at++;
      if (!isHex(bytes[at] as number)) return ~at;
    }
  }
}

function endOfNumber(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === 0x2d ? from + 1 : from;
  if (bytes[at] === 0x30) at++;
  else {
    const digits = at;
    at = skipDigits(bytes, at);
    if (at === digits) return ~at;
  }
  if (bytes[at] === 0x2e) {
    const digits = at + 1;
    at = skipDigits(bytes, digits);
    if (at === digits) return ~at;
  }
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    at++;
    if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++;
    const digits = at;
    at = skipDigits(bytes, at);
    if (at === digits) return ~at;
  }
  return at;
}

function endOfWord(bytes: Uint8Array, from: number, word: Uint8Array): number {
  for (let n = 1; n < word.length; n++) if (bytes[from + n] !== word[n]) return ~(from + n);
  return from + word.length;
}

function skipDigits(bytes: Uint8Array, from: number): number {
  let at = from;
  while ((bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x39) at++;
  return at;
}

/** @returns the position of the next character that is not whitespace */
export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  for (
    let byte = bytes[at];
    byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
    byte = bytes[at]
  )
    at++;
  return at;
}

const isHex = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
