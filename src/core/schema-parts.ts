// Compares the parts of a value whose numbers JavaScript would round. Takes time in proportion to the size of the
// value, whatever its depth and the number of comparisons.

import { canonicalNumber } from "./decimal.ts";
import type { ExactValue } from "./json-numbers.ts";
import { Steps } from "./schema-steps.ts";

/** A part of a value or of a schema. */
export type Part = ExactValue;

/** The place of a part: ajv passes it to the function of a keyword. The value itself has no parent. */
export interface Place {
  readonly parentData?: object | undefined;
  readonly parentDataProperty?: string | number | undefined;
}

/** The parts of one value. Created for each validation. */
export class Parts extends Steps {
  readonly #whole: ExactValue;
  /** The exact counterparts of the objects and arrays that contain a rounded number. */
  readonly #exact = new Map<object, unknown>();
  /** A number for each different content, by a text for the content. */
  readonly #ids = new Map<string, number>();
  /** The numbers of the objects and arrays. */
  readonly #known = new Map<object, number>();
  readonly #allowed = new Map<unknown, ReadonlySet<number>>();

  constructor(whole: ExactValue) {
    super();
    this.#whole = whole;
    this.#record(whole.rounded, whole.exact);
  }

  /** @param rounded a part of the value, other than the name of a member */
  at(rounded: unknown, { parentData, parentDataProperty = "" }: Place = {}): Part {
    if (typeof rounded === "object" && rounded !== null) return { rounded, exact: this.#exact.get(rounded) };
    if (parentData === undefined) return { rounded, exact: this.#whole.exact };
    return { rounded, exact: memberOf(this.#exact.get(parentData), parentDataProperty) };
  }

  /** @returns a number that is the same for parts, of the value or of schemas, that JSON Schema treats as equal */
  idOf(part: Part): number {
    const { rounded } = part;
    if (typeof rounded !== "object" || rounded === null) return this.#intern(scalarText(part));
    let id = this.#known.get(rounded);
    if (id === undefined) {
      id = this.#intern(this.#textOf(part));
      this.#known.set(rounded, id);
    }
    return id;
  }

  /** @returns the `idOf` of each element of an array of a schema */
  idsIn(list: Part): ReadonlySet<number> {
    let ids = this.#allowed.get(list.rounded);
    if (!ids) {
      ids = new Set(elementsOf(list).map((element) => this.idOf(element)));
      this.#allowed.set(list.rounded, ids);
    }
    return ids;
  }

  /** @returns whether the part is or contains a rounded number */
  #record(rounded: unknown, exact: unknown): boolean {
    if (typeof rounded !== "object" || rounded === null) return rounded !== exact;
    let isRounded = false;
    for (const name of Array.isArray(rounded) ? rounded.keys() : Object.keys(rounded))
      if (this.#record(memberOf(rounded, name), memberOf(exact, name))) isRounded = true;
    if (isRounded) this.#exact.set(rounded, exact);
    return isRounded;
  }

  #textOf(part: Part): string {
    if (Array.isArray(part.rounded)) return `[${elementsOf(part).map((inner) => this.idOf(inner))}]`;
    const members = membersOf(part).map(([name, inner]) => `${JSON.stringify(name)}:${this.idOf(inner)}`);
    return `{${members.sort()}}`;
  }

  #intern(text: string): number {
    const id = this.#ids.get(text) ?? this.#ids.size;
    this.#ids.set(text, id);
    return id;
  }
}

/** The parts of one value, for all its arrays: nested arrays have the same parts. Created for each validation. */
export class SharedParts extends Steps {
  #parts: Parts | undefined;

  get parts(): Parts {
    this.#parts ??= new Parts({ rounded: undefined, exact: undefined });
    return this.#parts;
  }
}

/** @returns the number as it was sent */
export const numberText = ({ rounded, exact }: Part): string =>
  String(typeof exact === "string" ? exact : rounded);

export const elementsOf = ({ rounded, exact }: Part): readonly Part[] =>
  (rounded as unknown[]).map((inner, index) => ({ rounded: inner, exact: memberOf(exact, index) }));

export const memberOf = (value: unknown, name: string | number): unknown =>
  (value as Record<string | number, unknown> | undefined)?.[name];

const membersOf = ({ rounded, exact }: Part): readonly (readonly [name: string, inner: Part])[] =>
  Object.entries(rounded as object).map(([name, inner]) => [
    name,
    { rounded: inner, exact: memberOf(exact, name) },
  ]);

const scalarText = (part: Part): string =>
  typeof part.rounded === "number" ? canonicalNumber(numberText(part)) : JSON.stringify(part.rounded);
