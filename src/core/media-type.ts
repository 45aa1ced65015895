// Parses `Content-Type` (RFC 9110, 8.3).

import { OnrampError } from "./errors.ts";

/** A media type. Its type, the names of its parameters and its charset are in lower case. */
export interface MediaType {
  /** Such as `application/json`. */
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** A name of a type has no `*` (RFC 6838, 4.2): with it, the value is a range. */
const NAME = "[!#$%&'+.^_`|~0-9A-Za-z-]+";
const QUOTED = '"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t !-~\\x80-\\xff])*"';
const PARAMETER = `(${TOKEN})=(${TOKEN}|${QUOTED})`;
const MEMBER = new RegExp(
  `[ \\t]*(${NAME}/${NAME})[ \\t]*((?:;[ \\t]*(?:${PARAMETER}[ \\t]*)?)*)(?:,(?=.)|$)`,
  "y",
);
const PARAMETERS = new RegExp(PARAMETER, "g");

/**
 * Parses the value of `Content-Type`. A header that was sent several times, or that a proxy joined with
 * commas, is accepted if all of its values agree.
 *
 * @throws OnrampError 41501 when it is not a media type, or its values differ
 */
export function parseMediaType(text: string): MediaType {
  const members: MediaType[] = [];
  MEMBER.lastIndex = 0;
  do {
    const [, type, parameters = ""] = MEMBER.exec(text) ?? [];
    if (type === undefined) throw invalid("it is not a valid media type");
    members.push({ type: type.toLowerCase(), parameters: parametersOf(parameters) });
  } while (MEMBER.lastIndex < text.length);
  const [first, ...others] = members as [MediaType, ...MediaType[]];
  if (!others.every((other) => agree(first, other))) throw invalid("it has several values, which differ");
  return first;
}

function parametersOf(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", given = ""] of text.matchAll(PARAMETERS)) {
    const key = name.toLowerCase();
    if (found.has(key)) throw invalid(`its parameter "${key.slice(0, 40)}" is given twice`);
    const value = given.startsWith('"') ? given.slice(1, -1).replaceAll(/\\(.)/g, "$1") : given;
    found.set(key, key === "charset" ? value.toLowerCase() : value);
  }
  return found;
}

const agree = (a: MediaType, b: MediaType): boolean =>
  a.type === b.type &&
  a.parameters.size === b.parameters.size &&
  [...a.parameters].every(([name, value]) => b.parameters.get(name) === value);

const invalid = (why: string): OnrampError =>
  new OnrampError(
    41501,
    `The Content-Type cannot be used: ${why}. Send one media type, such as application/json.`,
  );
