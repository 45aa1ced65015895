// Compiles the regular expressions of JSON Schemas (ECMA-262 with the flag u) so that they match in linear time, because clients
// choose the text. Translates them to RE2 syntax and runs them with re2js. JavaScript's RegExp takes exponential time on some
// texts, such as ^(a+)+$ on "aaaaaaaaaaaaaaaaaaaaaaaaaa!".

import { type AST, RegExpParser } from "@eslint-community/regexpp";
import { RE2JS } from "re2js";
import { messageOf } from "./errors.ts";

/** A compiled pattern. */
export interface LinearPattern {
  /** Whether the pattern matches a part of the text. */
  test(text: string): boolean;
  /** Differs for different patterns: ajv keeps one object per text. */
  toString(): string;
}

const parser = new RegExpParser({ ecmaVersion: 2024 });

/** @throws Error that says what is not valid or not supported */
export function compilePattern(source: string): LinearPattern {
  let pattern: AST.Pattern;
  try {
    pattern = parser.parsePattern(source, 0, source.length, { unicode: true });
  } catch (error) {
    throw new Error(`the pattern ${quoted(source)} is not a valid regular expression: ${messageOf(error)}`, {
      cause: error,
    });
  }
  try {
    const compiled = RE2JS.compile(alternativesOf(pattern.alternatives));
    return { test: (text) => compiled.test(text), toString: () => `/${source}/` };
  } catch (error) {
    throw new Error(`the pattern ${quoted(source)} cannot be used: ${reasonOf(error)}`, { cause: error });
  }
}

/** Thrown for a construct that RE2 does not support. */
class Unsupported extends Error {}

const reasonOf = (error: unknown): string =>
  error instanceof Unsupported
    ? error.message
    : "it uses a Unicode property that RE2 does not support, is too large, or repeats a part more than 1,000 times; use minLength and maxLength for long texts";

const quoted = (source: string): string => JSON.stringify(source.slice(0, 200));

const alternativesOf = (alternatives: readonly AST.Alternative[]): string =>
  alternatives.map(({ elements }) => elements.map(elementOf).join("")).join("|");

function elementOf(element: AST.Element): string {
  switch (element.type) {
    case "Group":
      if (element.modifiers) throw new Unsupported("it has modifiers such as (?i:…)");
      return `(?:${alternativesOf(element.alternatives)})`;
    case "CapturingGroup":
      return `(?:${alternativesOf(element.alternatives)})`;
    case "Quantifier":
      return `(?:${elementOf(element.element)})${countOf(element)}`;
    case "Assertion":
      return assertionOf(element);
    case "Character":
      return codePoint(element.value);
    case "CharacterSet":
      return element.kind === "any" ? ANY : `[${setOf(element)}]`;
    case "CharacterClass":
      return classOf(element);
    default:
      throw new Unsupported("it has a backreference, which RE2 does not support; write out the alternatives");
  }
}

/** Ignores whether a quantifier is greedy: this does not affect whether the pattern matches. */
function countOf({ min, max }: AST.Quantifier): string {
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? "*" : min === 1 ? "+" : `{${min},}`;
  return `{${min},${max}}`;
}

function assertionOf(assertion: AST.Assertion): string {
  if (assertion.kind === "start") return "\\A";
  if (assertion.kind === "end") return "\\z";
  if (assertion.kind === "word") return assertion.negate ? "\\B" : "\\b";
  throw new Unsupported(
    "it has a lookahead or lookbehind, which RE2 does not support; use allOf or not with several patterns",
  );
}

function classOf(characters: AST.CharacterClass): string {
  const members = (characters.elements as readonly AST.ClassRangesCharacterClassElement[]).map((element) => {
    if (element.type === "CharacterClassRange")
      return `${codePoint(element.min.value)}-${codePoint(element.max.value)}`;
    return element.type === "Character" ? codePoint(element.value) : setOf(element);
  });
  if (members.length > 0) return `[${characters.negate ? "^" : ""}${members.join("")}]`;
  return characters.negate ? "[\\x{0}-\\x{10FFFF}]" : "[^\\x{0}-\\x{10FFFF}]";
}

/** @returns the members of a set, for use in a class */
function setOf(set: AST.CharacterSet): string {
  if (set.kind === "property") return propertyOf(set);
  if (set.kind === "any") return ".";
  return set.negate ? complementOf(SETS[set.kind]) : rangesText(SETS[set.kind]);
}

type Range = readonly [from: number, to: number];

const SETS: Readonly<Record<"digit" | "space" | "word", readonly Range[]>> = {
  digit: [[0x30, 0x39]],
  // ECMA-262: WhiteSpace and LineTerminator. The set of RE2 has ASCII only.
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
    [0xa0, 0xa0],
    [0x1680, 0x1680],
    [0x2000, 0x200a],
    [0x2028, 0x2029],
    [0x202f, 0x202f],
    [0x205f, 0x205f],
    [0x3000, 0x3000],
    [0xfeff, 0xfeff],
  ],
  word: [
    [0x30, 0x39],
    [0x41, 0x5a],
    [0x5f, 0x5f],
    [0x61, 0x7a],
  ],
};
const LAST = 0x10ffff;
/** Any character but a line terminator. */
const ANY = "[^\\n\\r\\x{2028}\\x{2029}]";

const codePoint = (value: number): string => `\\x{${value.toString(16)}}`;
const rangesText = (ranges: readonly Range[]): string =>
  ranges.map(([from, to]) => `${codePoint(from)}-${codePoint(to)}`).join("");

function complementOf(ranges: readonly Range[]): string {
  const others: Range[] = [];
  let next = 0;
  for (const [from, to] of ranges) {
    if (from > next) others.push([next, from - 1]);
    next = to + 1;
  }
  return rangesText([...others, [next, LAST]]);
}

/** The properties whose value RE2 accepts without the property name, such as \p{Latin}. */
const VALUED = new Set(["General_Category", "gc", "Script", "sc"]);

function propertyOf(set: AST.UnicodePropertyCharacterSet): string {
  if (set.value !== null && !VALUED.has(set.key))
    throw new Unsupported(`it uses the property \\p{${set.key}=${set.value}}`);
  const name = LONG_CATEGORIES[set.value ?? set.key] ?? set.value ?? set.key;
  return `\\${set.negate ? "P" : "p"}{${name}}`;
}

/** Maps the long names of categories to the short names that RE2 accepts. */
const LONG_CATEGORIES: Readonly<Record<string, string>> = {
  Letter: "L",
  Lowercase_Letter: "Ll",
  Uppercase_Letter: "Lu",
  Mark: "M",
  Number: "N",
  Decimal_Number: "Nd",
  Punctuation: "P",
  Symbol: "S",
  Separator: "Z",
  Space_Separator: "Zs",
  Other: "C",
  Control: "Cc",
};
