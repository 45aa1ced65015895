// Recognizes the names of members in the bytes of an object, and finds names that are given twice.

import { elementAt } from "../../../core/element.ts";
import { endOfString } from "../../../core/json.ts";

/** A name that Onramp knows, and its bytes between the quotes. */
export interface KnownName {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Prepares names for `MemberNames`, once per process. */
export const knownNames = (names: readonly string[]): readonly KnownName[] =>
  names.map((name) => ({ name, bytes: Buffer.from(name) }));

/** The names in one object at a time. */
export class MemberNames {
  readonly #known: readonly KnownName[];
  /** A bit per known name. */
  #seen = 0;
  #others: Set<string> | undefined;
  /** The name that was read last. */
  name = "";
  /** Whether that name was read before in the object. */
  isRepeated = false;

  /** @param known at most 31 names */
  constructor(known: readonly KnownName[]) {
    this.#known = known;
  }

  /** Begins another object. */
  clear(): void {
    this.#seen = 0;
    this.#others = undefined;
  }

  /**
   * Reads a name.
   *
   * @param quote the position of its opening quote, in valid JSON
   * @returns the index of the name among the known ones; -1 for any other name
   */
  read(body: Buffer, quote: number): number {
    for (let index = 0; index < this.#known.length; index++)
      if (isAt(body, quote + 1, elementAt(this.#known, index).bytes)) return this.#use(index);
    const end = endOfString(body, quote);
    const text = body.toString("utf8", quote + 1, end);
    const name = text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
    const escaped = this.#known.findIndex((each) => each.name === name);
    if (escaped >= 0) return this.#use(escaped);
    this.name = name;
    this.isRepeated = this.#others?.has(name) ?? false;
    this.#others ??= new Set();
    this.#others.add(name);
    return -1;
  }

  #use(index: number): number {
    this.name = elementAt(this.#known, index).name;
    this.isRepeated = (this.#seen & (1 << index)) !== 0;
    this.#seen |= 1 << index;
    return index;
  }
}

/** Whether the string at `from` is exactly these bytes, without escapes. */
function isAt(body: Buffer, from: number, bytes: Buffer): boolean {
  for (let n = 0; n < bytes.length; n++) if (body[from + n] !== bytes[n]) return false;
  return body[from + bytes.length] === QUOTE;
}

const QUOTE = 0x22;
