// Finds the positions of keys and values in an envelope, so that their bytes are written to Kafka unchanged:
// 1.0 stays 1.0. The caller has checked that the text is valid JSON. The only check here is for duplicate
// members, because `JSON.parse` accepts them.

import { OnrampError } from "../../../src/core/errors.ts";
import {
  eachElement,
  eachMember,
  OPEN_BRACE,
  OPEN_BRACKET,
  skipSpace,
  skipValue,
} from "../../../src/core/json-extents.ts";

/** The positions of a record's key and value in the body; -1 for a missing member. */
export interface RecordExtent {
  keyFrom: number;
  keyTo: number;
  valueFrom: number;
  valueTo: number;
}

/**
 * Finds the key and the value of every record of a valid JSON envelope.
 *
 * @throws OnrampError 40001 for a member that is given twice in the envelope, a record, or a header
 */
export function extentsOf(body: Buffer): RecordExtent[] {
  const extents: RecordExtent[] = [];
  eachUniqueMember(body, skipSpace(body, 0), "the envelope", (name, from) => {
    if (name !== "records" || body[from] !== OPEN_BRACKET) return skipValue(body, from);
    return eachElement(body, from, (at) => {
      const extent: RecordExtent = { keyFrom: -1, keyTo: -1, valueFrom: -1, valueTo: -1 };
      extents.push(extent);
      return body[at] === OPEN_BRACE ? scanRecord(body, at, extent, extents.length - 1) : skipValue(body, at);
    });
  });
  return extents;
}

function scanRecord(body: Buffer, from: number, extent: RecordExtent, index: number): number {
  return eachUniqueMember(body, from, `record ${index}`, (name, at) => {
    if (name === "headers" && body[at] === OPEN_BRACKET) return scanHeaders(body, at, index);
    const to = skipValue(body, at);
    if (name === "key") {
      extent.keyFrom = at;
      extent.keyTo = to;
    } else if (name === "value") {
      extent.valueFrom = at;
      extent.valueTo = to;
    }
    return to;
  });
}

function scanHeaders(body: Buffer, from: number, index: number): number {
  return eachElement(body, from, (at) => {
    if (body[at] !== OPEN_BRACE) return skipValue(body, at);
    return eachUniqueMember(body, at, `a header of record ${index}`, (_, value) => skipValue(body, value));
  });
}

/** As `eachMember`. @throws OnrampError 40001 for a member that is given twice */
function eachUniqueMember(
  body: Buffer,
  from: number,
  what: string,
  visit: (name: string, at: number) => number,
): number {
  const names = new Set<string>();
  return eachMember(body, from, (name, at) => {
    if (names.has(name))
      throw new OnrampError(40001, `The member "${name.slice(0, 60)}" is given twice in ${what}.`);
    names.add(name);
    return visit(name, at);
  });
}
