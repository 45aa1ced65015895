// Evaluates expressions on JSON texts, as a topic does for a key.

import { strict as assert } from "node:assert";
import { type Bindings, compileExpression, ExpressionError, toKey } from "../../src/core/expressions.ts";
import { withExactNumbers } from "../../src/core/json-numbers.ts";

/** @returns the key that an expression computes from a JSON text */
export async function keyOf(
  source: string,
  json: string,
  bindings: Bindings = {},
): Promise<string | undefined> {
  return toKey(await compileExpression(source).evaluate(exactInput(json), bindings))?.toString();
}

/** @returns the input of an expression for a JSON text */
export const exactInput = (json: string): unknown => withExactNumbers(Buffer.from(json), JSON.parse(json));

/** Asserts that the evaluation fails with a message that matches. */
export const refuses = (source: string, json: string, text: RegExp): Promise<void> =>
  assert.rejects(
    keyOf(source, json),
    (error: unknown) => error instanceof ExpressionError && text.test(error.message),
    `${source} ${json}`,
  );

/** Asserts each key of a table of an expression and its key. */
export async function assertKeys(
  json: string,
  table: readonly (readonly [source: string, key: string | undefined])[],
): Promise<void> {
  for (const [source, key] of table) assert.equal(await keyOf(source, json), key, source);
}
