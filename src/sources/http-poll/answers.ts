// Parses the answers of an API, and extracts the items.

import { OnrampError } from "../../core/errors.ts";
import type { Expression } from "../../core/expressions.ts";
import { parseJson } from "../../core/json.ts";
import { valuesAt } from "../../core/json-extents.ts";
import { withExactNumbers } from "../../core/json-numbers.ts";
import type { FullAnswer } from "../../web/answer.ts";

/** An answer, as expressions see it. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The value of the JSON, in which numbers that JavaScript would round are strings; the text if it is not JSON. */
  readonly value: unknown;
  readonly isJson: boolean;
  /** Why valid JSON cannot be used: it exceeds a limit. */
  readonly fault?: string;
}

/** An item of an answer: its bytes, or the result of an expression. */
export type Item = { readonly bytes: Buffer } | { readonly value: unknown };

const NULL = Buffer.from("null");
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Parses an answer. */
export function parseAnswer({ status, headers, body: sent }: FullAnswer): ApiAnswer {
  const body = sent.subarray(0, 3).equals(BYTE_ORDER_MARK) ? sent.subarray(3) : sent;
  const facts = { status, headers: textsOf(headers), body };
  try {
    return { ...facts, value: withExactNumbers(body, parseJson(body, "The answer")), isJson: true };
  } catch (error) {
    const text = body.toString("utf8");
    const isOverLimit = error instanceof OnrampError && error.code === 41301;
    const fault = isOverLimit ? { fault: error.message } : {};
    return { ...facts, value: text.trim() === "" ? undefined : text, isJson: false, ...fault };
  }
}

const textsOf = (headers: FullAnswer["headers"]): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

/** A path of names, such as `data.items`, or the whole answer (`$`). Names may be in backquotes. */
const PATH =
  /^\s*(?:\$|(?:\$\.)?(?:[\p{L}_][\p{L}\p{N}_]*|`[^`]+`)(?:\.(?:[\p{L}_][\p{L}\p{N}_]*|`[^`]+`))*)\s*$/u;
/** Words that JSONata does not read as names. */
const OPERATORS = ["and", "or", "in", "true", "false", "null"];

/**
 * Returns the names of a path.
 *
 * @returns undefined for any other expression
 */
export function pathOf(source: string): string[] | undefined {
  if (!PATH.test(source)) return undefined;
  const names = source.match(/`[^`]+`|[\p{L}_][\p{L}\p{N}_]*/gu) ?? [];
  if (names.some((name) => OPERATORS.includes(name))) return undefined;
  return names.map((name) => name.replaceAll("`", ""));
}

/**
 * Extracts the items. With a path, an item has the bytes of the answer; with another expression, it is the result printed as JSON.
 *
 * @param expression the compiled `source`
 * @throws ExpressionError when the evaluation fails
 */
export async function itemsOf(
  answer: ApiAnswer,
  path: readonly string[] | undefined,
  expression: Expression,
): Promise<readonly Item[]> {
  if (answer.value === undefined) return [];
  if (path) {
    const items = valuesAt(answer.body, path).map(({ from, to }) => ({
      bytes: answer.body.subarray(from, to),
    }));
    // Some APIs send null instead of an empty list.
    return items.filter(({ bytes }) => !bytes.equals(NULL));
  }
  const result = await expression.evaluate(answer.value, bindingsOf(answer));
  const all = Array.isArray(result) ? result : result === undefined ? [] : [result];
  return all.filter((value) => value !== null).map((value) => ({ value }));
}

/** The bytes of an item, and its value as `ApiAnswer.value`. */
export const readItem = (item: Item): { readonly bytes: Buffer; readonly value: unknown } =>
  "bytes" in item
    ? { ...item, value: withExactNumbers(item.bytes, JSON.parse(item.bytes.toString("utf8"))) }
    : { ...item, bytes: Buffer.from(JSON.stringify(item.value)) };

/** The variables of the expressions on an answer. */
export const bindingsOf = ({ status, headers }: ApiAnswer, cursor?: string) => ({
  status,
  headers,
  ...(cursor === undefined ? {} : { cursor }),
});
