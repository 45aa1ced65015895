// Applies the rules of a topic to drafts: JSON, schema, key.

import { elementAt } from "./element.ts";
import { asOnrampError, type ErrorDetail, MOST_DETAILS, messageOf, OnrampError } from "./errors.ts";
import { ExpressionError, toKey } from "./expressions.ts";
import { checkJson, parseJson } from "./json.ts";
import { duplicateMember } from "./json-members.ts";
import { inexactNumbers, parseExactly, withExactNumbers } from "./json-numbers.ts";
import type { Draft } from "./record.ts";
import type { TopicSchema } from "./schemas.ts";
import { yieldToEventLoop } from "./time.ts";
import type { TopicRules } from "./topics.ts";

/**
 * Checks that the value of a draft is JSON, if `draft.json` is set. Parses the value only if a schema or a
 * key expression needs its content.
 *
 * @throws OnrampError 40001 when the value is not JSON, 41301 when it has too many values
 */
export function requireJson(draft: Draft, { schema, key }: TopicRules): void {
  const { json, value } = draft;
  if (json === undefined || value === null) return;
  if (schema || key) draft.parsed = parseJson(value, json);
  else checkJson(value, json);
}

/**
 * @returns the violations of all drafts, each with the index of its record; undefined when all drafts are
 *   valid
 */
export function violationsIn(
  drafts: readonly Draft[],
  { schema, tombstones }: TopicRules,
): ErrorDetail[] | undefined {
  if (!schema) return undefined;
  let found: ErrorDetail[] | undefined;
  for (let index = 0; index < drafts.length; index++) {
    const violations = violationsOf(elementAt(drafts, index), schema, tombstones);
    if (!violations) continue;
    found ??= [];
    if (found.length >= MOST_DETAILS) break;
    for (const violation of violations) found.push(drafts.length === 1 ? violation : { index, ...violation });
  }
  return found;
}

/**
 * Applies all rules to the drafts of a request, one after the other, so that other requests are served meanwhile, and at most
 * one value is kept in parsed form.
 *
 * @param reportsKeys whether a key that cannot be computed is a violation
 * @returns the violations of all drafts, as `violationsIn`; undefined when all drafts are valid and have their keys
 * @throws OnrampError 40001, 41301 for a value that is not JSON, or for a key that cannot be computed
 */
export async function checkAll(
  drafts: readonly Draft[],
  rules: TopicRules,
  topic: string,
  reportsKeys: boolean,
): Promise<ErrorDetail[] | undefined> {
  const found: ErrorDetail[] = [];
  let keyFailure: unknown;
  for (const [index, draft] of drafts.entries()) {
    const pause = yieldToEventLoop();
    if (pause !== undefined) await pause;
    requireJson(draft, rules);
    for (const violation of violationsIn([draft], rules) ?? [])
      found.push(drafts.length === 1 ? violation : { index, ...violation });
    if (found.length >= MOST_DETAILS) break;
    if (rules.key && found.length === 0 && keyFailure === undefined)
      await setKeys([draft], rules, topic).catch((error: unknown) => {
        keyFailure = error;
      });
    draft.parsed = undefined;
  }
  if (found.length > 0) return found;
  if (keyFailure === undefined) return undefined;
  if (!reportsKeys) throw keyFailure;
  return [{ message: messageOf(keyFailure) }];
}

/**
 * @returns the error 42206 for the violations in a request
 * @param records the number of records in the request
 */
export function schemaProblem(topic: string, errors: readonly ErrorDetail[], records: number): OnrampError {
  const first = errors[0] as ErrorDetail;
  const where = `${records > 1 ? `record ${first.index}, ` : ""}${first.pointer || "the value"}`;
  const what = records > 1 ? "The request" : "The record";
  const outcome = records > 1 ? "Nothing was written." : "It was not written.";
  return new OnrampError(
    42206,
    `${what} does not match the schema of topic "${topic}": ${where} ${first.message}. ${outcome}`,
    { errors },
  );
}

/**
 * Computes the key of every draft that has a value and no key, with the topic's key expression.
 *
 * @throws OnrampError 40001 when the value is not JSON, or the expression fails on it
 */
export async function setKeys(drafts: readonly Draft[], { key }: TopicRules, topic: string): Promise<void> {
  for (const draft of drafts) {
    if (draft.key !== null || draft.value === null) continue;
    // An evaluation does no I/O: without this, the records before could not be sent to Kafka in the meantime.
    const pause = yieldToEventLoop();
    if (pause !== undefined) await pause;
    draft.parsed ??= parseJson(draft.value, `Topic "${topic}" takes its key from the value, which`);
    try {
      draft.key = toKey(await key?.evaluate(withExactNumbers(draft.value, draft.parsed), { topic }));
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      throw new OnrampError(
        40001,
        `The key of the record could not be computed: ${error.message}. Send a key, or correct the value.`,
        { cause: error },
      );
    }
  }
}

/** Applies all rules to one draft. @returns the problem of the draft; undefined when it is valid */
export function problemOf(
  draft: Draft,
  rules: TopicRules,
  topic: string,
): OnrampError | undefined | Promise<OnrampError | undefined> {
  try {
    requireJson(draft, rules);
  } catch (error) {
    return asOnrampError(error);
  }
  const violations = rules.schema && violationsIn([draft], rules);
  if (violations) return schemaProblem(topic, violations, 1);
  // A promise is returned only if there is a key expression: a promise per record would be the main cost.
  return rules.key ? setKeys([draft], rules, topic).then(() => undefined, asOnrampError) : undefined;
}

/** The longest pointer in an error, in characters: the names of members come from clients. */
const MAX_POINTER = 500;

function violationsOf(draft: Draft, schema: TopicSchema, tombstones: boolean): ErrorDetail[] | undefined {
  const { value } = draft;
  if (value === null) {
    return tombstones
      ? undefined
      : [
          {
            error_code: 42206,
            keyword: "tombstones",
            message: "the topic does not accept records without a value",
          },
        ];
  }
  if (draft.parsed === undefined) {
    try {
      draft.parsed = parseJson(value, "The value");
    } catch (error) {
      return [{ error_code: 42206, pointer: "", keyword: "type", message: (error as OnrampError).message }];
    }
  }
  const duplicate = duplicateMember(value, draft.parsed);
  if (duplicate !== undefined)
    return [
      {
        error_code: 42206,
        pointer: duplicate.slice(0, MAX_POINTER),
        keyword: "uniqueMembers",
        message: "is given twice in its object; send each member once",
      },
    ];
  const numbers = inexactNumbers(value);
  if (numbers.length === 0) return schema.violations(draft.parsed, value.length);
  return schema.exactViolations(parseExactly(value, draft.parsed, numbers), value.length);
}
